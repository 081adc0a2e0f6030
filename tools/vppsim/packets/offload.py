"""Offloads: unfinished checksums and unsegmented TCP, as Linux hands them over with each packet (virtio_net_hdr).

Inside, `csum_start` counts from the IP header whatever the device; devices add or take their link header. A packet
that leaves through a device that cannot finish the work is finished here: `fill_checksum` fills in the checksum,
`segments` cuts TCP (and UDP) into packets that fit.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from tools.vppsim.packets.checksum import checksum, pseudo_header
from tools.vppsim.packets.headers import TCP

LAYOUT = struct.Struct("<BBHHHH")
VIRTIO_HEADER_BYTES = LAYOUT.size
NEEDS_CHECKSUM = 1
GSO_NONE, GSO_TCP4, GSO_UDP, GSO_TCP6, GSO_UDP_L4 = 0, 1, 3, 4, 5
GSO_ECN = 0x80
TRANSPORT_MIN = {GSO_TCP4: 20, GSO_TCP6: 20, GSO_UDP_L4: 8}
"""Kinds that we can cut, with the least length of their transport header."""
CHECKSUM_AT = {6: 16, 17: 6}
"""Where TCP and UDP keep their checksum."""
FIN, PSH, CWR = 0x01, 0x08, 0x80


class Offload(NamedTuple):
    """Work that the sender left to the device; lengths and offsets in bytes."""

    flags: int
    gso: int
    header_length: int
    gso_size: int
    csum_start: int
    csum_offset: int

    def shifted(self, by: int) -> "Offload":
        """The offsets for a packet that begins `by` bytes earlier."""
        length = self.header_length + by if self.header_length else 0
        start = self.csum_start + by if self.flags & NEEDS_CHECKSUM else 0
        return self._replace(header_length=length, csum_start=start)


def parse_virtio_header(header: bytes, link_header: int) -> Offload | None:
    """The offload in a device's virtio header; None: the packet is finished."""
    offload = Offload(*LAYOUT.unpack_from(header))
    if not offload.flags & NEEDS_CHECKSUM and not offload.gso:
        return None
    return offload._replace(flags=offload.flags & NEEDS_CHECKSUM).shifted(-link_header)


def pack_virtio_header(offload: Offload | None, link_header: int, size: int) -> bytes:
    """A virtio header of `size` bytes for a device that puts `link_header` bytes before the IP header."""
    return (LAYOUT.pack(*offload.shifted(link_header)) if offload else bytes(VIRTIO_HEADER_BYTES)).ljust(size, b"\0")


def validated_offload(data: bytearray, offload: Offload) -> Offload | None:
    """`offload` corrected for its packet; None: they cannot belong together.

    A receiver that merged packets may leave the checksum unmentioned; it is then set to what a sender would have left:
    the pseudo header's sum.
    """
    family, protocol = data[0] >> 4, data[9] if data[0] >> 4 == 4 else data[6]
    if offload.gso and not offload.flags & NEEDS_CHECKSUM and protocol in CHECKSUM_AT:
        start = (data[0] & 15) * 4 if family == 4 else 40
        offload = offload._replace(flags=NEEDS_CHECKSUM, csum_start=start, csum_offset=CHECKSUM_AT[protocol])
        if _fits(data, offload):
            _write_partial_checksum(data, offload, family, protocol)
    return offload if _fits(data, offload) else None


def _fits(data: bytearray, offload: Offload) -> bool:
    field_end = offload.csum_start + offload.csum_offset + 2
    header = (data[0] & 15) * 4 if data[0] >> 4 == 4 else 40
    if not offload.flags & NEEDS_CHECKSUM or offload.csum_start < header or field_end > len(data):
        return False
    if not offload.gso:
        return True
    kind, transport = offload.gso & ~GSO_ECN, len(data) - offload.csum_start
    if kind not in TRANSPORT_MIN or transport < TRANSPORT_MIN[kind] or not offload.gso_size:
        return False
    length = headers_length(data, offload)
    return offload.csum_start + TRANSPORT_MIN[kind] <= length <= len(data)


