"""From a destination to what is done with the packet: recursion, other tables, weighted paths, memory.

The answer is a Verdict, or several with weights. Answers are remembered per (family, table, destination) until
anything that could change one changes; `forget` is called then. Facts as in VPP's FIB: a path through an interface
that is down carries nothing, the lowest preference that still has a usable path wins, a recursive path that resolves
to a drop is no path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from tools.vppsim.fib.paths import Kind, Path
from tools.vppsim.fib.table import Table
from tools.vppsim.retvals import NONE

DEPTH_MAX = 16
"""Lookups one packet may need before it counts as looping."""
MEMORY_MAX = 65536


class Act(Enum):
    """What happens to the packet."""

    FORWARD = auto()
    LOCAL = auto()
    LINK_LOCAL = auto()
    DROP = auto()
    UNREACHABLE = auto()
    PROHIBITED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`if_index`: the way out, or for LOCAL the interface whose address it is (NONE: no particular one).
    `next_hop`: whom to resolve there. `table_id`: the table that decided."""

    act: Act
    if_index: int = NONE
    next_hop: bytes = b""
    table_id: int = 0


Choice = tuple[tuple[float, Verdict], ...]
"""Verdicts with their share of the traffic; the shares of a choice add up to 1."""

DROPPED = Verdict(Act.DROP)
SIMPLE = {
    Kind.DROP: Act.DROP,
    Kind.LOCAL: Act.LOCAL,
    Kind.ICMP_UNREACH: Act.UNREACHABLE,
    Kind.ICMP_PROHIBIT: Act.PROHIBITED,
    Kind.LINK_LOCAL: Act.LINK_LOCAL,
}


class Lookup:
    """Resolves destinations over `tables[family, table_id]`; `usable(if_index)` says whether a link carries."""

    def __init__(self, tables: Mapping[tuple[int, int], Table], usable: Callable[[int], bool]) -> None:
        self._tables, self._usable = tables, usable
        self._memory: dict[tuple[int, int, bytes], Choice] = {}

    def forget(self) -> None:
        """Something changed: resolve anew."""
        self._memory.clear()

    def choice(self, family: int, table_id: int, destination: bytes) -> Choice:
        """All verdicts for `destination` in a table."""
        key = (family, table_id, destination)
        known = self._memory.get(key)
        if known is None:
            if len(self._memory) >= MEMORY_MAX:
                self._memory.clear()
            known = self._memory[key] = self._resolve(family, table_id, destination, 0)
        return known

    def verdict(self, family: int, table_id: int, destination: bytes, flow: int = 0) -> Verdict:
        """The one verdict for a packet of flow hash `flow`."""
        return pick(self.choice(family, table_id, destination), flow)

    def through(self, family: int, paths: tuple[Path, ...], destination: bytes, flow: int = 0) -> Verdict:
        """The verdict of a bare list of paths, such as a punt redirection."""
        return pick(self._of_paths(family, paths, destination, 0, 0), flow)

    def _resolve(self, family: int, table_id: int, destination: bytes, depth: int) -> Choice:
        table = self._tables.get((family, table_id))
        if table is None or depth > DEPTH_MAX:
            return ((1.0, DROPPED),)
        return self._of_paths(family, table.longest(destination).best.paths, destination, table_id, depth)

    def _of_paths(self, family: int, paths: tuple[Path, ...], destination: bytes, table_id: int, depth: int) -> Choice:
        resolved = [(path, self._of_path(family, path, destination, table_id, depth)) for path in paths]
        alive = [(path, choice) for path, choice in resolved if any(v.act is not Act.DROP for _, v in choice)]
        if not alive:
            return ((1.0, replace(DROPPED, table_id=table_id)),)
        best = min(path.preference for path, _ in alive)
        return _weighted([(path.weight, choice) for path, choice in alive if path.preference == best])

    def _of_path(self, family: int, path: Path, destination: bytes, table_id: int, depth: int) -> Choice:
        if path.kind in SIMPLE:
            return ((1.0, Verdict(SIMPLE[path.kind], path.if_index, table_id=table_id)),)
        if path.kind is not Kind.NORMAL or path.gone:
            return ((1.0, DROPPED),)
        if path.if_index != NONE:
            if not self._usable(path.if_index):
                return ((1.0, DROPPED),)
            return ((1.0, Verdict(Act.FORWARD, path.if_index, path.next_hop or destination, table_id)),)
        if not path.next_hop:
            return self._resolve(family, path.table_id, destination, depth + 1)
        choice = self._resolve(path.proto, path.table_id, path.next_hop, depth + 1)
        return tuple((share, verdict) for share, verdict in choice if verdict.act is Act.FORWARD) or choice


def _weighted(choices: list[tuple[int, Choice]]) -> Choice:
    if len(choices) == 1:
        return choices[0][1]
    total = sum(weight for weight, _ in choices)
    return tuple((share * weight / total, verdict) for weight, choice in choices for share, verdict in choice)


def pick(choice: Choice, flow: int) -> Verdict:
    """The verdict on which flow hash `flow` (any integer) falls."""
    if len(choice) == 1:
        return choice[0][1]
    point = (flow & 0xFFFF) / 0x10000 * sum(share for share, _ in choice)
    for share, verdict in choice:
        point -= share
        if point < 0:
            return verdict
    return choice[-1][1]
