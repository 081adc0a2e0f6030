"""Multicast: is it accepted from there, and who gets copies."""

from typing import TYPE_CHECKING

from tools.vppsim.api.errors import NONE
from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.fib.multicast import Branch, Itf
from tools.vppsim.fib.paths import Kind
from tools.vppsim.packets.headers import ETHERTYPES, multicast_mac

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

TABLES_MAX = 8
"""Tables one packet may be passed through before it counts as looping."""


class Multicast:
    """Forwards packets to groups."""

    def __init__(self, vpp: "Vpp") -> None:
        self._vpp = vpp

    def input(self, packet: Packet, table_id: int, depth: int = 0) -> None:
        """A packet to a group, looked up in a table."""
        table = self._vpp.tables.multicast.get((packet.family, table_id))
        entry = table.longest(packet.destination, packet.source) if table else None
        if entry is None or not entry.accepts(packet.rx) or depth > TABLES_MAX:
            self._vpp.count("drop_multicast")
            return
        for branch in entry.branches():
            if branch.itf & Itf.FORWARD:
                self._copy(packet.copy(), branch, table_id, depth)

    def _copy(self, packet: Packet, branch: Branch, table_id: int, depth: int) -> None:
        path = branch.path
        if path.kind is Kind.LOCAL:
            self._vpp.local.input(packet, table_id)
        elif path.if_index != NONE:
            self._out(packet, path.if_index)
        else:
            self.input(packet, path.table_id, depth + 1)

    def _out(self, packet: Packet, if_index: int) -> None:
        interface = self._vpp.interfaces.get(if_index)
        if interface is None or not interface.usable or not self._vpp.forward.lives_on(packet, if_index):
            return
        header = b""
        if interface.ethernet:
            header = multicast_mac(packet.destination) + interface.mac + ETHERTYPES[packet.family]
        self._vpp.output.send_fitting(packet, interface, header)
