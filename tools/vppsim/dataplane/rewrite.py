"""Writing new addresses and ports into a packet, checksums included (VPP: cnat_translation_ip4, cnat_translation_ip6).

An unfinished checksum holds only the pseudo header's sum, and changes only by the addresses. VPP does
not translate SCTP over IPv6, and takes a UDP checksum of zero for a sum like any other; so does this module.
"""

from tools.vppsim.cnat.five_tuple import ADDRESSES, ECHOES, ERRORS, HEADER, ICMPS, SCTP, FiveTuple
from tools.vppsim.dataplane import rewrite_error
from tools.vppsim.packets.checksum import checksum_after_gain, sum_gain
from tools.vppsim.packets.crc32c import crc32c
from tools.vppsim.packets.headers import TCP, UDP
from tools.vppsim.packets.offload import CHECKSUM_AT, NEEDS_CHECKSUM
from tools.vppsim.state.packet import IpPacket

SCTP_CHECKSUM = slice(28, 32)


def rewrite(packet: IpPacket, to: FiveTuple) -> None:
    """Give a packet the addresses and ports of `to`, a flow of its family."""
    data, family = packet.data, packet.family
    protocol, header = packet.protocol, HEADER[family]
    if protocol in (TCP, UDP):
        unfinished = packet.offload is not None and bool(packet.offload.flags & NEEDS_CHECKSUM)
        _ports(data, family, protocol, to, unfinished)
    elif protocol == SCTP and family == 4:
        _sctp(data, to)
    elif protocol == ICMPS[family] and len(data) >= header + 8:
        if data[header] in ERRORS[family]:
            rewrite_error.rewrite(data, family, to)
        elif data[header] in ECHOES[family]:
            _echo(data, family, to)


def addresses(data: bytearray, family: int, to: bytes) -> int:
    """Write source and destination, with IPv4's header checksum; returns their difference for other checksums."""
    at = slice(ADDRESSES[family], HEADER[family])
    change = sum_gain(data[at], to)
    data[at] = to
    if family == 4:
        data[10:12] = checksum_after_gain(int.from_bytes(data[10:12]), change).to_bytes(2)
    return change


def _ports(data: bytearray, family: int, protocol: int, to: FiveTuple, unfinished: bool) -> None:
    header = HEADER[family]
    at, ports = header + CHECKSUM_AT[protocol], to.ends[-4:]
    change = sum_gain(data[header : header + 4], ports)
    data[header : header + 4] = ports
    moved = addresses(data, family, to.addresses)
    old = int.from_bytes(data[at : at + 2])
    # an unfinished sum is not complemented: it grows with the addresses
    new = checksum_after_gain(old, -moved) if unfinished else checksum_after_gain(old, change + moved)
    data[at : at + 2] = (new or 0xFFFF).to_bytes(2)


def _sctp(data: bytearray, to: FiveTuple) -> None:
    addresses(data, 4, to.addresses)
    data[20:24] = to.ends[-4:]
    if any(data[SCTP_CHECKSUM]):
        data[SCTP_CHECKSUM] = bytes(4)
        data[SCTP_CHECKSUM] = crc32c(memoryview(data)[20:]).to_bytes(4, "little")


def _echo(data: bytearray, family: int, to: FiveTuple) -> None:
    header = HEADER[family]
    moved = addresses(data, family, to.addresses)
    change = sum_gain(data[header + 4 : header + 6], to.source_port)
    data[header + 4 : header + 6] = to.source_port
    change += moved if family == 6 else 0
    data[header + 2 : header + 4] = checksum_after_gain(int.from_bytes(data[header + 2 : header + 4]), change).to_bytes(
        2
    )
