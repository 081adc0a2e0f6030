"""Edge: lists, watches and patches in the Kubernetes API, a thread per resource. The only file importing kubernetes.

A `KubeResourceWatch` reports to one callback: a `KubeListResult` with all objects, then a `KubeWatchEvent` per change,
and a `KubeWatchConnection` when it loses or regains the server. It resumes where it was when a connection ends, lists
again when the server has forgotten that place (410), and waits as long as there is no server. The callback is called
on the watch's thread and never after `stop()` has returned; it must be quick and must not raise.

Memory: objects stay plain JSON; of the kubernetes package only configuration (kubeconfig, in-cluster) and the
HTTP pool are used. A process that imports this file takes 39 MB PSS (CPython 3.11, kubernetes 37, x86-64;
bare interpreter 7 MB); with the generated API classes it would be 61 MB. Most of it is what
`kubernetes.config` imports for OAuth kubeconfigs.
"""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from kubernetes import config
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject

from actors.kube_watch.list_watch import (
    KUBE_WATCH_TIMEOUT_S,
    KubeApiRefused,
    KubeApiResource,
    KubeJsonObject,
    KubeListPage,
    KubeListResult,
    KubeWatchConnection,
    KubeWatchLine,
    KubeWatchReport,
    kube_list_query,
    kube_metadata_text,
    kube_resource_version,
    kube_retry_delay_s,
    kube_watch_event_of,
    kube_watch_query,
)

_load_kube_config: Any = config.load_kube_config  # untyped in the package
_load_incluster_config: Any = config.load_incluster_config

_CONNECT_S_MAX = 5.0
_LIST_READ_S_MAX = 60.0
_WRITE_READ_S_MAX = 10.0
_WATCH_READ_S_MAX = KUBE_WATCH_TIMEOUT_S + 30.0  # silence of a server that did not end the watch as asked
_WATCH_S_MIN = 1.0  # a watch that held this long resets the backoff
_STOP_S_MAX = 0.9  # connecting and listing cannot be interrupted: such a thread is left to end by itself
_LINE_BYTES_MAX = 16 * 2**20
_READ_BYTES = 2**16
_CONNECTIONS_MAX = 32
# A server whose machine vanished is noticed after 15 + 3 * 5 s.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]
# Raised by the network, TLS, and answers that are not Kubernetes'. ValueError: a body that is not JSON.
KUBE_API_ERRORS = (
    KubeApiRefused,
    urllib3.exceptions.HTTPError,
    OSError,
    msgspec.MsgspecError,
    ValueError,
    RecursionError,
)


class KubeApiClient:
    """HTTP access to one API server."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.socket_options = _KEEPALIVE
        configuration.connection_pool_maxsize = _CONNECTIONS_MAX
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager

    @classmethod
    def from_environment(cls) -> "KubeApiClient":
        """The server of $KUBECONFIG, else the one this pod runs in; raises ValueError without either."""
        configuration = Configuration()
        path = os.environ.get("KUBECONFIG", "")
        try:
            if path:
                _load_kube_config(path, client_configuration=configuration)
            else:
                _load_incluster_config(configuration)
        except Exception as error:  # whatever YAML, base64 and key files can raise
            where = f"KUBECONFIG {Path(path)}" if path else "in-cluster configuration"
            raise ValueError(f"{where}: {error}") from None
        return cls(configuration)

    def open(self, path: str, query: str, read_s: float) -> urllib3.BaseHTTPResponse:
        """A GET whose body is still to be read and whose response is to be closed; raises KubeApiRefused."""
        url = f"{self._configuration.host}{path}" + (f"?{query}" if query else "")
        response = self._pool.request(
            "GET",
            url,
            headers=self._headers(),
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_S_MAX, read=read_s),
        )
        if response.status == 200:
            return response
        try:
            raise KubeApiRefused(response.status, _refusal_text(response.read(_READ_BYTES)))
        finally:
            response.close()

    def read(self, path: str, query: str = "") -> bytes:
        """The body of a GET; raises KubeApiRefused, urllib3's HTTPError, OSError."""
        response = self.open(path, query, _LIST_READ_S_MAX)
        try:
            return response.read()
        finally:
            response.close()

    def merge_patch(self, path: str, change: KubeJsonObject) -> None:
        """Merges `change` into an object (RFC 7386); raises KubeApiRefused, urllib3's HTTPError, OSError."""
        response = self._pool.request(
            "PATCH",
            f"{self._configuration.host}{path}",
            headers={**self._headers(), "Content-Type": "application/merge-patch+json"},
            body=msgspec.json.encode(change),
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_S_MAX, read=_WRITE_READ_S_MAX),
        )
        if response.status != 200:
            raise KubeApiRefused(response.status, _refusal_text(response.data[:_READ_BYTES]))

    def groups(self) -> frozenset[str]:
        """The names of the API groups that the server offers."""
        group_list = msgspec.json.decode(self.read("/apis"), type=_ApiGroupList)
        return frozenset(group.name for group in group_list.groups)

    def close(self) -> None:
        """Closes idle connections."""
        self._pool.clear()

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "vppd"}
        # Asked each time: tokens of a pod expire, and this is where the package reads them again.
        settings: dict[str, Any] = dict(self._configuration.auth_settings())
        for setting in settings.values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers


