"""Packets for VPP's own addresses: answered here, or handed to the host (VPP: ip4-local, ip6-local, ip4-punt).

VPP itself answers neighbour discovery, and pings if its ping plugin is on. TCP, and every protocol nobody registered,
is punted; UDP to an unknown port is punted once the API asked for it (set_punt) and refused otherwise. Punted packets
go where the punt redirection leads, with their TTL untouched, or nowhere.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.vppsim.api.errors import NONE
from tools.vppsim.dataplane.icmp import ECHO_REQUEST
from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.fib.lookup import Act
from tools.vppsim.fib.paths import Path
from tools.vppsim.packets.headers import ICMP, ICMP6, UDP, is_link_local6

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

Handler = Callable[[Packet], None]
LIMITED_BROADCAST = b"\xff" * 4
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134


class Local:
    """`protocols` and `udp_ports` (keyed by family too) are what other parts registered to hear.

    `punts_udp`: families whose unknown UDP ports are punted. `redirects[family, rx]`: paths for punted packets, rx 0
    for all that have none of their own.
    """

    def __init__(self, vpp: "Vpp", answers_ping: bool) -> None:
        self._vpp = vpp
        self._answers_ping = answers_ping
        self.protocols: dict[tuple[int, int], Handler] = {(4, ICMP): self._icmp, (6, ICMP6): self._icmp}
        self.protocols |= {(4, UDP): self._udp, (6, UDP): self._udp}
        self.udp_ports: dict[tuple[int, int], Handler] = {}
        self.punts_udp: set[int] = set()
        self.punt_ports: set[tuple[int, int]] = set()
        self.redirects: dict[tuple[int, int], tuple[Path, ...]] = {}

    def input(self, packet: Packet, table_id: int) -> None:
        """A packet for an address of ours, found in table `table_id`."""
        if not self._source_is_plausible(packet, table_id):
            self._vpp.count("drop_local_source")
        elif packet.is_later_fragment:
            self.punt(packet)
        else:
            self.protocols.get((packet.family, packet.protocol), self.punt)(packet)

    def punt(self, packet: Packet) -> None:
        """Hand to the host."""
        paths = self.redirects.get((packet.family, packet.rx)) or self.redirects.get((packet.family, 0))
        if paths is None:
            self._vpp.count("drop_punt")
            return
        packet.local = True
        verdict = self._vpp.lookup.through(packet.family, paths, packet.destination, packet.flow)
        if verdict.act is Act.FORWARD:
            self._vpp.forward.act(packet, verdict)
        else:
            self._vpp.count("drop_punt_unroutable")

    def _source_is_plausible(self, packet: Packet, table_id: int) -> bool:
        """Not one of our addresses, and known to come from somewhere; link-locals and ICMPv6 are exempt."""
        source = packet.source
        if packet.family == 6 and (is_link_local6(source) or packet.protocol == ICMP6):
            return True
        if packet.destination == LIMITED_BROADCAST:
            return True
        entry = self._vpp.tables.unicast[packet.family, table_id].longest(source)
        if any(v.act is Act.LOCAL for _, v in self._vpp.lookup.choice(packet.family, table_id, source)):
            return False
        return any(path.if_index != NONE or path.next_hop for path in entry.best.paths)

    def _icmp(self, packet: Packet) -> None:
        kind = packet.payload[0] if len(packet.payload) >= 8 else -1
        if kind == ECHO_REQUEST[packet.family] and self._answers_ping:
            self._vpp.icmp.echo(packet)
        elif packet.family == 6 and kind in self._vpp.nd.KINDS:
            self._vpp.nd.input(packet)
        elif packet.family == 6 and kind in (ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT):
            self._vpp.count("drop_router_discovery")
        else:
            self.punt(packet)

    def _udp(self, packet: Packet) -> None:
        port = int.from_bytes(packet.payload[2:4])
        handler = self.udp_ports.get((packet.family, port))
        if handler is not None:
            handler(packet)
        elif packet.family in self.punts_udp or (packet.family, port) in self.punt_ports:
            self.punt(packet)
        else:
            self._vpp.icmp.port_unreachable(packet)
