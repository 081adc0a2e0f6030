"""From a destination to what is done with the packet: recursion, other tables, weighted paths, a cache.

A destination resolves to a LookupResult, or to several with weights. Results are cached by (family, table, destination)
until `invalidate` is called, after any change of tables, interfaces or neighbours.

As in VPP's FIB: a path through an interface that is down carries nothing, the lowest preference that still has a usable
path wins, a recursive path that resolves to a drop is no path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from tools.vppsim.fib.paths import FibPath, PathType
from tools.vppsim.fib.table import FibTable
from tools.vppsim.retvals import INDEX_INVALID

DEPTH_MAX = 16
"""Lookups one packet may need before it counts as looping."""
CACHE_MAX = 65536


class LookupAction(Enum):
    """What happens to the packet."""

    FORWARD = auto()
    LOCAL = auto()
    LINK_LOCAL = auto()
    DROP = auto()
    UNREACHABLE = auto()
    PROHIBITED = auto()


@dataclass(frozen=True, slots=True)
class LookupResult:
    """`if_index`: the way out, or for LOCAL the interface whose address it is (INDEX_INVALID: no particular one).
    `next_hop`: whom to resolve there. `table_id`: the table that decided."""

    action: LookupAction
    if_index: int = INDEX_INVALID
    next_hop: bytes = b""
    table_id: int = 0


LoadBalance = tuple[tuple[float, LookupResult], ...]
"""Results with their share of the traffic; the shares add up to 1."""

DROPPED = LookupResult(LookupAction.DROP)
ACTIONS = {
    PathType.DROP: LookupAction.DROP,
    PathType.LOCAL: LookupAction.LOCAL,
    PathType.ICMP_UNREACH: LookupAction.UNREACHABLE,
    PathType.ICMP_PROHIBIT: LookupAction.PROHIBITED,
    PathType.LINK_LOCAL: LookupAction.LINK_LOCAL,
}


class FibLookup:
    """Resolves destinations over `tables[family, table_id]`; `usable(if_index)` says whether a link carries."""

    def __init__(self, tables: Mapping[tuple[int, int], FibTable], usable: Callable[[int], bool]) -> None:
        self._tables, self._usable = tables, usable
        self._cache: dict[tuple[int, int, bytes], LoadBalance] = {}

    def invalidate(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def load_balance(self, family: int, table_id: int, destination: bytes) -> LoadBalance:
        """All results for `destination` in a table."""
        key = (family, table_id, destination)
        shares = self._cache.get(key)
        if shares is None:
            if len(self._cache) >= CACHE_MAX:
                self._cache.clear()
            shares = self._cache[key] = self._resolve(family, table_id, destination, 0)
        return shares

    def result(self, family: int, table_id: int, destination: bytes, flow: int = 0) -> LookupResult:
        """The result for a packet of flow hash `flow`."""
        return pick_by_flow(self.load_balance(family, table_id, destination), flow)

    def through_paths(self, family: int, paths: tuple[FibPath, ...], destination: bytes, flow: int = 0) -> LookupResult:
        """The result of a bare list of paths, such as a punt redirection."""
        return pick_by_flow(self._of_paths(family, paths, destination, 0, 0), flow)

    def _resolve(self, family: int, table_id: int, destination: bytes, depth: int) -> LoadBalance:
        table = self._tables.get((family, table_id))
        if table is None or depth > DEPTH_MAX:
            return ((1.0, DROPPED),)
        return self._of_paths(family, table.longest_match(destination).best.paths, destination, table_id, depth)

    def _of_paths(
        self, family: int, paths: tuple[FibPath, ...], destination: bytes, table_id: int, depth: int
    ) -> LoadBalance:
        resolved = [(path, self._of_path(family, path, destination, table_id, depth)) for path in paths]
        alive = [
            (path, shares)
            for path, shares in resolved
            if any(result.action is not LookupAction.DROP for _, result in shares)
        ]
        if not alive:
            return ((1.0, replace(DROPPED, table_id=table_id)),)
        best = min(path.preference for path, _ in alive)
        return _weighted([(path.weight, shares) for path, shares in alive if path.preference == best])

    def _of_path(self, family: int, path: FibPath, destination: bytes, table_id: int, depth: int) -> LoadBalance:
        if path.type in ACTIONS:
            return ((1.0, LookupResult(ACTIONS[path.type], path.if_index, table_id=table_id)),)
        if path.type is not PathType.NORMAL or path.interface_deleted:
            return ((1.0, DROPPED),)
        if path.if_index != INDEX_INVALID:
            if not self._usable(path.if_index):
                return ((1.0, DROPPED),)
            return ((1.0, LookupResult(LookupAction.FORWARD, path.if_index, path.next_hop or destination, table_id)),)
        if not path.next_hop:
            return self._resolve(family, path.table_id, destination, depth + 1)
        shares = self._resolve(path.proto, path.table_id, path.next_hop, depth + 1)
        return tuple((share, result) for share, result in shares if result.action is LookupAction.FORWARD) or shares


def _weighted(alternatives: list[tuple[int, LoadBalance]]) -> LoadBalance:
    if len(alternatives) == 1:
        return alternatives[0][1]
    total = sum(weight for weight, _ in alternatives)
    return tuple((share * weight / total, result) for weight, shares in alternatives for share, result in shares)


def pick_by_flow(shares: LoadBalance, flow: int) -> LookupResult:
    """The result on which flow hash `flow` (any integer) falls."""
    if len(shares) == 1:
        return shares[0][1]
    point = (flow & 0xFFFF) / 0x10000 * sum(share for share, _ in shares)
    for share, result in shares:
        point -= share
        if point < 0:
            return result
    return shares[-1][1]
