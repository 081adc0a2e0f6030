"""The SCTP packets of a probe: INIT, INIT ACK, ABORT (RFC 9260, sections 3.1 to 3.3). Pure.

An association is not completed: whether INIT passes and INIT ACK comes back is what a policy or a service decides.
The answer's text travels in the State Cookie, whose content is the server's own affair (section 3.3.3.1).
"""

import struct
from dataclasses import dataclass

INIT, INIT_ACK, ABORT = 1, 2, 6
STATE_COOKIE = 7
_HEADER = struct.Struct("!HHI4s")
_CHUNK = struct.Struct("!BBH")
_INIT = struct.Struct("!IIHHI")  # initiate tag, receiver window, streams out and in, first TSN
_PARAMETER = struct.Struct("!HH")
_WINDOW, _STREAMS = 65536, 1
_TAG_REFLECTED = 1  # ABORT's T bit: the tag is the peer's own


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _table()


def crc32c(data: bytes) -> int:
    """CRC32c (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class SctpPacket:
    """A packet with one chunk that matters here; `initiate_tag` and `cookie` are of INIT and INIT ACK."""

    source: int
    destination: int
    tag: int
    chunk: int
    initiate_tag: int = 0
    cookie: bytes = b""


def encode(packet: SctpPacket) -> bytes:
    """The packet's bytes, checksum included."""
    if packet.chunk == ABORT:
        chunk = _CHUNK.pack(ABORT, _TAG_REFLECTED, _CHUNK.size)
    else:
        body = _INIT.pack(packet.initiate_tag, _WINDOW, _STREAMS, _STREAMS, packet.initiate_tag)
        if packet.cookie:
            body += _PARAMETER.pack(STATE_COOKIE, _PARAMETER.size + len(packet.cookie)) + packet.cookie
        chunk = _CHUNK.pack(packet.chunk, 0, _CHUNK.size + len(body)) + body
        chunk += bytes(-len(chunk) % 4)
    blank = _HEADER.pack(packet.source, packet.destination, packet.tag, bytes(4)) + chunk
    return blank[:8] + struct.pack("<I", crc32c(blank)) + blank[12:]


def decode(data: bytes) -> SctpPacket | None:
    """The packet; None if its checksum is wrong (a receiver drops it silently, section 6.8) or it is another chunk."""
    if len(data) < _HEADER.size + _CHUNK.size or data[8:12] != _checksum(data):
        return None
    source, destination, tag, _ = _HEADER.unpack_from(data)
    kind, _, length = _CHUNK.unpack_from(data, _HEADER.size)
    if kind == ABORT:
        return SctpPacket(source, destination, tag, ABORT)
    if kind not in (INIT, INIT_ACK) or length < _CHUNK.size + _INIT.size:
        return None
    body = data[_HEADER.size + _CHUNK.size : _HEADER.size + length]
    initiate_tag = _INIT.unpack_from(body)[0]
    return SctpPacket(source, destination, tag, kind, initiate_tag, _cookie(body[_INIT.size :]))


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", crc32c(data[:8] + bytes(4) + data[12:]))


def _cookie(parameters: bytes) -> bytes:
    while len(parameters) >= _PARAMETER.size:
        kind, length = _PARAMETER.unpack_from(parameters)
        if kind == STATE_COOKIE:
            return parameters[_PARAMETER.size : length]
        parameters = parameters[max(length + -length % 4, _PARAMETER.size) :]
    return b""