def _write_partial_checksum(data: bytearray, offload: Offload, family: int, protocol: int) -> None:
    ends = bytes(data[12:20] if family == 4 else data[8:40])
    half = len(ends) // 2
    pseudo = pseudo_header(family, ends[:half], ends[half:], protocol, len(data) - offload.csum_start)
    at = offload.csum_start + offload.csum_offset
    data[at : at + 2] = (~checksum(pseudo) & 0xFFFF).to_bytes(2)


def fill_checksum(data: bytearray, offload: Offload) -> bytearray:
    """Fill in the transport checksum; the field holds the pseudo header's sum before."""
    if offload.flags & NEEDS_CHECKSUM:
        field = offload.csum_start + offload.csum_offset
        total = checksum(memoryview(data)[offload.csum_start :])
        data[field : field + 2] = (total or 0xFFFF).to_bytes(2)
    return data


def largest_packet(data: bytearray, offload: Offload | None) -> int:
    """Bytes of the largest IP packet that the wire will see."""
    if offload is None or not offload.gso:
        return len(data)
    return min(len(data), headers_length(data, offload) + offload.gso_size)


def headers_length(data: bytearray, offload: Offload) -> int:
    """IP and transport headers together; Linux's own `header_length` is only a hint."""
    is_tcp = offload.gso & ~GSO_ECN in (GSO_TCP4, GSO_TCP6)
    return offload.csum_start + ((data[offload.csum_start + 12] >> 4) * 4 if is_tcp else 8)


def segments(data: bytearray, offload: Offload) -> Iterator[bytearray]:
    """Cut `data` into packets with finished headers and checksums."""
    length = headers_length(data, offload)
    header, payload = data[:length], memoryview(data)[length:]
    for number, start in enumerate(range(0, len(payload), offload.gso_size)):
        piece = payload[start : start + offload.gso_size]
        last = start + offload.gso_size >= len(payload)
        yield _segment(header, piece, offload, number, start, last)


def _segment(header: bytearray, piece: memoryview, offload: Offload, number: int, start: int, last: bool) -> bytearray:
    packet = header + piece
    at, is_tcp = offload.csum_start, offload.gso & ~GSO_ECN in (GSO_TCP4, GSO_TCP6)
    _fix_ip(packet, number)
    if is_tcp:
        sequence = (int.from_bytes(header[at + 4 : at + 8]) + start) & 0xFFFFFFFF
        packet[at + 4 : at + 8] = sequence.to_bytes(4)
        packet[at + 13] &= ~((0 if last else FIN | PSH) | (CWR if number else 0)) & 0xFF
    else:
        packet[at + 4 : at + 6] = (len(packet) - at).to_bytes(2)
    _sum_transport(packet, at, offload.csum_offset, is_tcp)
    return packet


def _fix_ip(packet: bytearray, number: int) -> None:
    if packet[0] >> 4 == 6:
        packet[4:6] = (len(packet) - 40).to_bytes(2)
        return
    packet[2:4] = len(packet).to_bytes(2)
    packet[4:6] = ((int.from_bytes(packet[4:6]) + number) & 0xFFFF).to_bytes(2)
    packet[10:12] = b"\0\0"
    packet[10:12] = checksum(packet[: (packet[0] & 15) * 4]).to_bytes(2)


def _sum_transport(packet: bytearray, at: int, offset: int, is_tcp: bool) -> None:
    family = packet[0] >> 4
    ends = (packet[12:16], packet[16:20]) if family == 4 else (packet[8:24], packet[24:40])
    packet[at + offset : at + offset + 2] = b"\0\0"
    pseudo = pseudo_header(family, bytes(ends[0]), bytes(ends[1]), TCP if is_tcp else 17, len(packet) - at)
    packet[at + offset : at + offset + 2] = (checksum(pseudo + packet[at:]) or 0xFFFF).to_bytes(2)
