"""ICMP errors about translated flows: the quoted packet is rewritten to the flow that its sender knows.

The flow of an error is that of the answers, so the quoted packet gets the reversed flow
(VPP: cnat_translation_icmp4_error, cnat_translation_icmp6_error).
The error itself gets the new destination; its source, which may be any router, changes only if it was the quoted
packet's destination.
"""

from tools.vppsim.cnat.five_tuple import ADDRESSES, ECHOES, HEADER, ICMPS, QUOTE, FiveTuple
from tools.vppsim.packets.checksum import checksum_after_gain, sum_gain
from tools.vppsim.packets.headers import TCP, UDP
from tools.vppsim.packets.offload import CHECKSUM_AT


def rewrite(data: bytearray, family: int, to: FiveTuple) -> None:
    """Make an ICMP error one about the flow `to`."""
    start, header = ADDRESSES[family], HEADER[family]
    size, inner = (header - start) // 2, header + QUOTE
    body = slice(header + 4, len(data) & ~1)  # an odd last byte stays as it is
    before = bytes(data[body])
    quoted_destination = data[inner + start + size : inner + header]
    source = to.source if data[start : start + size] == quoted_destination else bytes(data[start : start + size])
    moved = _addresses(data, 0, family, source + to.destination)
    _quoted(data, inner, family, to.reversed())
    change = sum_gain(before, data[body]) + (moved if family == 6 else 0)
    data[header + 2 : header + 4] = checksum_after_gain(int.from_bytes(data[header + 2 : header + 4]), change).to_bytes(
        2
    )


def _addresses(data: bytearray, at: int, family: int, to: bytes) -> int:
    place = slice(at + ADDRESSES[family], at + HEADER[family])
    change = sum_gain(data[place], to)
    data[place] = to
    if family == 4:
        _adjust(data, at + 10, change)
    return change


def _quoted(data: bytearray, at: int, family: int, to: FiveTuple) -> None:
    """Rewrite as much of the quoted packet at `at` as is there."""
    protocol, transport = data[at + (9 if family == 4 else 6)], at + HEADER[family]
    echo = protocol == ICMPS[family] and data[transport] in ECHOES[family]
    if protocol not in (TCP, UDP, ICMPS[family]):
        return  # VPP translates the error, but not what it quotes
    change = _addresses(data, at, family, to.addresses)
    change = change if protocol != ICMPS[4] else 0
    place = slice(transport + 4, transport + 6) if echo else slice(transport, transport + 4)
    new = to.source_port if echo else to.ends[-4:]
    if echo or protocol in CHECKSUM_AT:
        change += sum_gain(data[place], new)
        data[place] = new
    field = transport + CHECKSUM_AT.get(protocol, 2)
    if field + 2 <= len(data):
        _adjust(data, field, change)


def _adjust(data: bytearray, at: int, change: int) -> None:
    data[at : at + 2] = checksum_after_gain(int.from_bytes(data[at : at + 2]), change).to_bytes(2)
