"""Packets for VPP's own addresses: answered here, or handed to the host (VPP: ip4-local, ip6-local, ip4-punt).

VPP itself answers neighbour discovery, and pings if its ping plugin is on. TCP, and every protocol without a handler
here, is punted; UDP to an unknown port is punted once the API asked for it (set_punt) and refused otherwise. Punted
packets follow the punt redirection, with their TTL untouched; without one they are dropped.
"""

from collections.abc import Callable

from tools.vppsim.dataplane.icmp import ECHO_REQUEST, Icmp
from tools.vppsim.dataplane.nd import NeighbourDiscovery
from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.fib.lookup import LookupAction
from tools.vppsim.packets.headers import ICMP, ICMP6, UDP, is_link_local6
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

LocalProtocolHandler = Callable[[IpPacket], None]
LIMITED_BROADCAST = b"\xff" * 4
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134


class IpLocal:
    """Handles packets by family and protocol, and punts all others."""

    def __init__(
        self, state: VppState, icmp: Icmp, nd: NeighbourDiscovery, output: InterfaceOutput, answers_ping: bool
    ) -> None:
        self._state, self._icmp, self._nd, self._output = state, icmp, nd, output
        self._answers_ping = answers_ping
        self._handlers: dict[tuple[int, int], LocalProtocolHandler] = {
            (4, ICMP): self._echo_or_discovery,
            (6, ICMP6): self._echo_or_discovery,
            (4, UDP): self._udp,
            (6, UDP): self._udp,
        }

    def input(self, packet: IpPacket, table_id: int) -> None:
        """Take a packet to an address of VPP's, found in table `table_id`."""
        if not self._source_is_plausible(packet, table_id):
            self._state.count("drop_local_source")
        elif packet.is_later_fragment:
            self.punt(packet)
        else:
            self._handlers.get((packet.family, packet.protocol), self.punt)(packet)

    def punt(self, packet: IpPacket) -> None:
        """Send a packet to the host, by the punt redirection."""
        paths = self._state.punts.paths(packet.family, packet.rx)
        if paths is None:
            self._state.count("drop_punt")
            return
        packet.locally_originated = True
        result = self._state.lookup.through_paths(packet.family, paths, packet.destination, packet.flow)
        if result.action is LookupAction.FORWARD:
            self._output.send(packet, result.if_index, result.next_hop)
        else:
            self._state.count("drop_punt_unroutable")

    def _source_is_plausible(self, packet: IpPacket, table_id: int) -> bool:
        """Not an address of VPP's, and there is a route back; link-locals and ICMPv6 are exempt."""
        source = packet.source
        if packet.family == 6 and (is_link_local6(source) or packet.protocol == ICMP6):
            return True
        if packet.destination == LIMITED_BROADCAST:
            return True
        entry = self._state.tables.unicast[packet.family, table_id].longest_match(source)
        if any(
            result.action is LookupAction.LOCAL
            for _, result in self._state.lookup.load_balance(packet.family, table_id, source)
        ):
            return False
        return any(path.if_index != INDEX_INVALID or path.next_hop for path in entry.best.paths)

    def _echo_or_discovery(self, packet: IpPacket) -> None:
        kind = packet.payload[0] if len(packet.payload) >= 8 else -1
        if kind == ECHO_REQUEST[packet.family] and self._answers_ping:
            self._icmp.echo(packet)
        elif packet.family == 6 and kind in self._nd.TYPES:
            self._nd.input(packet)
        elif packet.family == 6 and kind in (ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT):
            self._state.count("drop_router_discovery")
        else:
            self.punt(packet)

    def _udp(self, packet: IpPacket) -> None:
        port = int.from_bytes(packet.payload[2:4])
        if self._state.punts.wants_udp(packet.family, port):
            self.punt(packet)
        else:
            self._icmp.port_unreachable(packet)
