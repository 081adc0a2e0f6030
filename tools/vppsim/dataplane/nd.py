"""Neighbour discovery for IPv6: solicitations, advertisements, proxies (VPP: vnet/ip6-nd).

The proxy is VPP's: on an interface that has it, a multicast solicitation from a global source is answered whatever
it asks for; a unicast one is answered if its destination is a host route of the interface's table.
"""

from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.fib.lookup import LookupAction
from tools.vppsim.fib.paths import FibEntryFlag, FibSource
from tools.vppsim.packets.headers import (
    ICMP6,
    IP6,
    icmp6,
    ip6_header,
    is_link_local6,
    is_multicast,
    multicast_mac,
    solicited_node,
)
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

SOLICITATION, ADVERTISEMENT = 135, 136
SOURCE_OPTION, TARGET_OPTION = 1, 2
ROUTER, SOLICITED, OVERRIDE = 0x80, 0x40, 0x20
HOPS = 255
ALL_NODES = b"\xff\x02" + bytes(13) + b"\x01"


class NeighbourDiscovery:
    """Takes and sends ICMPv6 types 135 and 136."""

    TYPES = (SOLICITATION, ADVERTISEMENT)

    def __init__(self, state: VppState, output: InterfaceOutput) -> None:
        self._state, self._output = state, output

    def solicit(self, interface: Interface, address: bytes) -> None:
        """Ask who has `address`."""
        source = self._state.source_address(interface, address)
        if source is None:
            return
        group = solicited_node(address)
        body = bytes(4) + address + bytes([SOURCE_OPTION, 1]) + interface.mac
        self._send(interface, multicast_mac(group), source, group, SOLICITATION, body)

    def handled_by_proxy(self, packet: IpPacket, interface: Interface) -> bool:
        """Deal with discovery as a proxy; called before the FIB is asked. False: not for the proxy."""
        if not interface.nd_proxy or packet.protocol != ICMP6 or len(packet.payload) < 24:
            return False
        if packet.payload[0] not in self.TYPES:
            return False
        if is_multicast(packet.destination):
            return self._proxied_multicast(packet, interface)
        entry = self._state.tables.unicast[6, interface.tables[6]].exact_match(packet.destination, 128)
        if entry is None and packet.destination != interface.link_local:
            return False
        self._advertise(interface, packet)
        return True

    def input(self, packet: IpPacket) -> None:
        """Take discovery that reached an address or group of VPP's."""
        interface = self._state.interfaces.get(packet.rx)
        if interface is None or len(packet.payload) < 24 or packet.data[7] != HOPS:
            return
        if not self._on_link(packet, interface):
            self._state.count("drop_nd_off_link")
            return
        solicited = packet.payload[0] == SOLICITATION
        mac = _option(packet, SOURCE_OPTION if solicited else TARGET_OPTION)
        if mac and any(packet.source):
            self._output.learn(interface, packet.source if solicited else _target(packet), mac)
        if solicited and self._is_own_address(interface, _target(packet)):
            self._advertise(interface, packet)

    def _proxied_multicast(self, packet: IpPacket, interface: Interface) -> bool:
        if not any(packet.source) or is_link_local6(packet.source):
            return False
        solicited = packet.payload[0] == SOLICITATION
        mac = _option(packet, SOURCE_OPTION if solicited else TARGET_OPTION)
        if not mac:
            return False
        self._output.learn(interface, packet.source if solicited else _target(packet), mac)
        if solicited:
            self._advertise(interface, packet)
        return True

    def _on_link(self, packet: IpPacket, interface: Interface) -> bool:
        source = packet.source
        if not any(source) or is_link_local6(source):
            return True
        result = self._state.lookup.result(6, interface.tables[6], source)
        return result.action is LookupAction.FORWARD and result.if_index == interface.index

    def _is_own_address(self, interface: Interface, target: bytes) -> bool:
        if target == interface.link_local:
            return True
        entry = self._state.tables.unicast[6, interface.tables[6]].exact_match(target, 128)
        if entry is None:
            return False
        connected = entry.sources.get(FibSource.INTERFACE)
        is_local = connected is not None and bool(connected.flags & FibEntryFlag.LOCAL)
        return is_local or FibSource.IP6_ND_PROXY in entry.sources

    def _advertise(self, interface: Interface, packet: IpPacket) -> None:
        """Answer a solicitation in `packet` with the interface's MAC."""
        target = _target(packet)
        unspecified = not any(packet.source)
        to = ALL_NODES if unspecified else packet.source
        mac = multicast_mac(to) if unspecified else _option(packet, SOURCE_OPTION) or packet.link_source
        flags = ROUTER | OVERRIDE | (0 if unspecified else SOLICITED)
        body = bytes([flags, 0, 0, 0]) + target + bytes([TARGET_OPTION, 1]) + interface.mac
        self._send(interface, mac, target, to, ADVERTISEMENT, body)

    def _send(self, interface: Interface, mac: bytes, source: bytes, to: bytes, kind: int, content: bytes) -> None:
        if interface.device is not None and interface.ethernet:
            body = icmp6(source, to, kind, 0, content)
            packet = ip6_header(source, to, ICMP6, len(body), HOPS) + body
            interface.device.transmit(None, mac + interface.mac + IP6, packet)


def _target(packet: IpPacket) -> bytes:
    return bytes(packet.payload[8:24])


def _option(packet: IpPacket, kind: int) -> bytes:
    """The link-layer address of the first option, if it is of that kind (VPP looks no further)."""
    option = bytes(packet.payload[24:32])
    return option[2:] if len(option) == 8 and option[0] == kind and option[1] == 1 else b""
