"""The way out: MTU, the neighbour's MAC, unfinished work of offloads, the device."""

from typing import TYPE_CHECKING

from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.interfaces import Interface
from tools.vppsim.packets.fragments import fragments
from tools.vppsim.packets.headers import BROADCAST_MAC, ETHERTYPES
from tools.vppsim.packets.vnet import completed, largest, segments

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

DONT_FRAGMENT = 0x40
ALL_ONES6 = b"\xff" * 16
"""As a next hop: VPP's broadcast adjacency, every station on the link."""


class Output:
    """Sends IP packets through interfaces."""

    def __init__(self, vpp: "Vpp") -> None:
        self._vpp = vpp

    def send(self, packet: Packet, if_index: int, next_hop: bytes) -> None:
        """Send to `next_hop` on an interface, resolving it first if that is needed."""
        interface = self._vpp.interfaces.get(if_index)
        if interface is None or not interface.usable or interface.device is None:
            self._vpp.count("drop_interface_down")
            return
        if not interface.ethernet:
            self.send_fitting(packet, interface, b"")
            return
        mac = BROADCAST_MAC if next_hop == ALL_ONES6 else self._vpp.neighbours.mac(if_index, next_hop)
        if mac is None:
            self._vpp.neighbours.resolve((if_index, next_hop), packet, self._vpp.now())
            return
        self.send_fitting(packet, interface, mac + interface.mac + ETHERTYPES[packet.family])

    def send_fitting(self, packet: Packet, interface: Interface, header: bytes) -> None:
        """Send under a link header, or fragment it, or tell the sender that it is too big."""
        mtu = interface.mtu_of(packet.family)
        fits = not mtu or largest(packet.data, packet.vnet) <= mtu
        if not fits and (packet.family == 6 or packet.data[6] & DONT_FRAGMENT):
            self._vpp.icmp.too_big(packet, mtu)
        elif self._vpp.cnat.features and not self._vpp.cnat.output(packet, interface):
            return
        elif fits:
            self._transmit(packet, interface, header)
        else:
            whole = completed(packet.data, packet.vnet) if packet.vnet else packet.data
            for piece in fragments(whole, mtu):
                self._transmit(Packet(piece, packet.rx), interface, header)

    def _transmit(self, packet: Packet, interface: Interface, header: bytes) -> None:
        device, vnet = interface.device, packet.vnet
        if device is None:
            return
        if vnet is None:
            device.transmit(None, header, packet.data)
        elif vnet.gso and not interface.offload_segmentation:
            for segment in segments(packet.data, vnet):
                device.transmit(None, header, segment)
        elif not vnet.gso and not interface.offload_checksum:
            device.transmit(None, header, completed(packet.data, vnet))
        else:
            device.transmit(vnet, header, packet.data)
