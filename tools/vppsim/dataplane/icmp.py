"""ICMP: errors about packets that cannot be forwarded, and echo replies.

An error leaves from an address of the interface its packet came in by (that interface's own, or the one it borrows);
without one nothing is sent. Errors are never sent about errors, multicasts or later fragments (RFC 1122, RFC 4443).
"""

from collections.abc import Callable
from dataclasses import replace

from tools.vppsim.packets.headers import ICMP, ICMP6, icmp4, icmp6, ip4_header, ip6_header, is_multicast
from tools.vppsim.packets.offload import fill_checksum
from tools.vppsim.state.interfaces import LOCAL0
from tools.vppsim.state.packet import CnatMetadata, IpPacket
from tools.vppsim.state.state import VppState

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
ERROR_BYTES_MAX = {4: 576, 6: 1280}
ERRORS4 = {3, 4, 5, 11, 12}


class Icmp:
    """Makes ICMP; `route(packet, table_id)` sends it."""

    def __init__(self, state: VppState, route: Callable[[IpPacket, int], None]) -> None:
        self._state, self._route = state, route

    def time_exceeded(self, packet: IpPacket) -> None:
        self._error(packet, {4: (11, 0), 6: (3, 0)}, 0)

    def too_big(self, packet: IpPacket, mtu: int) -> None:
        self._error(packet, {4: (3, 4), 6: (2, 0)}, mtu)

    def unreachable(self, packet: IpPacket, prohibited: bool = False) -> None:
        self._error(packet, {4: (3, 13 if prohibited else 1), 6: (1, 1 if prohibited else 0)}, 0)

    def port_unreachable(self, packet: IpPacket) -> None:
        self._error(packet, {4: (3, 3), 6: (1, 4)}, 0)

    def echo(self, packet: IpPacket) -> None:
        """Answer a ping to VPP. cnat takes the answer for the request, received from VPP itself."""
        if packet.offload is not None:
            fill_checksum(packet.data, packet.offload)
        content = bytes(packet.payload[4:])
        reply = self._build(packet.family, packet.destination, packet.source, (ECHO_REPLY[packet.family], 0), content)
        nat = replace(packet.cnat, rx=LOCAL0) if packet.cnat else None
        self._send(packet, reply, nat)

    def _error(self, packet: IpPacket, kinds: dict[int, tuple[int, int]], word: int) -> None:
        interface = self._state.interfaces.get(packet.rx)
        source = self._state.source_address(interface, packet.source) if interface else None
        if source is None or not _may_cause_error(packet):
            self._state.count("icmp_error_suppressed")
            return
        room = ERROR_BYTES_MAX[packet.family] - (28 if packet.family == 4 else 48)
        content = word.to_bytes(4) + bytes(packet.data[:room])
        self._send(packet, self._build(packet.family, source, packet.source, kinds[packet.family], content))

    def _build(self, family: int, source: bytes, to: bytes, kind: tuple[int, int], content: bytes) -> bytes:
        if family == 4:
            body = icmp4(*kind, content)
            return ip4_header(source, to, ICMP, len(body)) + body
        body = icmp6(source, to, *kind, content)
        return ip6_header(source, to, ICMP6, len(body)) + body

    def _send(self, about: IpPacket, data: bytes, nat: CnatMetadata | None = None) -> None:
        interface = self._state.interfaces.get(about.rx)
        if interface is not None:
            answer = IpPacket(data, about.rx, locally_originated=True)
            answer.cnat = nat
            self._route(answer, interface.tables[about.family])


def _may_cause_error(packet: IpPacket) -> bool:
    if packet.is_later_fragment or is_multicast(packet.destination) or not any(packet.source):
        return False
    kind = packet.payload[0] if len(packet.payload) else 0
    if packet.family == 4:
        return not (packet.protocol == ICMP and kind in ERRORS4)
    return not (packet.protocol == ICMP6 and kind < ECHO_REQUEST[6])
