"""Edge: writes annotations of our own Node, in a thread, again and again until the server takes them.

A merge patch of single annotations cannot conflict with what others write into the same object. One request at a time,
and after a refusal the pauses of the watches: so a server in trouble is left alone.
"""

import random
import threading
from collections.abc import Callable, Mapping

from actors.kube_watch.client import KUBE_API_ERRORS, KubeApiClient, kube_error_text
from actors.kube_watch.list_watch import kube_retry_delay_s


class NodeAnnotationWriter:
    """The annotations that are to be written; each new state replaces the one before."""

    def __init__(self, node: str, told: Callable[[str], None]) -> None:
        """`told` is called on the thread with why the last attempt failed; "": it did not."""
        self._node, self._told = node, told
        self._wanted: Mapping[str, str] = {}
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def apply(self, state: Mapping[str, str]) -> None:
        """Stores what is to be written; {}: nothing."""
        if state != self._wanted:
            self._wanted = dict(state)
            self._changed.set()

    def start(self, api: KubeApiClient) -> None:
        """Starts the thread; returns at once."""
        self._thread = threading.Thread(target=self._run, args=(api,), name="node-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, or leaves it to end by itself after a request that hangs."""
        self._stopping.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join(0.5)

    def _run(self, api: KubeApiClient) -> None:
        while not self._stopping.is_set():
            self._changed.wait()
            self._changed.clear()
            failures = 0
            while self._wanted and not self._stopping.is_set():
                wanted = self._wanted
                try:
                    api.merge_patch(f"/api/v1/nodes/{self._node}", {"metadata": {"annotations": dict(wanted)}})
                except KUBE_API_ERRORS as error:
                    failures += 1
                    self._told(f"{', '.join(wanted)} not written: {kube_error_text(error)}")
                    self._changed.wait(kube_retry_delay_s(failures, random.random()))
                    self._changed.clear()
                else:
                    self._told("")
                    break
