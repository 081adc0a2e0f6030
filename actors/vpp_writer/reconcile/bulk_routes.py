"""Routes by the hundred: those through the same paths have everything but their prefix in common, bytes included."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from actors.vpp_writer.kinds.call import Call
from actors.vpp_writer.kinds.checks import packed_prefix
from actors.vpp_writer.kinds.routes import ADDING, MESSAGE, PathList, path_list_of
from actors.vpp_writer.kinds.wire import Template
from actors.vpp_writer.reconcile.claims import Claim
from schemas.intents import Route

WRITE = Call(MESSAGE, accepted_retvals=ADDING)  # what all these calls are, but for their bytes


@dataclass(slots=True)
class BulkRoutes:
    """Routes to be written, as columns; `prefixes` as VPP has them."""

    keys: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    path_lists: list[PathList] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)

    def add(self, key: str, claim: Claim, route: Route) -> None:
        """One more. Raises Never if VPP could never hold it."""
        prefix, path_list = packed_prefix("prefix", route.prefix), path_list_of(route)
        self.keys.append(key)
        self.claims.append(claim)
        self.path_lists.append(path_list)
        self.prefixes.append(prefix)

    def cut(self, size: int) -> "Iterator[BulkRoutes]":
        """So many at a time."""
        for at in range(0, len(self.keys), size):
            to = at + size
            yield BulkRoutes(self.keys[at:to], self.claims[at:to], self.path_lists[at:to], self.prefixes[at:to])

    def through(self, path_lists: Collection[PathList]) -> "BulkRoutes":
        """Those of these ways."""
        rows = zip(self.keys, self.claims, self.path_lists, self.prefixes, strict=True)
        columns = [list(column) for column in zip(*(row for row in rows if row[2] in path_lists), strict=True)]
        return BulkRoutes(*columns)

    def packed(self, templates: Mapping[PathList, Template]) -> list[bytes]:
        """The requests, without their heads."""
        common = map(templates.__getitem__, self.path_lists)
        return [
            template.before + prefix + template.after for template, prefix in zip(common, self.prefixes, strict=True)
        ]
