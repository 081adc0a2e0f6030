"""One API client: the 16-byte framing of VPP's socket, both ways (VPP: vlibmemory/socket_api.c).

A frame is u64 unused, u32 length, u32 unused, then the message. Input may come in any pieces; output that the
client does not read is kept, and a client that lets BACKLOG_BYTES_MAX pile up is disconnected.
"""

import socket
import struct
from collections.abc import Iterator

HEADER = struct.Struct(">QII")
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""Longer than any message of VPP: a greater length is garbage that cannot be skipped."""
BACKLOG_BYTES_MAX = 256 * 1024 * 1024


class Disconnected(Exception):
    """The client has hung up, or broke the framing."""


class ApiConnection:
    """A connected client; its messages carry `index`."""

    def __init__(self, connection: socket.socket, index: int) -> None:
        self.connection = connection
        self.index = index
        self.name = "?"
        self.leaving = False
        self._input = bytearray()
        self._output = bytearray()
        connection.setblocking(False)

    def fileno(self) -> int:
        return self.connection.fileno()

    def receive(self) -> Iterator[bytes]:
        """Complete messages that have come in; raises Disconnected at the end of the stream."""
        try:
            chunk = self.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            raise Disconnected(str(error)) from error
        if not chunk:
            raise Disconnected("closed")
        self._input += chunk
        yield from self._messages()

    def _messages(self) -> Iterator[bytes]:
        start = 0
        while len(self._input) - start >= HEADER.size:
            _, length, _ = HEADER.unpack_from(self._input, start)
            if length > MESSAGE_BYTES_MAX:
                raise Disconnected(f"message of {length} bytes")
            end = start + HEADER.size + length
            if end > len(self._input):
                break
            yield bytes(self._input[start + HEADER.size : end])
            start = end
        del self._input[:start]

    def send(self, message: bytes) -> None:
        """Queue one message; `flush` sends."""
        self._output += HEADER.pack(0, len(message), 0)
        self._output += message
        if len(self._output) > BACKLOG_BYTES_MAX:
            raise Disconnected("does not read")

    def flush(self) -> bool:
        """Send what can be sent now; True while something is left."""
        try:
            while self._output:
                del self._output[: self.connection.send(self._output)]
        except BlockingIOError:
            return True
        except OSError as error:
            raise Disconnected(str(error)) from error
        return False
