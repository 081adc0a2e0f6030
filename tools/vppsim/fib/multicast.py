"""One multicast table of one family: groups, on which interfaces they may arrive, and where copies go.

A group may have several sources; only the best one counts (VPP: mfib_entry.c). For the groups that every host listens
to (all nodes, solicited nodes, ...) the best source is VPP itself, whatever the API says of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag

from tools.vppsim.fib.paths import FibPath, FibSource, PathType
from tools.vppsim.fib.table import masked


class MfibItfFlag(IntFlag):
    """What a path of a group allows (VPP: mfib_types.api)."""

    ACCEPT = 2
    FORWARD = 4


ACCEPT_ALL = 8
"""Entry flag: packets may arrive on any interface."""

MulticastGroup = tuple[bytes, int, bytes]
"""Group address, its length in bits, source address (all zero: any)."""


@dataclass(frozen=True, slots=True)
class MfibBranch:
    """A path of a group, with what is allowed on it."""

    path: FibPath
    itf: MfibItfFlag


@dataclass(slots=True)
class MfibContribution:
    """What one source says about a group. `branches` by the identity of their path."""

    flags: int = 0
    rpf_id: int = 0
    branches: dict[tuple[object, ...], MfibBranch] = field(default_factory=dict)


@dataclass(slots=True)
class MfibEntry:
    """A group and its sources."""

    group: MulticastGroup
    sources: dict[FibSource, MfibContribution] = field(default_factory=dict)

    @property
    def best(self) -> MfibContribution:
        return self.sources[min(self.sources)]

    def branches(self) -> list[MfibBranch]:
        return list(self.best.branches.values())

    def accepts(self, if_index: int) -> bool:
        if self.best.flags & ACCEPT_ALL:
            return True
        return any(b.path.if_index == if_index and b.itf & MfibItfFlag.ACCEPT for b in self.branches())


class MfibTable:
    """Table `table_id` of family 4 or 6."""

    def __init__(self, family: int, table_id: int) -> None:
        self.family, self.table_id = family, table_id
        self._entries: dict[MulticastGroup, MfibEntry] = {}
        local_path = FibPath(type=PathType.LOCAL, proto=family)
        any_source = bytes(4 if family == 4 else 16)
        self.add((any_source, 0, any_source), FibSource.DEFAULT_ROUTE, [])
        for address, length in SPECIALS[family]:
            self.add((address, length, any_source), FibSource.SPECIAL, [MfibBranch(local_path, MfibItfFlag.FORWARD)])

    def add(
        self, group: MulticastGroup, source: FibSource, branches: list[MfibBranch], flags: int = 0, rpf_id: int = 0
    ) -> MfibEntry:
        """Add or change paths of a group for `source`."""
        key = (masked(group[0], group[1]), group[1], group[2])
        entry = self._entries.setdefault(key, MfibEntry(key))
        contribution = entry.sources.setdefault(source, MfibContribution())
        contribution.flags, contribution.rpf_id = flags, rpf_id
        contribution.branches.update({branch.path.identity(): branch for branch in branches})
        return entry

    def remove(self, group: MulticastGroup, source: FibSource, paths: list[FibPath]) -> None:
        """Take paths away; a source without paths and flags is removed, and so is an entry without sources.

        A path into another table stays for ever, as in VPP, and keeps that table alive.
        """
        key = (masked(group[0], group[1]), group[1], group[2])
        entry = self._entries.get(key)
        if entry is None or source not in entry.sources:
            return
        for path in (path for path in paths if not path.leads_to_table):
            entry.sources[source].branches.pop(path.identity(), None)
        if not entry.sources[source].branches and not entry.sources[source].flags:
            del entry.sources[source]
        if not entry.sources:
            del self._entries[key]

    def forget_interface(self, if_index: int) -> None:
        """Remove all paths through interface `if_index`."""
        for entry in list(self._entries.values()):
            for source, contribution in list(entry.sources.items()):
                paths = [b.path for b in contribution.branches.values() if b.path.if_index == if_index]
                if paths:
                    self.remove(entry.group, source, paths)

    def longest_match(self, group: bytes, source: bytes) -> MfibEntry | None:
        """The entry for a packet from `source` to `group`: (S,G) first, then the longest (*,G/m)."""
        exact = self._entries.get((group, len(group) * 8, source))
        if exact is not None:
            return exact
        any_source = bytes(len(group))
        matches = (e for e in self._entries.values() if e.group[2] == any_source and self._covers(e, group))
        return max(matches, key=lambda entry: entry.group[1], default=None)

    def entries(self) -> Iterator[MfibEntry]:
        """Every entry in a stable order."""
        yield from (self._entries[key] for key in sorted(self._entries))

    def _covers(self, entry: MfibEntry, group: bytes) -> bool:
        return masked(group, entry.group[1]) == entry.group[0]


def _scoped(last: int) -> bytes:
    return b"\xff\x02" + bytes(13) + bytes([last])


SOLICITED_NODE = (b"\xff\x02" + bytes(9) + b"\x01\xff" + bytes(3), 104)
SPECIALS = {
    4: [(bytes([224, 0, 0, 1]), 32), (bytes([224, 0, 0, 2]), 32)],
    6: [SOLICITED_NODE, (_scoped(1), 128), (_scoped(2), 128), (_scoped(0x16), 128)],
}
"""Groups every table delivers to VPP itself (VPP: ip4_mfib.c, ip6_mfib.c)."""
