"""IP input and forwarding: checks, lookup, and doing what the lookup says."""

from tools.vppsim.dataplane.cnat_nodes import CnatNodes
from tools.vppsim.dataplane.icmp import Icmp
from tools.vppsim.dataplane.ip_local import IpLocal
from tools.vppsim.dataplane.multicast import MulticastForward
from tools.vppsim.dataplane.nd import NeighbourDiscovery
from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.dataplane.urpf_nodes import UrpfNodes
from tools.vppsim.fib.lookup import LookupAction, LookupResult
from tools.vppsim.packets.checksum import checksum
from tools.vppsim.packets.headers import is_multicast
from tools.vppsim.packets.offload import validated_offload
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

IP4_HEADER_MIN, IP6_HEADER = 20, 40


class IpForward:
    """The node that every IP packet enters first."""

    def __init__(
        self,
        state: VppState,
        icmp: Icmp,
        nd: NeighbourDiscovery,
        output: InterfaceOutput,
        local: IpLocal,
        multicast: MulticastForward,
        urpf: UrpfNodes,
        cnat: CnatNodes,
    ) -> None:
        self._state, self._icmp, self._nd, self._output = state, icmp, nd, output
        self._local, self._multicast, self._urpf, self._cnat = local, multicast, urpf, cnat

    def input(self, packet: IpPacket, interface: Interface) -> None:
        """An IP packet that came in by `interface`. In VPP's arcs cnat comes before it is asked whether IP is on."""
        if not _well_formed(packet):
            self._state.count(f"drop_ip{packet.family}_malformed")
        elif packet.offload is not None and not self._offload_is_valid(packet):
            self._state.count("drop_offload_malformed")
        elif interface.ip_enabled(6) and packet.family == 6 and self._nd.handled_by_proxy(packet, interface):
            self._state.count("nd_proxied")
        elif is_multicast(packet.destination):
            if self._is_enabled(packet, interface):
                self._multicast.input(packet, interface.tables[packet.family])
        elif not self._urpf.passes(packet, interface):
            self._state.count(f"drop_ip{packet.family}_urpf")
        elif self._passes_cnat(packet, interface) and self._is_enabled(packet, interface):
            self.route(packet, interface.tables[packet.family])

    def _passes_cnat(self, packet: IpPacket, interface: Interface) -> bool:
        return not self._state.cnat.features or self._cnat.input(packet, interface)

    def _is_enabled(self, packet: IpPacket, interface: Interface) -> bool:
        enabled = interface.ip_enabled(packet.family)
        if not enabled:
            self._state.count(f"drop_ip{packet.family}_not_enabled")
        return enabled

    def _offload_is_valid(self, packet: IpPacket) -> bool:
        packet.offload = validated_offload(packet.data, packet.offload) if packet.offload else None
        return packet.offload is not None

    def route(self, packet: IpPacket, table_id: int) -> None:
        """Look the destination up in a table and do what the lookup says."""
        shares = self._state.lookup.load_balance(packet.family, table_id, packet.destination)
        if len(shares) == 1:
            self.apply(packet, shares[0][1])
        else:
            self.apply(packet, self._state.lookup.result(packet.family, table_id, packet.destination, packet.flow))

    def apply(self, packet: IpPacket, result: LookupResult) -> None:
        """Do what a lookup decided."""
        if result.action is LookupAction.FORWARD:
            if self._output.decrement_ttl(packet, result.if_index):
                self._output.send(packet, result.if_index, result.next_hop)
        elif result.action is LookupAction.LOCAL:
            self._local.input(packet, result.table_id)
        elif result.action is LookupAction.LINK_LOCAL:
            self._link_local(packet)
        elif result.action in (LookupAction.UNREACHABLE, LookupAction.PROHIBITED):
            self._icmp.unreachable(packet, prohibited=result.action is LookupAction.PROHIBITED)
        else:
            self._state.count(f"drop_ip{packet.family}_no_route")

    def _link_local(self, packet: IpPacket) -> None:
        """Link-local destinations are on the link the packet came in by (VPP: ip6_ll_table.c)."""
        interface = self._state.interfaces.get(packet.rx)
        if interface is None or not interface.ip_enabled(6):
            self._state.count("drop_link_local")
        elif packet.destination == interface.link_local:
            self._local.input(packet, interface.tables[6])
        elif self._output.decrement_ttl(packet, interface.index):
            self._output.send(packet, interface.index, packet.destination)


def _well_formed(packet: IpPacket) -> bool:
    """Check lengths, and for IPv4 the header's checksum; cut off padding behind the packet."""
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
