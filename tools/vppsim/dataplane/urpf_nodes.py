"""Is a packet's source one that may come in by its interface (VPP: plugins/urpf/urpf_dp.h)?

A route counts by the interfaces that its paths lead to, up or down; one that drops, is local or leads to another table
has none.
"""

from tools.vppsim.fib.paths import FibPath, PathType
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import VppState
from tools.vppsim.state.urpf import UrpfMode

LIMITED_BROADCAST = b"\xff" * 4
DEPTH_MAX = 16
"""Recursive routes on the way to an interface."""


class UrpfNodes:
    """The check of packets that come in. VPP passes all to multicast and limited broadcast destinations."""

    def __init__(self, state: VppState) -> None:
        self._state = state

    def passes(self, packet: IpPacket, interface: Interface) -> bool:
        """May this unicast packet go on?"""
        key = (packet.family, interface.index)
        if key not in self._state.urpf.features or packet.destination == LIMITED_BROADCAST:
            return True
        record = self._state.urpf.records[key]
        ways = self._ways(packet.family, record.table_id, packet.source, 0)
        return interface.index in ways if record.mode is UrpfMode.STRICT else bool(ways)

    def _ways(self, family: int, table_id: int, address: bytes, depth: int) -> set[int]:
        """Interfaces that the table's route to an address leads to."""
        table = self._state.tables.unicast.get((family, table_id))
        if table is None or depth > DEPTH_MAX:
            return set()
        return {if_index for path in table.longest_match(address).best.paths for if_index in self._ways_of(path, depth)}

    def _ways_of(self, path: FibPath, depth: int) -> set[int]:
        if path.type is not PathType.NORMAL or path.interface_deleted:
            return set()
        if path.if_index != INDEX_INVALID:
            return {path.if_index}
        return self._ways(path.proto, path.table_id, path.next_hop, depth + 1) if path.next_hop else set()
