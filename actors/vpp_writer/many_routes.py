"""Routes by the hundred: those through the same paths have everything but their prefix in common, bytes included."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from actors.vpp_writer.call import UNPACKABLE, Call, Later
from actors.vpp_writer.claims import Claim
from actors.vpp_writer.kinds.kind import packed_prefix
from actors.vpp_writer.kinds.routes import MESSAGE, ROUTE_COMING, Way, way_of
from actors.vpp_writer.names import Names
from actors.vpp_writer.packing import Stamp
from actors.vpp_writer.vpp_api import VppApi
from schemas.intents import Route

STAMPS_MAX = 10_000  # then all are made anew
WRITE = Call(MESSAGE, fine=ROUTE_COMING)  # what all these calls are, but for their bytes


@dataclass(slots=True)
class ManyRoutes:
    """Routes to be written, as columns; `prefixes` as VPP has them."""

    keys: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)

    def add(self, key: str, claim: Claim, route: Route) -> None:
        """One more. Raises Never if VPP could never hold it."""
        prefix, way = packed_prefix("prefix", route.prefix), way_of(route)
        self.keys.append(key)
        self.claims.append(claim)
        self.ways.append(way)
        self.prefixes.append(prefix)

    def cut(self, size: int) -> "Iterator[ManyRoutes]":
        """So many at a time."""
        for at in range(0, len(self.keys), size):
            to = at + size
            yield ManyRoutes(self.keys[at:to], self.claims[at:to], self.ways[at:to], self.prefixes[at:to])

    def through(self, ways: Collection[Way]) -> "ManyRoutes":
        """Those of these ways."""
        rows = zip(self.keys, self.claims, self.ways, self.prefixes, strict=True)
        columns = [list(column) for column in zip(*(row for row in rows if row[2] in ways), strict=True)]
        return ManyRoutes(*columns)

    def packed(self, stamps: Mapping[Way, Stamp]) -> list[bytes]:
        """The requests, without their heads."""
        common = map(stamps.__getitem__, self.ways)
        return [stamp.before + prefix + stamp.after for stamp, prefix in zip(common, self.prefixes, strict=True)]


class Stamps:
    """The bytes that the routes of a way have in common, for one connection; they hang on the numbers that VPP gave."""

    def __init__(self, api: VppApi) -> None:
        self._api = api
        self._made: dict[tuple[Way, tuple[int, ...]], Stamp] = {}

    def of(self, ways: Iterable[Way], names: Names) -> dict[Way, Stamp]:
        """By way, of those whose routes can be written now; the writer of single objects says what keeps the others."""
        found: dict[Way, Stamp] = {}
        if self._api.has(MESSAGE):
            for way in ways:
                try:
                    found[way] = self._of(way, names)
                except (Later, *UNPACKABLE):
                    continue
        return found

    def _of(self, way: Way, names: Names) -> Stamp:
        what = way, way.numbers(names)
        stamp = self._made.get(what)
        if stamp is None:
            if len(self._made) >= STAMPS_MAX:
                self._made.clear()
            stamp = self._made[what] = self._api.stamp(MESSAGE, way.shared(True, names))
        return stamp
