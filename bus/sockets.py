"""Edge: ZeroMQ sockets over `ipc://` in a 0700 directory. `connection_limit`, `remote_tap` and `tap_door` are the other
files that import zmq.

One endpoint, `broker`: a ROUTER, to which every process connects a DEALER.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import zmq
import zmq.asyncio

from bus import lock
from bus.connection_limit import ConnectionLimit
from bus.descriptors import raise_descriptor_limit
from bus.envelope import BUS_MESSAGE_BYTES_MAX
from bus.remote_tap import CurveKeys

_CLIENT_MESSAGES_MAX = 100_000  # the broker itself stops long before: bus.fanout.WINDOW_BYTES
_HANDSHAKE_MS = 3000  # whoever connects and says nothing of ZeroMQ's is cut off
_RECONNECT_MS = 50
_RECONNECT_MS_MAX = 500


class UnsafeBusDirectory(Exception):
    """The directory of the bus is missing, not ours, or open to others."""


class BrokerUnreachable(Exception):
    """The client's connection has ended."""


def prepare_bus_directory(directory: Path) -> None:
    """Makes the bus's directory, 0700. Raises UnsafeBusDirectory if others could enter it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.geteuid():
        raise UnsafeBusDirectory(f"{directory}: owned by uid {status.st_uid}, not by us ({os.geteuid()})")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UnsafeBusDirectory(f"{directory}: mode {stat.S_IMODE(status.st_mode):04o}, must be 0700")


def broker_address(directory: Path) -> str:
    """The broker's address for the processes of its machine."""
    return f"ipc://{directory}/broker"


class BrokerSockets:
    """The broker's bound socket, for the processes of its machine."""

    def __init__(self, directory: Path) -> None:
        """Raises UnsafeBusDirectory, LockFileHeld, OSError."""
        self._directory = directory
        self._lock = self._take_directory()
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.setsockopt(zmq.MAXMSGSIZE, BUS_MESSAGE_BYTES_MAX)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._router.setsockopt(zmq.SNDHWM, _CLIENT_MESSAGES_MAX)
        self._router.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
        self._limit = ConnectionLimit(self._router, directory / "broker", raise_descriptor_limit())
        self._bind()

    def _take_directory(self) -> int:
        """Makes the directory ours alone. Returns its lock. Raises UnsafeBusDirectory, LockFileHeld, OSError."""
        prepare_bus_directory(self._directory)
        return lock.acquire_lock_file(self._directory / "lock")

    def _bind(self) -> None:
        self._router.bind(broker_address(self._directory))
        self._inode = _inode(self._directory / "broker")

    def mend(self) -> bool:
        """Binds anew if somebody has deleted the socket or its directory, for nobody could come in. Was it so?

        Raises UnsafeBusDirectory, OSError, TooManyConnections; LockFileHeld: another bus has been started in the
        directory.
        """
        self._limit.check()
        lock_stays = lock.is_open_file_at(self._directory / "lock", self._lock)
        if lock_stays and _inode(self._directory / "broker") == self._inode:
            return False
        if not lock_stays:
            earlier, self._lock = self._lock, self._take_directory()
            os.close(earlier)
        with suppress(zmq.ZMQError):
            self._router.unbind(broker_address(self._directory))
        try:
            self._bind()
        except zmq.ZMQError as error:
            raise OSError(error.errno, f"{self._directory}/broker: {error.strerror}") from None
        return True

    def receive(self, wait_s: float, messages_max: int = 200) -> Iterator[tuple[bytes, bytes]]:
        """(identity, data) of what waits, at most `messages_max`; waits up to `wait_s` for a first one.

        A message of the wrong number of frames comes out as empty data, which nobody can read.
        """
        if not self.has_input(wait_s):
            return
        for _ in range(messages_max):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            yield frames[0], frames[1] if len(frames) == 2 else b""

    def has_input(self, wait_s: float = 0.0) -> bool:
        """Is there a message to be received, or will there be one within that time?"""
        return bool(self._router.poll(int(wait_s * 1000)))

    def send(self, identity: bytes, data: bytes) -> bool:
        """To one client. False: it has not read for too long. Raises BrokerUnreachable."""
        try:
            self._router.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                raise BrokerUnreachable(identity) from None
            return False
        return True

    def close(self) -> None:
        self._limit.stop()
        self._router.close()
        self._context.term()
        os.close(self._lock)


def _inode(path: Path) -> int:
    """Of the file at `path`; 0: there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


class BusClientSocket:
    """A process's socket on the bus, for asyncio."""

    def __init__(self, address: str, identity: bytes, keys: CurveKeys | None = None) -> None:
        """`address`: what `broker_address` gives, or, with keys, that of a broker's socket for remote taps."""
        self._context = zmq.asyncio.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.LINGER, 0)
        self._dealer.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self._dealer.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MS_MAX)
        self._dealer.setsockopt(zmq.MAXMSGSIZE, BUS_MESSAGE_BYTES_MAX)
        self._dealer.setsockopt(zmq.IDENTITY, identity)
        # IMMEDIATE: nothing queues for a broker that is away; publishers send it again to the next one.
        self._dealer.setsockopt(zmq.IMMEDIATE, 1)
        self._dealer.setsockopt(zmq.SNDHWM, _CLIENT_MESSAGES_MAX)
        if keys is not None:
            self._dealer.curve_publickey, self._dealer.curve_secretkey = keys.public, keys.secret
            self._dealer.curve_serverkey = keys.server
        self._address = address
        self._dealer.connect(address)

    def reconnect(self) -> None:
        """Gives the connection up and makes another; what was under way is lost."""
        with suppress(zmq.ZMQError):  # it may have ended by itself
            self._dealer.disconnect(self._address)
        self._dealer.connect(self._address)

    async def send(self, data: bytes) -> bool:
        """To the broker. False: it is away, or has not read for long."""
        try:
            await self._dealer.send(data, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    async def receive(self) -> bytes:
        """The next message from the broker."""
        frames: list[bytes] = await self._dealer.recv_multipart()
        return frames[-1]

    def close(self) -> None:
        self._dealer.close()
        self._context.term()
