"""Edge: ZeroMQ sockets over `ipc://` in a 0700 directory. The only file that imports zmq.

Two endpoints, both bound by the broker alone: `broker` (ROUTER; every process connects a DEALER)
and `fanout` (XPUB; every hearer connects a SUB).
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import zmq
import zmq.asyncio

from bus.envelope import BEACON_TOPIC, MESSAGE_BYTES_MAX

FANOUT_MESSAGES_MAX = 10_000  # a hearer this far behind misses messages, notices, and takes a snapshot
CLIENT_MESSAGES_MAX = 10_000
RECONNECT_MS = 50
RECONNECT_MS_MAX = 500


class UnsafeDirectory(Exception):
    """The directory of the bus is missing, not ours, or open to others."""


def prepare_directory(directory: Path) -> None:
    """Makes the bus's directory, 0700. Raises UnsafeDirectory if others could enter it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.geteuid():
        raise UnsafeDirectory(f"{directory}: owned by uid {found.st_uid}, not by us ({os.geteuid()})")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeDirectory(f"{directory}: mode {stat.S_IMODE(found.st_mode):04o}, must be 0700")


class BrokerSockets:
    """The broker's two bound sockets, polled together."""

    def __init__(self, directory: Path) -> None:
        prepare_directory(directory)
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._fanout = self._context.socket(zmq.XPUB)
        for socket in (self._router, self._fanout):
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._router.setsockopt(zmq.SNDHWM, CLIENT_MESSAGES_MAX)
        self._fanout.setsockopt(zmq.SNDHWM, FANOUT_MESSAGES_MAX)
        self._router.bind(f"ipc://{directory}/broker")
        self._fanout.bind(f"ipc://{directory}/fanout")
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._fanout, zmq.POLLIN)

    def receive(self, wait_s: float, messages_max: int = 200) -> Iterator[tuple[bytes, bytes]]:
        """(identity, data) of what waits, at most `messages_max`; waits up to `wait_s` for a first one.

        A message of the wrong number of frames comes out as empty data, which nobody can read.
        """
        if not self._poller.poll(int(wait_s * 1000)):
            return
        self._drop_subscriptions()
        for _ in range(messages_max):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            yield frames[0], frames[1] if len(frames) == 2 else b""

    def _drop_subscriptions(self) -> None:
        """XPUB reports subscriptions; nobody needs to know."""
        try:
            while True:
                self._fanout.recv(zmq.NOBLOCK)
        except zmq.Again:
            return

    def send(self, identity: bytes, data: bytes) -> bool:
        """To one client. False: it is gone, or has not read for too long."""
        try:
            self._router.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def fan_out(self, topic: bytes, data: bytes) -> None:
        """To all hearers of `topic`."""
        self._fanout.send_multipart([topic, data], zmq.NOBLOCK)

    def close(self) -> None:
        self._router.close()
        self._fanout.close()
        self._context.term()


class ClientSockets:
    """A process's two sockets on the bus, for asyncio."""

    def __init__(self, directory: Path, identity: bytes) -> None:
        self._context = zmq.asyncio.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        self._hearer = self._context.socket(zmq.SUB)
        for socket in (self._dealer, self._hearer):
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
            socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self._dealer.setsockopt(zmq.IDENTITY, identity)
        # IMMEDIATE: nothing queues for a broker that is away; what it missed is said again to the next one.
        self._dealer.setsockopt(zmq.IMMEDIATE, 1)
        self._dealer.setsockopt(zmq.SNDHWM, CLIENT_MESSAGES_MAX)
        self._hearer.setsockopt(zmq.RCVHWM, FANOUT_MESSAGES_MAX)
        self._hearer.setsockopt(zmq.SUBSCRIBE, BEACON_TOPIC)
        self._dealer.connect(f"ipc://{directory}/broker")
        self._hearer.connect(f"ipc://{directory}/fanout")

    def subscribe(self, topic: bytes) -> None:
        """Hears all messages whose topic starts with `topic`."""
        self._hearer.setsockopt(zmq.SUBSCRIBE, topic)

    async def send(self, data: bytes) -> bool:
        """To the broker. False: it is away, or has not read for too long."""
        try:
            await self._dealer.send(data, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    async def receive(self) -> bytes:
        """The next message from the broker to us alone."""
        frames: list[bytes] = await self._dealer.recv_multipart()
        return frames[-1]

    async def hear(self) -> bytes:
        """The next message from the broker to all hearers."""
        frames: list[bytes] = await self._hearer.recv_multipart()
        return frames[-1]

    def close(self) -> None:
        self._dealer.close()
        self._hearer.close()
        self._context.term()
