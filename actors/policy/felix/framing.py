"""Messages in a stream of bytes: 8 bytes of length, little-endian, then so many bytes. Pure."""

import struct
from collections.abc import Iterator

_LENGTH = struct.Struct("<Q")
_MESSAGE_BYTES_MAX = 256 << 20


class FelixMessageTooLong(Exception):
    """No message is that long: the stream cannot be read any further."""


class FelixFrames:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; returns the messages that are complete now. Raises FelixMessageTooLong."""
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, at)
                if length > _MESSAGE_BYTES_MAX:
                    raise FelixMessageTooLong(f"a message of {length} bytes, more than {_MESSAGE_BYTES_MAX}")
                end = at + _LENGTH.size + length
                if len(self._buffer) < end:
                    return
                message = bytes(self._buffer[at + _LENGTH.size : end])
                at = end
                yield message
        finally:
            del self._buffer[:at]


def felix_frame(message: bytes) -> bytes:
    """A message with its length before it."""
    return _LENGTH.pack(len(message)) + message
