"""ARP: requests, replies, learning, proxies (VPP: vnet/arp/arp.c, arp_proxy.c)."""

from dataclasses import dataclass

from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.fib.paths import FibEntryFlag, FibSource
from tools.vppsim.fib.table import FibEntry, FibTable
from tools.vppsim.packets.headers import (
    ARP,
    ARP_LAYOUT,
    ARP_REPLY,
    ARP_REQUEST,
    BROADCAST_MAC,
    ETHERNET_LENGTH,
    arp_packet,
)
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.state import VppState

ETHERNET_IP4 = (1, 0x0800, 6, 4)


@dataclass(frozen=True, slots=True)
class ArpPacket:
    """An ARP packet. `link_source` is the MAC that the frame came from."""

    operation: int
    sender_mac: bytes
    sender: bytes
    target: bytes
    link_source: bytes

    @property
    def gratuitous(self) -> bool:
        return self.sender == self.target


class Arp:
    """Takes ARP frames, and sends requests."""

    def __init__(self, state: VppState, output: InterfaceOutput) -> None:
        self._state, self._output = state, output

    def input(self, interface: Interface, frame: bytes) -> None:
        """One ARP frame: VPP's own addresses first, then proxies."""
        if len(frame) < ETHERNET_LENGTH + ARP_LAYOUT.size:
            return
        *layout, operation, mac, sender, _, target = ARP_LAYOUT.unpack_from(frame, ETHERNET_LENGTH)
        arp = ArpPacket(operation, mac, sender, target, frame[6:12])
        if tuple(layout) != ETHERNET_IP4 or sender == bytes(4):
            return
        if interface.ip_enabled(4) and not self._handle(interface, arp):
            return
        if interface.proxy_arp and operation == ARP_REQUEST and self._proxied(interface.tables[4], target):
            self._reply(interface, arp)

    def request(self, interface: Interface, address: bytes) -> None:
        """Ask who has `address`, if the interface has an address to ask from."""
        source = self._state.source_address(interface, address)
        if source is not None and interface.device is not None:
            packet = arp_packet(ARP_REQUEST, (interface.mac, source), (bytes(6), address))
            interface.device.transmit(None, BROADCAST_MAC + interface.mac + ARP, packet)

    def _handle(self, interface: Interface, arp: ArpPacket) -> bool:
        """Answer or learn. True: not for VPP itself, a proxy may have it. False: dealt with."""
        table = self._state.tables.unicast[4, interface.tables[4]]
        attached = self._sender_attached(table, arp.sender)
        if attached is None:
            return True
        entry = table.longest_match(arp.target)
        owner = entry.best.paths[0].if_index
        if not attached and not self._borrows(interface, owner):
            return False
        if FibSource.ADJ in entry.sources:
            if owner == interface.index and arp.gratuitous:
                self._learn(interface, arp)
            return True
        return self._connected(interface, arp, entry, owner)

    def _connected(self, interface: Interface, arp: ArpPacket, entry: FibEntry, owner: int) -> bool:
        flags = next((c.flags for c in entry.sources.values() if c.flags & FibEntryFlag.CONNECTED), FibEntryFlag.NONE)
        if not flags:
            return True
        if arp.sender_mac != arp.link_source:
            return False
        if arp.operation == ARP_REPLY:
            if flags & FibEntryFlag.LOCAL:
                self._learn(interface, arp)
            return True
        if arp.operation != ARP_REQUEST or not flags & FibEntryFlag.LOCAL:
            return True
        if arp.gratuitous or (owner != interface.index and not self._borrows(interface, owner)):
            return False
        self._reply(interface, arp)
        self._learn(interface, arp)
        return False

    def _sender_attached(self, table: FibTable, sender: bytes) -> bool | None:
        """Is the sender on a link of the table, by any prefix that covers it? None: it claims an address of VPP's."""
        for entry in table.covering(sender, 32):
            for contribution in entry.sources.values():
                if contribution.flags & FibEntryFlag.LOCAL:
                    return None
                if contribution.flags & (FibEntryFlag.ATTACHED | FibEntryFlag.CONNECTED):
                    return True
        return False

    def _borrows(self, interface: Interface, owner: int) -> bool:
        return interface.unnumbered is not None and interface.unnumbered == owner

    def _proxied(self, table_id: int, target: bytes) -> bool:
        return any(table == table_id and low <= target <= high for table, low, high in self._state.proxy_arp)

    def _reply(self, interface: Interface, arp: ArpPacket) -> None:
        packet = arp_packet(ARP_REPLY, (interface.mac, arp.target), (arp.sender_mac, arp.sender))
        if interface.device is not None:
            interface.device.transmit(None, arp.link_source + interface.mac + ARP, packet)

    def _learn(self, interface: Interface, arp: ArpPacket) -> None:
        self._output.learn(interface, arp.sender, arp.sender_mac)
