"""One unicast table of one family: prefixes, who contributed to each, longest match.

A prefix may have several sources (an interface address and an API route, say); the best one forwards, and when it
goes the next best takes over. A neighbour's host route (source ADJ) counts only while the prefix that covers it is
attached to the same interface (VPP: fib_entry_src_adj.c).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tools.vppsim.fib.paths import DROP, Kind, Path, Source, Trait

BITS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source says about a prefix."""

    paths: tuple[Path, ...]
    traits: Trait = Trait.NONE


@dataclass(slots=True)
class Entry:
    """A prefix: `address` without host bits, `length` in bits."""

    address: bytes
    length: int
    stats_index: int
    sources: dict[Source, Contribution] = field(default_factory=dict)

    @property
    def best_source(self) -> Source:
        return min(self.sources)

    @property
    def best(self) -> Contribution:
        return self.sources[self.best_source]


class Table:
    """Table `table_id` of family 4 or 6. `held` is the API's hold on it; who else uses it is counted elsewhere."""

    def __init__(self, family: int, table_id: int, name: str = "") -> None:
        self.family, self.table_id = family, table_id
        self.name = name or (f"ipv{family}-VRF:{table_id}")
        self.held = True
        self._by_length: dict[int, dict[int, Entry]] = {}
        self._lengths: list[int] = []
        self._last_stats_index = 0
        for address, length, source, path in SPECIALS[family]:
            self.put(address, length, source, (path,), Trait.DROP if path.kind is Kind.DROP else Trait.NONE)

    def put(
        self, address: bytes, length: int, source: Source, paths: Iterable[Path], traits: Trait = Trait.NONE
    ) -> Entry:
        """Set what `source` says about a prefix."""
        entry = self.exact(address, length) or self._new(address, length)
        entry.sources[source] = Contribution(tuple(paths), traits)
        return entry

    def drop(self, address: bytes, length: int, source: Source) -> None:
        """`source` says nothing any more about a prefix; unknown ones are ignored, as VPP does."""
        entry = self.exact(address, length)
        if entry is None or entry.sources.pop(source, None) is None or entry.sources:
            return
        level = self._by_length[length]
        del level[self._key(address, length)]
        if not level:
            del self._by_length[length]
            self._lengths.remove(length)

    def exact(self, address: bytes, length: int) -> Entry | None:
        return self._by_length.get(length, {}).get(self._key(address, length))

    def longest(self, address: bytes) -> Entry:
        """The entry that forwards `address`; there always is one, the default route."""
        entry = next(self._matches(address, BITS[self.family]), None)
        assert entry is not None  # the default route is never removed
        return entry

    def covers(self, address: bytes, length: int) -> Iterator[Entry]:
        """All entries that match `address` with at most `length` bits, the longest first."""
        return self._matches(address, length)

    def entries(self) -> Iterator[Entry]:
        """Every entry, short prefixes first, addresses rising, as VPP walks them."""
        for length in sorted(self._by_length):
            level = self._by_length[length]
            yield from (level[key] for key in sorted(level))

    def _matches(self, address: bytes, longest: int) -> Iterator[Entry]:
        number, bits = int.from_bytes(address), BITS[self.family]
        for length in self._lengths:
            entry = self._by_length[length].get(number >> (bits - length)) if length <= longest else None
            if entry is not None and self._forwards(entry):
                yield entry

    def _forwards(self, entry: Entry) -> bool:
        if entry.best_source is not Source.ADJ:
            return True
        cover = next(self._matches(entry.address, entry.length - 1), None)
        return cover is not None and _attached_to(cover, entry.best.paths[0].if_index)

    def _new(self, address: bytes, length: int) -> Entry:
        self._last_stats_index += 1
        entry = Entry(masked(address, length), length, self._last_stats_index)
        self._by_length.setdefault(length, {})[self._key(address, length)] = entry
        self._lengths = sorted(self._by_length, reverse=True)
        return entry

    def _key(self, address: bytes, length: int) -> int:
        return int.from_bytes(address) >> (BITS[self.family] - length)


def _attached_to(entry: Entry, if_index: int) -> bool:
    contribution = entry.best
    return bool(contribution.traits & Trait.ATTACHED) and contribution.paths[0].if_index == if_index


def masked(address: bytes, length: int) -> bytes:
    """`address` with all bits after the first `length` cleared."""
    spare = len(address) * 8 - length
    return (int.from_bytes(address) >> spare << spare).to_bytes(len(address))


DROP6 = Path(kind=Kind.DROP, proto=6)
LINK_LOCAL = Path(kind=Kind.LINK_LOCAL, proto=6)
SPECIALS: dict[int, list[tuple[bytes, int, Source, Path]]] = {
    4: [
        (bytes(4), 0, Source.DEFAULT_ROUTE, DROP),
        (bytes(4), 32, Source.DEFAULT_ROUTE, DROP),
        (bytes([240, 0, 0, 0]), 4, Source.SPECIAL, DROP),
        (bytes([224, 0, 0, 0]), 4, Source.SPECIAL, DROP),
        (b"\xff" * 4, 32, Source.DEFAULT_ROUTE, DROP),
    ],
    6: [
        (bytes(16), 0, Source.DEFAULT_ROUTE, DROP6),
        (b"\xfe\x80" + bytes(14), 10, Source.SPECIAL, LINK_LOCAL),
    ],
}
"""What VPP puts into every new table (VPP: ip4_fib.c, ip6_fib.c)."""
