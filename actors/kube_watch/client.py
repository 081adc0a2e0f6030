"""Edge: lists and watches the Kubernetes API, one thread per resource. The only file importing kubernetes.

A `Watch` tells one callback what it finds: `Listed` with all objects, then an `Event` per change, and a
`State` when it loses or regains the server. It resumes where it was when a connection ends, lists again when
the server has forgotten that place (410), and waits as long as there is no server. The callback is called on
the watch's thread and never after `stop()` has returned; it must be quick and must not raise.

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

from actors.kube_watch.watching import (
    WATCH_TIMEOUT_S,
    Line,
    Listed,
    Object,
    Page,
    Refused,
    Report,
    Resource,
    State,
    delay_s,
    list_query,
    meta_text,
    understood,
    version_of,
    watch_query,
)

load_kube_config: Any = config.load_kube_config  # untyped in the package
load_incluster_config: Any = config.load_incluster_config

CONNECT_S_MAX = 5.0
LIST_READ_S_MAX = 60.0
WATCH_READ_S_MAX = WATCH_TIMEOUT_S + 30.0  # silence of a server that did not end the watch as asked
WATCH_S_MIN = 1.0  # a watch that held this long resets the backoff
STOP_S_MAX = 0.9  # connecting and listing cannot be interrupted: such a thread is left to end by itself
LINE_BYTES_MAX = 16 * 2**20
READ_BYTES = 2**16
CONNECTIONS_MAX = 32
# A server whose machine vanished is noticed after 15 + 3 * 5 s.
KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]
# What the network, TLS, or an answer that is not Kubernetes' can raise. ValueError: a body that is not JSON.
TROUBLE = (Refused, urllib3.exceptions.HTTPError, OSError, msgspec.MsgspecError, ValueError, RecursionError)


class Api:
    """HTTP access to one API server."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.socket_options = KEEPALIVE
        configuration.connection_pool_maxsize = CONNECTIONS_MAX
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager

    @classmethod
    def from_environment(cls) -> "Api":
        """The server of $KUBECONFIG, else the one this pod runs in; raises ValueError without either."""
        configuration = Configuration()
        path = os.environ.get("KUBECONFIG", "")
        try:
            if path:
                load_kube_config(path, client_configuration=configuration)
            else:
                load_incluster_config(configuration)
        except Exception as error:  # whatever YAML, base64 and key files can raise
            where = f"KUBECONFIG {Path(path)}" if path else "in-cluster configuration"
            raise ValueError(f"{where}: {error}") from None
        return cls(configuration)

    def open(self, path: str, query: str, read_s: float) -> urllib3.BaseHTTPResponse:
        """A GET whose body is still to be read and whose response is to be closed; raises Refused."""
        url = f"{self._configuration.host}{path}" + (f"?{query}" if query else "")
        response = self._pool.request(
            "GET",
            url,
            headers=self._headers(),
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_S_MAX, read=read_s),
        )
        if response.status == 200:
            return response
        try:
            raise Refused(response.status, refusal(response.read(READ_BYTES)))
        finally:
            response.close()

    def read(self, path: str, query: str = "") -> bytes:
        """The body of a GET; raises Refused, urllib3's HTTPError, OSError."""
        response = self.open(path, query, LIST_READ_S_MAX)
        try:
            return response.read()
        finally:
            response.close()

    def groups(self) -> frozenset[str]:
        """The names of the API groups that the server offers."""
        found = msgspec.json.decode(self.read("/apis"), type=GroupList)
        return frozenset(group.name for group in found.groups)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "vppd"}
        # Asked each time: tokens of a pod expire, and this is where the package reads them again.
        settings: dict[str, Any] = dict(self._configuration.auth_settings())
        for setting in settings.values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers


class Group(msgspec.Struct):
    """One group of the discovery document."""

    name: str


class GroupList(msgspec.Struct):
    """The discovery document /apis."""

    groups: list[Group]


class Watch:
    """List and watch of one resource, from `start()` to `stop()`."""

    def __init__(self, api: Api, resource: Resource, callback: Callable[[Resource, Report], None]) -> None:
        self.resource = resource
        self._api, self._callback = api, callback
        self._version = ""  # "": to be listed
        self._failures = 0
        self._state: State | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards _response, and calls back only while not stopping
        self._response: urllib3.BaseHTTPResponse | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns in less than a second. Not to be called by the callback."""
        with self._lock:
            self._stopping.set()
            if self._response is not None:
                # Wakes a thread that waits for the next event; an error means that none waits any more.
                with contextlib.suppress(RuntimeError, ValueError, OSError):
                    self._response.shutdown()
        self._thread.join(STOP_S_MAX)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._list_once()
                self._watch_once()
            except TROUBLE as error:
                if isinstance(error, Refused) and error.code == 410:
                    self._version = ""
                else:
                    self._say(State(False, reason(error)))
            self._failures += 1
            self._stopping.wait(delay_s(self._failures, random.random()))

    def _list_once(self) -> None:
        """List, unless there is a version to resume from."""
        if self._version:
            return
        items: list[Object] = []
        page, version = "", ""
        while True:
            raw = self._api.read(self.resource.path, list_query(page))
            answer = msgspec.json.decode(raw, type=Page)
            items += answer.items or []
            whole = {"metadata": answer.metadata}
            version, page = version or version_of(whole), meta_text(whole, "continue")
            if not page:
                break
        self._say(State(True))
        self._say(Listed(items, version))
        self._version = version

    def _watch_once(self) -> None:
        response = self._api.open(self.resource.path, watch_query(self._version), WATCH_READ_S_MAX)
        begun = time.monotonic()
        try:
            with self._lock:
                self._response = response
                if self._stopping.is_set():
                    return
            self._say(State(True))
            for line in lines(response, self._stopping):
                self._hear(line)
        finally:
            with self._lock:
                self._response = None
            response.close()
            if time.monotonic() - begun >= WATCH_S_MIN:
                self._failures = 0

    def _hear(self, raw: bytes) -> None:
        line = msgspec.json.decode(raw, type=Line)
        event = understood(line)
        if event is not None:
            self._say(event)
        self._version = version_of(line.object) or self._version

    def _say(self, report: Report) -> None:
        if isinstance(report, State):
            if report == self._state:
                return
            self._state = report
        with self._lock:
            if not self._stopping.is_set():
                self._callback(self.resource, report)


def lines(response: urllib3.BaseHTTPResponse, stopping: threading.Event) -> Iterator[bytes]:
    """The lines of a streamed body; raises ValueError when one has no end."""
    rest = b""
    for chunk in response.stream(READ_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise ValueError(f"an event of more than {LINE_BYTES_MAX} bytes")
        yield from (line for line in whole if line)
        if stopping.is_set():
            return


def refusal(raw: bytes) -> str:
    """What a refusing answer says: the message of its Status, else its first words."""
    try:
        status = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        status = None
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else raw[:80].decode(errors="replace")


def reason(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
