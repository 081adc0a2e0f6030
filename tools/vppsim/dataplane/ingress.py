"""Frames from devices: the link layer's filter, then ARP, IPv4 or IPv6."""

from typing import TYPE_CHECKING

from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.interfaces import Interface
from tools.vppsim.packets.headers import ARP, ETHERNET_LENGTH, IP4, IP6
from tools.vppsim.packets.vnet import Vnet

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

VERSIONS = {IP4: 4, IP6: 6}


class Ingress:
    """`receive` is where every frame enters."""

    def __init__(self, vpp: "Vpp") -> None:
        self._vpp = vpp

    def receive(self, if_index: int, frame: bytes, vnet: Vnet | None = None) -> None:
        """A frame (Ethernet) or packet (tun); `vnet` counts from the IP header."""
        interface = self._vpp.interfaces.get(if_index)
        if interface is None or not interface.usable:
            self._vpp.count("drop_interface_down")
        elif interface.ethernet:
            self._ethernet(interface, frame, vnet)
        else:
            self._ip(interface, Packet(frame, if_index, vnet))

    def _ethernet(self, interface: Interface, frame: bytes, vnet: Vnet | None) -> None:
        destination, kind = frame[:6], frame[12:14]
        if len(frame) < ETHERNET_LENGTH:
            self._vpp.count("drop_short_frame")
        elif destination != interface.mac and not destination[0] & 1 and not interface.promiscuous:
            self._vpp.count("drop_other_mac")
        elif kind == ARP:
            self._vpp.arp.input(interface, frame)
        elif kind in VERSIONS:
            packet = Packet(memoryview(frame)[ETHERNET_LENGTH:].tobytes(), interface.index, vnet, False, frame[6:12])
            if packet.family == VERSIONS[kind]:
                self._ip(interface, packet)
        else:
            self._vpp.count("drop_ethertype")

    def _ip(self, interface: Interface, packet: Packet) -> None:
        if packet.family in (4, 6):
            self._vpp.forward.input(packet, interface)
        else:
            self._vpp.count("drop_not_ip")
