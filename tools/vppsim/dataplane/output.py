"""The way out: TTL, MTU, the neighbour's MAC, unfinished work of offloads, the device."""

from tools.vppsim.dataplane.cnat_nodes import CnatNodes
from tools.vppsim.dataplane.icmp import Icmp
from tools.vppsim.packets.checksum import checksum_after_word
from tools.vppsim.packets.fragments import fragments
from tools.vppsim.packets.headers import BROADCAST_MAC, ETHERTYPES
from tools.vppsim.packets.offload import fill_checksum, largest_packet, segments
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

DONT_FRAGMENT = 0x40
ALL_ONES6 = b"\xff" * 16
"""As a next hop: VPP's broadcast adjacency, every station on the link."""


class InterfaceOutput:
    """Sends IP packets through interfaces."""

    def __init__(self, state: VppState, icmp: Icmp, cnat: CnatNodes) -> None:
        self._state, self._icmp, self._cnat = state, icmp, cnat

    def send(self, packet: IpPacket, if_index: int, next_hop: bytes) -> None:
        """Send to `next_hop` on an interface, resolving its MAC first if needed."""
        interface = self._state.interfaces.get(if_index)
        if interface is None or not interface.usable or interface.device is None:
            self._state.count("drop_interface_down")
            return
        if not interface.ethernet:
            self.send_fitting(packet, interface, b"")
            return
        mac = BROADCAST_MAC if next_hop == ALL_ONES6 else self._state.neighbours.mac(if_index, next_hop)
        if mac is None:
            self._state.neighbours.resolve((if_index, next_hop), packet, self._state.now())
            return
        self.send_fitting(packet, interface, mac + interface.mac + ETHERTYPES[packet.family])

    def decrement_ttl(self, packet: IpPacket, out: int) -> bool:
        """Count the TTL down. False: it has expired, and the sender has been told.

        VPP's own packets are exempt, and those between interfaces of ip_ttl_fixup_configure.
        """
        if packet.locally_originated or (packet.rx, out) in self._state.ttl_exempt:
            return True
        data = packet.data
        at = 8 if packet.family == 4 else 7
        if data[at] <= 1:
            self._icmp.time_exceeded(packet)
            return False
        if packet.family == 4:
            word = int.from_bytes(data[8:10])
            data[10:12] = checksum_after_word(int.from_bytes(data[10:12]), word, word - 0x100).to_bytes(2)
        data[at] -= 1
        return True

    def send_fitting(self, packet: IpPacket, interface: Interface, header: bytes) -> None:
        """Send under a link header, or fragment it, or tell the sender that it is too big."""
        mtu = interface.mtu_of(packet.family)
        fits = not mtu or largest_packet(packet.data, packet.offload) <= mtu
        if not fits and (packet.family == 6 or packet.data[6] & DONT_FRAGMENT):
            self._icmp.too_big(packet, mtu)
        elif self._state.cnat.features and not self._cnat.output(packet, interface):
            return
        elif fits:
            self._transmit(packet, interface, header)
        else:
            whole = fill_checksum(packet.data, packet.offload) if packet.offload else packet.data
            for piece in fragments(whole, mtu):
                self._transmit(IpPacket(piece, packet.rx), interface, header)

    def learn(self, interface: Interface, address: bytes, mac: bytes) -> None:
        """Learn a neighbour's MAC from the wire, and send the packets that waited for it."""
        for packet in self._state.neighbours.learn((interface.index, address), mac, self._state.now()):
            self.send(packet, interface.index, address)

    def _transmit(self, packet: IpPacket, interface: Interface, header: bytes) -> None:
        device, offload = interface.device, packet.offload
        if device is None:
            return
        if offload is None:
            device.transmit(None, header, packet.data)
        elif offload.gso and not interface.offload_segmentation:
            for segment in segments(packet.data, offload):
                device.transmit(None, header, segment)
        elif not offload.gso and not interface.offload_checksum:
            device.transmit(None, header, fill_checksum(packet.data, offload))
        else:
            device.transmit(offload, header, packet.data)
