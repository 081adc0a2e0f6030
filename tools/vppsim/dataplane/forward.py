"""IP input and forwarding: checks, lookup, and doing what the lookup says."""

from typing import TYPE_CHECKING

from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.fib.lookup import Act, Verdict
from tools.vppsim.interfaces import Interface
from tools.vppsim.packets.checksum import checksum, updated
from tools.vppsim.packets.headers import is_multicast
from tools.vppsim.packets.vnet import agreed

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

IP4_HEADER_MIN, IP6_HEADER = 20, 40


class Forward:
    """Unicast forwarding; what is not unicast goes to `vpp.multicast`."""

    def __init__(self, vpp: "Vpp") -> None:
        self._vpp = vpp

    def input(self, packet: Packet, interface: Interface) -> None:
        """An IP packet that came in by `interface`."""
        if not interface.speaks(packet.family):
            self._vpp.count(f"drop_ip{packet.family}_not_enabled")
        elif not _well_formed(packet):
            self._vpp.count(f"drop_ip{packet.family}_malformed")
        elif packet.vnet is not None and not self._agree(packet):
            self._vpp.count("drop_offload_malformed")
        elif packet.family == 6 and self._vpp.nd.proxied(packet, interface):
            self._vpp.count("nd_proxied")
        elif is_multicast(packet.destination):
            self._vpp.multicast.input(packet, interface.tables[packet.family])
        elif not self._vpp.cnat.features or self._vpp.cnat.input(packet, interface):
            self.route(packet, interface.tables[packet.family])

    def _agree(self, packet: Packet) -> bool:
        packet.vnet = agreed(packet.data, packet.vnet) if packet.vnet else None
        return packet.vnet is not None

    def route(self, packet: Packet, table_id: int) -> None:
        """Look the destination up in a table and act on it."""
        choice = self._vpp.lookup.choice(packet.family, table_id, packet.destination)
        if len(choice) == 1:
            self.act(packet, choice[0][1])
        else:
            self.act(packet, self._vpp.lookup.verdict(packet.family, table_id, packet.destination, packet.flow))

    def act(self, packet: Packet, verdict: Verdict) -> None:
        """Do what a lookup decided."""
        if verdict.act is Act.FORWARD:
            if self.lives_on(packet, verdict.if_index):
                self._vpp.output.send(packet, verdict.if_index, verdict.next_hop)
        elif verdict.act is Act.LOCAL:
            self._vpp.local.input(packet, verdict.table_id)
        elif verdict.act is Act.LINK_LOCAL:
            self._link_local(packet)
        elif verdict.act in (Act.UNREACHABLE, Act.PROHIBITED):
            self._vpp.icmp.unreachable(packet, prohibited=verdict.act is Act.PROHIBITED)
        else:
            self._vpp.count(f"drop_ip{packet.family}_no_route")

    def _link_local(self, packet: Packet) -> None:
        """Link-local destinations mean the link the packet came by (VPP: ip6_ll_table.c)."""
        interface = self._vpp.interfaces.get(packet.rx)
        if interface is None or not interface.speaks(6):
            self._vpp.count("drop_link_local")
        elif packet.destination == interface.link_local:
            self._vpp.local.input(packet, interface.tables[6])
        elif self.lives_on(packet, interface.index):
            self._vpp.output.send(packet, interface.index, packet.destination)

    def lives_on(self, packet: Packet, out: int) -> bool:
        """Count the TTL down; a packet whose time is over is answered and goes no further.

        VPP's own packets pay nothing, nor do those between interfaces joined by ip_ttl_fixup_configure.
        """
        if packet.local or (packet.rx, out) in self._vpp.costless:
            return True
        data = packet.data
        at = 8 if packet.family == 4 else 7
        if data[at] <= 1:
            self._vpp.icmp.time_exceeded(packet)
            return False
        if packet.family == 4:
            word = int.from_bytes(data[8:10])
            data[10:12] = updated(int.from_bytes(data[10:12]), word, word - 0x100).to_bytes(2)
        data[at] -= 1
        return True


def _well_formed(packet: Packet) -> bool:
    """Lengths, and for IPv4 the header's checksum; padding behind the packet is cut off."""
    data = packet.data
    if packet.family == 4:
        header = (data[0] & 15) * 4
        length = int.from_bytes(data[2:4])
        if len(data) < header or header < IP4_HEADER_MIN or length < header or length > len(data):
            return False
        del data[length:]
        return data[8] > 0 and checksum(data[:header]) == 0
    length = IP6_HEADER + int.from_bytes(data[4:6]) if len(data) >= IP6_HEADER else 0
    if not IP6_HEADER <= length <= len(data):
        return False
    del data[length:]
    return True
