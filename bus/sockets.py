"""Edge: ZeroMQ sockets over `ipc://` in a 0700 directory. Only this file and `remote_tap.py` import zmq.

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
from bus.envelope import BUS_MESSAGE_BYTES_MAX, REMOTE_TAP_PREFIX
from bus.remote_tap import CurveKeys, RemoteTapSocket

_CLIENT_MESSAGES_MAX = 100_000  # the broker itself stops long before: bus.fanout.WINDOW_BYTES
_REMOTE_MESSAGES_MAX = 20  # at a time, from the socket for remote taps
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


class CannotListenForTaps(Exception):
    """The address for remote taps cannot be listened on."""


def broker_address(directory: Path) -> str:
    """The broker's address for the processes of its machine."""
    return f"ipc://{directory}/broker"


class BrokerSockets:
    """The broker's bound sockets: one for local processes, one for remote taps unless `tap_address` is empty."""

    def __init__(self, directory: Path, tap_address: str = "", tap_keys: Path = Path()) -> None:
        """Raises UnsafeBusDirectory, LockFileHeld, OSError, BadCurveKeys, CannotListenForTaps."""
        self._directory = directory
        self._lock = self._take_directory()
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.setsockopt(zmq.MAXMSGSIZE, BUS_MESSAGE_BYTES_MAX)
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._router.setsockopt(zmq.SNDHWM, _CLIENT_MESSAGES_MAX)
        self._bind()
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._remote = self._remote_socket(tap_address, tap_keys) if tap_address else None

    def _take_directory(self) -> int:
        """Makes the directory ours alone. Returns its lock. Raises UnsafeBusDirectory, LockFileHeld, OSError."""
        prepare_bus_directory(self._directory)
        return lock.acquire_lock_file(self._directory / "lock")

    def _bind(self) -> None:
        self._router.bind(broker_address(self._directory))
        self._inode = _inode(self._directory / "broker")

    def mend(self) -> bool:
        """Binds anew if somebody has deleted the socket or its directory, for nobody could come in. Was it so?

        Raises UnsafeBusDirectory, OSError; LockFileHeld: another bus has been started in the directory.
        """
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

    def _remote_socket(self, address: str, keys: Path) -> RemoteTapSocket:
        try:
            remote = RemoteTapSocket(self._context, address, keys)
        except zmq.ZMQError as error:
            raise CannotListenForTaps(f"{address}: {error.strerror}") from None
        self._poller.register(remote.socket, zmq.POLLIN)
        return remote

    def receive(self, wait_s: float, messages_max: int = 200) -> Iterator[tuple[bytes, bytes]]:
        """(identity, data) of what waits, at most `messages_max`; waits up to `wait_s` for a first one.

        A message of the wrong number of frames comes out as empty data, which nobody can read.
        """
        ready = dict(self._poller.poll(int(wait_s * 1000)))
        for socket in ready:
            is_remote = self._remote is not None and socket is self._remote.socket
            for _ in range(_REMOTE_MESSAGES_MAX if is_remote else messages_max):
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if (
                    frames[0].startswith(REMOTE_TAP_PREFIX) == is_remote
                ):  # nobody takes a name of the other socket's clients
                    yield frames[0], frames[1] if len(frames) == 2 else b""

    def has_input(self, wait_s: float = 0.0) -> bool:
        """Is there a message to be received, or will there be one within that time?"""
        return bool(self._poller.poll(int(wait_s * 1000)))

    def send(self, identity: bytes, data: bytes) -> bool:
        """To one client. False: it has not read for too long. Raises BrokerUnreachable."""
        remote = self._remote if identity.startswith(REMOTE_TAP_PREFIX) else None
        socket = remote.socket if remote is not None else self._router
        try:
            socket.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                raise BrokerUnreachable(identity) from None
            return False
        return True

    def close(self) -> None:
        if self._remote is not None:
            self._remote.close()
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
