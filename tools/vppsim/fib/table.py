"""One unicast table of one family: prefixes, the sources of each, longest match.

A prefix may have several sources (an interface address and an API route, say); the best one forwards, and when it is
removed the next best takes over. A neighbour's host route (source ADJ) counts only while the prefix that covers it is
attached to the same interface (VPP: fib_entry_src_adj.c).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.vppsim.fib.paths import DROP, FibEntryFlag, FibPath, FibSource, PathType

BITS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class FibContribution:
    """What one source says about a prefix."""

    paths: tuple[FibPath, ...]
    flags: FibEntryFlag = FibEntryFlag.NONE


@dataclass(slots=True)
class FibEntry:
    """A prefix: `address` without host bits, `length` in bits."""

    address: bytes
    length: int
    stats_index: int
    sources: dict[FibSource, FibContribution] = field(default_factory=dict)

    @property
    def best_source(self) -> FibSource:
        return min(self.sources)

    @property
    def best(self) -> FibContribution:
        return self.sources[self.best_source]


class FibTable:
    """Table `table_id` of family 4 or 6. `locked_by_api`: the API has not deleted it."""

    def __init__(self, family: int, table_id: int, name: str = "") -> None:
        self.family, self.table_id = family, table_id
        self.name = name or (f"ipv{family}-VRF:{table_id}")
        self.locked_by_api = True
        self._by_length: dict[int, dict[int, FibEntry]] = {}
        self._lengths: list[int] = []
        self._last_stats_index = 0
        for address, length, source, path in SPECIALS[family]:
            self.set_source(
                address, length, source, (path,), FibEntryFlag.DROP if path.type is PathType.DROP else FibEntryFlag.NONE
            )

    def set_source(
        self,
        address: bytes,
        length: int,
        source: FibSource,
        paths: Iterable[FibPath],
        flags: FibEntryFlag = FibEntryFlag.NONE,
    ) -> FibEntry:
        """Set the paths that `source` contributes to a prefix."""
        entry = self.exact_match(address, length) or self._new(address, length)
        entry.sources[source] = FibContribution(tuple(paths), flags)
        return entry

    def clear_source(self, address: bytes, length: int, source: FibSource) -> None:
        """Remove the paths that `source` contributed to a prefix; unknown ones are ignored, as VPP does."""
        entry = self.exact_match(address, length)
        if entry is None or entry.sources.pop(source, None) is None or entry.sources:
            return
        level = self._by_length[length]
        del level[self._key(address, length)]
        if not level:
            del self._by_length[length]
            self._lengths.remove(length)

    def exact_match(self, address: bytes, length: int) -> FibEntry | None:
        return self._by_length.get(length, {}).get(self._key(address, length))

    def longest_match(self, address: bytes) -> FibEntry:
        """The entry that forwards `address`: at least the default route."""
        entry = next(self._matches(address, BITS[self.family]), None)
        assert entry is not None  # the default route is never removed
        return entry

    def covering(self, address: bytes, length: int) -> Iterator[FibEntry]:
        """All entries that match `address` with at most `length` bits, the longest first."""
        return self._matches(address, length)

    def entries(self) -> Iterator[FibEntry]:
        """Every entry, short prefixes first, addresses rising, as VPP walks them."""
        for length in sorted(self._by_length):
            level = self._by_length[length]
            yield from (level[key] for key in sorted(level))

    def _matches(self, address: bytes, longest: int) -> Iterator[FibEntry]:
        number, bits = int.from_bytes(address), BITS[self.family]
        for length in self._lengths:
            entry = self._by_length[length].get(number >> (bits - length)) if length <= longest else None
            if entry is not None and self._forwards(entry):
                yield entry

    def _forwards(self, entry: FibEntry) -> bool:
        if entry.best_source is not FibSource.ADJ:
            return True
        cover = next(self._matches(entry.address, entry.length - 1), None)
        return cover is not None and _attached_to(cover, entry.best.paths[0].if_index)

    def _new(self, address: bytes, length: int) -> FibEntry:
        self._last_stats_index += 1
        entry = FibEntry(masked(address, length), length, self._last_stats_index)
        self._by_length.setdefault(length, {})[self._key(address, length)] = entry
        self._lengths = sorted(self._by_length, reverse=True)
        return entry

    def _key(self, address: bytes, length: int) -> int:
        return int.from_bytes(address) >> (BITS[self.family] - length)


def _attached_to(entry: FibEntry, if_index: int) -> bool:
    contribution = entry.best
    return bool(contribution.flags & FibEntryFlag.ATTACHED) and contribution.paths[0].if_index == if_index


def masked(address: bytes, length: int) -> bytes:
    """`address` with all bits after the first `length` cleared."""
    spare = len(address) * 8 - length
    return (int.from_bytes(address) >> spare << spare).to_bytes(len(address))


DROP6 = FibPath(type=PathType.DROP, proto=6)
LINK_LOCAL = FibPath(type=PathType.LINK_LOCAL, proto=6)
SPECIALS: dict[int, list[tuple[bytes, int, FibSource, FibPath]]] = {
    4: [
        (bytes(4), 0, FibSource.DEFAULT_ROUTE, DROP),
        (bytes(4), 32, FibSource.DEFAULT_ROUTE, DROP),
        (bytes([240, 0, 0, 0]), 4, FibSource.SPECIAL, DROP),
        (bytes([224, 0, 0, 0]), 4, FibSource.SPECIAL, DROP),
        (b"\xff" * 4, 32, FibSource.DEFAULT_ROUTE, DROP),
    ],
    6: [
        (bytes(16), 0, FibSource.DEFAULT_ROUTE, DROP6),
        (b"\xfe\x80" + bytes(14), 10, FibSource.SPECIAL, LINK_LOCAL),
    ],
}
"""What VPP puts into every new table (VPP: ip4_fib.c, ip6_fib.c)."""
