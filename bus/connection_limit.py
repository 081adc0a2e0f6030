"""Edge: a thread that closes the broker's door when too many have come in.

libzmq takes every connection, and ends the process when no descriptor is left for one more (4.3.5,
`ipc_listener_t::accept`). It tells of each one that it has taken; the thread counts them, and beyond the limit removes
the socket's name at once, so that nobody else finds it, while there still are descriptors in reserve.
"""

import threading
from pathlib import Path
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

_CONNECTIONS_MAX = 1024
_RESERVED_SHARE = 2  # one in so many descriptors is kept for what comes before the thread has counted


class TooManyConnections(Exception):
    """More are connected than there may be; the text says how many."""


class ConnectionLimit:
    """The connections of one bound socket. Its name is that of a file."""

    def __init__(self, socket: "zmq.Socket[bytes]", path: Path, descriptors_max: int) -> None:
        self._path = path
        self._max = min(_CONNECTIONS_MAX, descriptors_max // _RESERVED_SHARE)
        self._socket, self._count, self._closed = socket, 0, False
        events = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_MONITOR_STOPPED
        self._monitor: Any = socket.get_monitor_socket(events)
        self._thread = threading.Thread(target=self._watch, name="connection limit", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while (event := recv_monitor_message(self._monitor))["event"] != zmq.EVENT_MONITOR_STOPPED:
            self._count += 1 if event["event"] == zmq.EVENT_ACCEPTED else -1
            if self._count > self._max:
                self._closed = True
                self._path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raises TooManyConnections while nobody else may come in, which ends when a quarter has gone."""
        if not self._closed:
            return
        if self._count > self._max * 3 // 4:
            raise TooManyConnections(f"{self._count} connections, {self._max} may be")
        self._closed = False

    def stop(self) -> None:
        """Counts no more; to be called before the socket is closed."""
        self._socket.disable_monitor()
        self._thread.join()
        self._monitor.close()
