"""Routes by the hundred: those through the same paths have everything but their prefix in common, bytes included."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from actors.vpp_writer.kinds.call import Call
from actors.vpp_writer.kinds.checks import packed_prefix
from actors.vpp_writer.kinds.routes import MESSAGE, ROUTE_COMING, Way, way_of
from actors.vpp_writer.kinds.wire import Stamp
from actors.vpp_writer.reconcile.claims import Claim
from schemas.intents import Route

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
