"""Cutting an IPv4 packet into fragments (RFC 791 section 3.2)."""

from collections.abc import Iterator

from tools.vppsim.packets.checksum import checksum

MORE = 0x2000


def fragments(data: bytearray, mtu: int) -> Iterator[bytearray]:
    """Fragments of at most `mtu` bytes; options are repeated in each, which receivers accept."""
    header_length = (data[0] & 15) * 4
    room = (mtu - header_length) // 8 * 8
    payload = memoryview(data)[header_length:]
    field = int.from_bytes(data[6:8])
    for start in range(0, len(payload), room):
        piece = payload[start : start + room]
        more = MORE if start + room < len(payload) else field & MORE
        packet = data[:header_length] + piece
        packet[2:4] = len(packet).to_bytes(2)
        packet[6:8] = (((field & 0x1FFF) + start // 8) | more).to_bytes(2)
        packet[10:12] = b"\0\0"
        packet[10:12] = checksum(packet[:header_length]).to_bytes(2)
        yield packet
