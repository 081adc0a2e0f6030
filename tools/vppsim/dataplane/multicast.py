"""Multicast: is a packet accepted from its interface, and which interfaces get copies."""

from tools.vppsim.dataplane.ip_local import IpLocal
from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.fib.multicast import MfibBranch, MfibItfFlag
from tools.vppsim.fib.paths import PathType
from tools.vppsim.packets.headers import ETHERTYPES, multicast_mac
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState

TABLES_MAX = 8
"""Tables one packet may be passed through before it counts as looping."""


class MulticastForward:
    """Forwards packets to groups, and delivers them to VPP itself."""

    def __init__(self, state: VppState, local: IpLocal, output: InterfaceOutput) -> None:
        self._state, self._local, self._output = state, local, output

    def input(self, packet: IpPacket, table_id: int, depth: int = 0) -> None:
        """Take a packet to a group, looked up in a table."""
        table = self._state.tables.multicast.get((packet.family, table_id))
        entry = table.longest_match(packet.destination, packet.source) if table else None
        if entry is None or not entry.accepts(packet.rx) or depth > TABLES_MAX:
            self._state.count("drop_multicast")
            return
        for branch in entry.branches():
            if branch.itf & MfibItfFlag.FORWARD:
                self._copy(packet.copy(), branch, table_id, depth)

    def _copy(self, packet: IpPacket, branch: MfibBranch, table_id: int, depth: int) -> None:
        path = branch.path
        if path.type is PathType.LOCAL:
            self._local.input(packet, table_id)
        elif path.if_index != INDEX_INVALID:
            self._out(packet, path.if_index)
        else:
            self.input(packet, path.table_id, depth + 1)

    def _out(self, packet: IpPacket, if_index: int) -> None:
        interface = self._state.interfaces.get(if_index)
        if interface is None or not interface.usable or not self._output.decrement_ttl(packet, if_index):
            return
        header = b""
        if interface.ethernet:
            header = multicast_mac(packet.destination) + interface.mac + ETHERTYPES[packet.family]
        self._output.send_fitting(packet, interface, header)
