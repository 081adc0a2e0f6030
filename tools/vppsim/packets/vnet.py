"""Offloads: unfinished checksums and unsegmented TCP, as Linux hands them over with each packet (virtio_net_hdr).

Inside, `csum_start` counts from the IP header whatever the device; devices add or take their link header. A packet
that leaves through a device that cannot finish the work is finished here: `completed` fills in the checksum,
`segments` cuts TCP (and UDP) into packets that fit.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from tools.vppsim.packets.checksum import checksum, pseudo_header
from tools.vppsim.packets.headers import TCP

LAYOUT = struct.Struct("<BBHHHH")
LENGTH = LAYOUT.size
NEEDS_CHECKSUM = 1
GSO_NONE, GSO_TCP4, GSO_UDP, GSO_TCP6, GSO_UDP_L4 = 0, 1, 3, 4, 5
GSO_ECN = 0x80
TRANSPORT_MIN = {GSO_TCP4: 20, GSO_TCP6: 20, GSO_UDP_L4: 8}
"""Kinds that we can cut, with the least length of their transport header."""
CHECKSUM_AT = {6: 16, 17: 6}
"""Where TCP and UDP keep their checksum."""
FIN, PSH, CWR = 0x01, 0x08, 0x80


class Vnet(NamedTuple):
    """What is left to do for a packet; lengths and offsets in bytes."""

    flags: int
    gso: int
    header_length: int
    gso_size: int
    csum_start: int
    csum_offset: int

    def moved(self, by: int) -> "Vnet":
        """The same with the packet beginning `by` bytes earlier."""
        length = self.header_length + by if self.header_length else 0
        start = self.csum_start + by if self.flags & NEEDS_CHECKSUM else 0
        return self._replace(header_length=length, csum_start=start)


def parse(header: bytes, link_header: int) -> Vnet | None:
    """A device's virtio header; None when nothing is left to do."""
    vnet = Vnet(*LAYOUT.unpack_from(header))
    if not vnet.flags & NEEDS_CHECKSUM and not vnet.gso:
        return None
    return vnet._replace(flags=vnet.flags & NEEDS_CHECKSUM).moved(-link_header)


def pack(vnet: Vnet | None, link_header: int, size: int) -> bytes:
    """A virtio header of `size` bytes for a device that puts `link_header` bytes before the IP header."""
    return (LAYOUT.pack(*vnet.moved(link_header)) if vnet else bytes(LENGTH)).ljust(size, b"\0")


def agreed(data: bytearray, vnet: Vnet) -> Vnet | None:
    """`vnet` made to fit its packet, or None if they cannot belong together.

    A receiver that merged packets itself may leave the checksum unmentioned; then it is put back to what a sender
    would have left: the pseudo header's sum.
    """
    family, protocol = data[0] >> 4, data[9] if data[0] >> 4 == 4 else data[6]
    if vnet.gso and not vnet.flags & NEEDS_CHECKSUM and protocol in CHECKSUM_AT:
        start = (data[0] & 15) * 4 if family == 4 else 40
        vnet = vnet._replace(flags=NEEDS_CHECKSUM, csum_start=start, csum_offset=CHECKSUM_AT[protocol])
        if _fits(data, vnet):
            _leave_undone(data, vnet, family, protocol)
    return vnet if _fits(data, vnet) else None


def _fits(data: bytearray, vnet: Vnet) -> bool:
    field_end = vnet.csum_start + vnet.csum_offset + 2
    header = (data[0] & 15) * 4 if data[0] >> 4 == 4 else 40
    if not vnet.flags & NEEDS_CHECKSUM or vnet.csum_start < header or field_end > len(data):
        return False
    if not vnet.gso:
        return True
    kind, transport = vnet.gso & ~GSO_ECN, len(data) - vnet.csum_start
    if kind not in TRANSPORT_MIN or transport < TRANSPORT_MIN[kind] or not vnet.gso_size:
        return False
    length = headers_length(data, vnet)
    return vnet.csum_start + TRANSPORT_MIN[kind] <= length <= len(data)


def _leave_undone(data: bytearray, vnet: Vnet, family: int, protocol: int) -> None:
    ends = bytes(data[12:20] if family == 4 else data[8:40])
    half = len(ends) // 2
    pseudo = pseudo_header(family, ends[:half], ends[half:], protocol, len(data) - vnet.csum_start)
    at = vnet.csum_start + vnet.csum_offset
    data[at : at + 2] = (~checksum(pseudo) & 0xFFFF).to_bytes(2)


def completed(data: bytearray, vnet: Vnet) -> bytearray:
    """`data` with its transport checksum filled in. The field holds the pseudo header's sum already."""
    if vnet.flags & NEEDS_CHECKSUM:
        field = vnet.csum_start + vnet.csum_offset
        total = checksum(memoryview(data)[vnet.csum_start :])
        data[field : field + 2] = (total or 0xFFFF).to_bytes(2)
    return data


def largest(data: bytearray, vnet: Vnet | None) -> int:
    """Bytes of the largest IP packet that will be on the wire."""
    if vnet is None or not vnet.gso:
        return len(data)
    return min(len(data), headers_length(data, vnet) + vnet.gso_size)


def headers_length(data: bytearray, vnet: Vnet) -> int:
    """IP and transport headers together; Linux's own `header_length` is only a hint."""
    is_tcp = vnet.gso & ~GSO_ECN in (GSO_TCP4, GSO_TCP6)
    return vnet.csum_start + ((data[vnet.csum_start + 12] >> 4) * 4 if is_tcp else 8)


def segments(data: bytearray, vnet: Vnet) -> Iterator[bytearray]:
    """The packets that `data` stands for, headers and checksums finished."""
    length = headers_length(data, vnet)
    header, payload = data[:length], memoryview(data)[length:]
    for number, start in enumerate(range(0, len(payload), vnet.gso_size)):
        piece = payload[start : start + vnet.gso_size]
        last = start + vnet.gso_size >= len(payload)
        yield _segment(header, piece, vnet, number, start, last)


def _segment(header: bytearray, piece: memoryview, vnet: Vnet, number: int, start: int, last: bool) -> bytearray:
    packet = header + piece
    at, is_tcp = vnet.csum_start, vnet.gso & ~GSO_ECN in (GSO_TCP4, GSO_TCP6)
    _fix_ip(packet, number)
    if is_tcp:
        sequence = (int.from_bytes(header[at + 4 : at + 8]) + start) & 0xFFFFFFFF
        packet[at + 4 : at + 8] = sequence.to_bytes(4)
        packet[at + 13] &= ~((0 if last else FIN | PSH) | (CWR if number else 0)) & 0xFF
    else:
        packet[at + 4 : at + 6] = (len(packet) - at).to_bytes(2)
    _sum_transport(packet, at, vnet.csum_offset, is_tcp)
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
