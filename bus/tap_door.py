"""The door for taps on other machines: a process of its own, which the broker's process starts (`bus.tap_door`).

It holds the TCP socket, and for each remote tap a connection to the broker under the tap's own name; frames pass as
they are. What comes from the network can end this process at most: the broker starts another.
"""

import os
import sys
import time
from pathlib import Path

import zmq

from bus.descriptors import raise_descriptor_limit
from bus.envelope import REMOTE_TAP_PREFIX
from bus.log import ProcessLog
from bus.remote_tap import BadCurveKeys, RemoteTapSocket
from bus.sockets import broker_address
from schemas.config import NodeConfigError, node_config_from_env

_EXIT_CANNOT_LISTEN = 2
READY = b"ready\n"
_TAPS_MAX = 16
_SILENT_S_MAX = 10.0  # a tap says hello twice a second
_POLL_MS = 500
_FRAMES_MAX = 20  # of one socket at a time


class _TapDoor:
    """Passes frames between remote taps and the broker."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", remote: RemoteTapSocket, broker: str) -> None:
        self._context, self._remote, self._broker = context, remote, broker
        self._taps: dict[bytes, zmq.Socket[bytes]] = {}  # by the tap's identity
        self._heard_at: dict[bytes, float] = {}
        self._poller = zmq.Poller()
        self._poller.register(remote.socket, zmq.POLLIN)
        self._poller.register(sys.stdin.fileno(), zmq.POLLIN)

    def serve(self) -> None:
        """Until the broker's process has ended."""
        while True:
            ready = dict(self._poller.poll(_POLL_MS))
            if sys.stdin.fileno() in ready:
                return
            self._remote.bound_connections()
            if self._remote.socket in ready:
                self._from_taps()
            for identity, tap in list(self._taps.items()):
                if tap in ready:
                    self._to_tap(identity, tap)
                elif time.monotonic() - self._heard_at[identity] > _SILENT_S_MAX:
                    self._forget(identity)

    def _from_taps(self) -> None:
        for _ in range(_FRAMES_MAX):
            try:
                identity, *frames = self._remote.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if not identity.startswith(REMOTE_TAP_PREFIX):  # nobody takes a name of the processes on the bus
                continue
            if identity not in self._taps and len(self._taps) < _TAPS_MAX:
                self._connect(identity)
            if (tap := self._taps.get(identity)) is not None:
                self._heard_at[identity] = time.monotonic()
                self._pass(tap, frames)

    def _connect(self, identity: bytes) -> None:
        tap = self._context.socket(zmq.DEALER)
        tap.setsockopt(zmq.LINGER, 0)
        tap.setsockopt(zmq.IDENTITY, identity)
        tap.connect(self._broker)
        self._taps[identity] = tap
        self._poller.register(tap, zmq.POLLIN)

    def _to_tap(self, identity: bytes, tap: "zmq.Socket[bytes]") -> None:
        for _ in range(_FRAMES_MAX):
            try:
                frames = tap.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if not self._pass(self._remote.socket, [identity, *frames]):
                self._forget(identity)
                return

    @staticmethod
    def _pass(socket: "zmq.Socket[bytes]", frames: list[bytes]) -> bool:
        """False: nobody is there. What a tap does not read in time is lost; the broker counts what it has not read."""
        try:
            socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            return error.errno != zmq.EHOSTUNREACH
        return True

    def _forget(self, identity: bytes) -> None:
        tap = self._taps.pop(identity)
        del self._heard_at[identity]
        self._poller.unregister(tap)
        tap.close()


def main() -> int:
    """Serves until its standard input ends. Exit code 2: it cannot listen, and has said why."""
    log = ProcessLog("tap-door")
    raise_descriptor_limit()
    context = zmq.Context()
    try:
        config = node_config_from_env(os.environ, required=())
        remote = RemoteTapSocket(context, config.tap_address, Path(config.tap_keys))
    except (NodeConfigError, BadCurveKeys) as error:
        log.error("cannot start", why=error)
        return _EXIT_CANNOT_LISTEN
    except zmq.ZMQError as error:
        log.error("cannot start", why=f"{config.tap_address}: {error.strerror}")
        return _EXIT_CANNOT_LISTEN
    os.write(sys.stdout.fileno(), READY)
    log.info("listening", address=config.tap_address)
    _TapDoor(context, remote, broker_address(config.bus)).serve()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # no tap keeps it: there is nothing to be closed in order
