"""Frames from devices: the link layer's filter, then ARP, IPv4 or IPv6."""

from tools.vppsim.dataplane.arp import Arp
from tools.vppsim.dataplane.forward import IpForward
from tools.vppsim.packets.headers import ARP, ETHERNET_LENGTH, IP4, IP6
from tools.vppsim.packets.offload import Offload
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

VERSIONS = {IP4: 4, IP6: 6}


class DeviceInput:
    """Every frame enters through `receive`."""

    def __init__(self, state: VppState, arp: Arp, forward: IpForward) -> None:
        self._state, self._arp, self._forward = state, arp, forward

    def receive(self, if_index: int, frame: bytes, offload: Offload | None = None) -> None:
        """Take a frame (Ethernet) or packet (tun); `offload` counts from the IP header."""
        interface = self._state.interfaces.get(if_index)
        if interface is None or not interface.usable:
            self._state.count("drop_interface_down")
        elif interface.ethernet:
            self._ethernet(interface, frame, offload)
        else:
            self._ip(interface, IpPacket(frame, if_index, offload))

    def _ethernet(self, interface: Interface, frame: bytes, offload: Offload | None) -> None:
        destination, kind = frame[:6], frame[12:14]
        if len(frame) < ETHERNET_LENGTH:
            self._state.count("drop_short_frame")
        elif destination != interface.mac and not destination[0] & 1 and not interface.promiscuous:
            self._state.count("drop_other_mac")
        elif kind == ARP:
            self._arp.input(interface, frame)
        elif kind in VERSIONS:
            packet = IpPacket(
                memoryview(frame)[ETHERNET_LENGTH:].tobytes(), interface.index, offload, False, frame[6:12]
            )
            if packet.family == VERSIONS[kind]:
                self._ip(interface, packet)
        else:
            self._state.count("drop_ethertype")

    def _ip(self, interface: Interface, packet: IpPacket) -> None:
        if packet.family in (4, 6):
            self._forward.input(packet, interface)
        else:
            self._state.count("drop_not_ip")
