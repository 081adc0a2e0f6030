"""The dataplane driver as Felix runs it: a child with a pipe each way, and messages with a length before them.

Source: Calico's felix/dataplane/external. The child gets no arguments and Felix's environment; it reads from
descriptor 3 and writes to descriptor 4. A message is 8 bytes of length, little-endian, and so many bytes of protobuf.
"""

import asyncio
import fcntl
import os
import signal
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LENGTH = struct.Struct("<Q")
MESSAGE_BYTES_MAX = 256 * 2**20
READ_FD, WRITE_FD = 3, 4
FD_MIN = 64  # ours are moved up there, out of the way of the child's 3 and 4
STOP_S = 4.0
POLL_S = 0.02


class DriverGone(Exception):
    """The driver ended, closed its pipe, or sent malformed data; the text says which."""


class DriverProcess:
    """A running driver."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, to_child: int) -> None:
        self.pid = pid
        self._reader, self._to_child = reader, to_child

    @classmethod
    async def start(cls, path: Path, environment: Mapping[str, str]) -> "DriverProcess":
        """Starts the driver. Raises DriverGone when it cannot be executed."""
        pid, we_read, we_write = spawn(path, environment)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(we_read, "rb", 0))
        return cls(pid, reader, we_write)

    async def send(self, *messages: bytes) -> None:
        """Messages, one behind the other; waits as long as the driver does not read. Raises DriverGone."""
        data = b"".join(LENGTH.pack(len(message)) + message for message in messages)
        try:
            await asyncio.to_thread(write_all, self._to_child, data)
        except OSError as error:
            raise DriverGone(f"cannot write to the driver: {error.strerror}") from None

    async def receive(self) -> bytes:
        """The next message. Raises DriverGone."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MESSAGE_BYTES_MAX:
                raise DriverGone(f"a message of {length} bytes")
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            raise DriverGone("the driver closed its pipe") from None

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if it is still there after 4 s."""
        for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            ends_at = time.monotonic() + patience_s
            while time.monotonic() < ends_at:
                if has_ended(self.pid):
                    return
                await asyncio.sleep(POLL_S)


def spawn(path: Path, environment: Mapping[str, str]) -> tuple[int, int, int]:
    """(pid, descriptor to read from, descriptor to write to) of a new driver. Raises DriverGone."""
    child_reads, we_write = high_pipe()
    we_read, child_writes = high_pipe()
    actions = [(os.POSIX_SPAWN_DUP2, child_reads, READ_FD), (os.POSIX_SPAWN_DUP2, child_writes, WRITE_FD)]
    try:
        return os.posix_spawn(path, [str(path)], dict(environment), file_actions=actions), we_read, we_write
    except OSError as error:
        raise DriverGone(f"{path}: {error.strerror}") from None
    finally:
        os.close(child_reads)
        os.close(child_writes)


def has_ended(pid: int) -> bool:
    """Whether a child has ended; it is reaped then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def write_all(descriptor: int, data: bytes) -> None:
    """Writes everything. Raises OSError."""
    unwritten = memoryview(data)
    while unwritten:
        unwritten = unwritten[os.write(descriptor, unwritten) :]


def high_pipe() -> tuple[int, int]:
    """(read end, write end) of a pipe, with high numbers, closed on exec."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FD_MIN) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