class _ApiGroup(msgspec.Struct):
    """One group of the discovery document."""

    name: str


class _ApiGroupList(msgspec.Struct):
    """The discovery document /apis."""

    groups: list[_ApiGroup]


class KubeResourceWatch:
    """List and watch of one resource, from `start()` to `stop()`."""

    def __init__(
        self,
        api: KubeApiClient,
        resource: KubeApiResource,
        callback: Callable[[KubeApiResource, KubeWatchReport], None],
    ) -> None:
        self.resource = resource
        self._api, self._callback = api, callback
        self._version = ""  # "": to be listed
        self._failures = 0
        self._state: KubeWatchConnection | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards _response, and calls back only while not stopping
        self._response: urllib3.BaseHTTPResponse | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        """Starts the thread; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch in less than a second. Not to be called by the callback."""
        with self._lock:
            self._stopping.set()
            if self._response is not None:
                # Wakes a thread that waits for the next event; an error means that none waits any more.
                with contextlib.suppress(RuntimeError, ValueError, OSError):
                    self._response.shutdown()
        self._thread.join(_STOP_S_MAX)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._list_once()
                self._watch_once()
            except KUBE_API_ERRORS as error:
                if isinstance(error, KubeApiRefused) and error.code == 410:
                    self._version = ""
                else:
                    self._report(KubeWatchConnection(False, kube_error_text(error)))
            self._failures += 1
            self._stopping.wait(kube_retry_delay_s(self._failures, random.random()))

    def _list_once(self) -> None:
        """Lists, unless there is a version to resume from."""
        if self._version:
            return
        items: list[KubeJsonObject] = []
        page, version = "", ""
        while True:
            raw = self._api.read(self.resource.path, kube_list_query(page))
            answer = msgspec.json.decode(raw, type=KubeListPage)
            items += answer.items or []
            whole = {"metadata": answer.metadata}
            version, page = version or kube_resource_version(whole), kube_metadata_text(whole, "continue")
            if not page:
                break
        self._report(KubeWatchConnection(True))
        self._report(KubeListResult(items, version))
        self._version = version

    def _watch_once(self) -> None:
        response = self._api.open(self.resource.path, kube_watch_query(self._version), _WATCH_READ_S_MAX)
        opened_at = time.monotonic()
        try:
            with self._lock:
                self._response = response
                if self._stopping.is_set():
                    return
            self._report(KubeWatchConnection(True))
            for line in _response_lines(response, self._stopping):
                self._handle_line(line)
        finally:
            with self._lock:
                self._response = None
            response.close()
            if time.monotonic() - opened_at >= _WATCH_S_MIN:
                self._failures = 0

    def _handle_line(self, raw: bytes) -> None:
        line = msgspec.json.decode(raw, type=KubeWatchLine)
        event = kube_watch_event_of(line)
        if event is not None:
            self._report(event)
        self._version = kube_resource_version(line.object) or self._version

    def _report(self, report: KubeWatchReport) -> None:
        if isinstance(report, KubeWatchConnection):
            if report == self._state:
                return
            self._state = report
        with self._lock:
            if not self._stopping.is_set():
                self._callback(self.resource, report)


def _response_lines(response: urllib3.BaseHTTPResponse, stopping: threading.Event) -> Iterator[bytes]:
    """The lines of a streamed body; raises ValueError when one has no end."""
    unfinished = b""
    for chunk in response.stream(_READ_BYTES):
        *whole, unfinished = (unfinished + chunk).split(b"\n")
        if len(unfinished) > _LINE_BYTES_MAX:
            raise ValueError(f"an event of more than {_LINE_BYTES_MAX} bytes")
        yield from (line for line in whole if line)
        if stopping.is_set():
            return


def _refusal_text(raw: bytes) -> str:
    """Why the server refuses: the message of its Status, else the answer's first words."""
    try:
        status = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        status = None
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else raw[:80].decode(errors="replace")


def kube_error_text(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
