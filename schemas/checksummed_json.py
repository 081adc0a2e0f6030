"""Lines of JSON on disk, each with its checksum: `crc32 JSON`, the checksum as eight hexadecimal digits. Pure.

Pod records and the guard's undo journal are written so: a line that a power failure has torn is known by its checksum.
"""

import zlib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def encode_checksummed_line(value: Any) -> bytes:
    """The line of a struct, with its newline."""
    body = msgspec.json.encode(value)
    return b"%s %s\n" % (_checksum(body), body)


def decode_checksummed_line(line: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
    """The struct of a line, with or without its newline; None: the line is damaged, or is of something else."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if checksum != _checksum(body):
        return None
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        return None


def _checksum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
