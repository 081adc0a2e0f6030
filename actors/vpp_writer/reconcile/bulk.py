"""Objects by the hundred that have everything but one prefix in common with others, bytes included. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.vpp_writer.kinds.call import Never, VppCall
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import Kind, SharedPart
from actors.vpp_writer.kinds.wire import ANY_PREFIX, CallTemplate
from actors.vpp_writer.reconcile.claims import Claim


@dataclass(slots=True)
class BulkObjects:
    """Objects of one kind, as columns: `parts` is what each shares with others, `prefixes` the bytes of its own."""

    kind: Kind[Any]
    keys: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    parts: list[SharedPart] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, kind: Kind[Any], claims: Mapping[str, Claim]) -> "tuple[BulkObjects, list[str]]":
        """The objects of these claims, and the keys of those that VPP could never hold, which are left out."""
        template, refused = kind.template, list[str]()
        try:
            templates = [template(claim.intent) for claim in claims.values()]
        except Never:
            refused = [key for key, claim in claims.items() if not _is_possible(kind, claim)]
            claims = {key: claim for key, claim in claims.items() if key not in refused}
            templates = [template(claim.intent) for claim in claims.values()]
        parts, prefixes = zip(*templates, strict=True) if templates else ((), ())
        return cls(kind, list(claims), list(claims.values()), list(parts), list(prefixes)), refused

    def slices(self, size: int) -> "Iterator[BulkObjects]":
        """So many at a time."""
        for start in range(0, len(self.keys), size):
            end = start + size
            columns = (column[start:end] for column in (self.keys, self.claims, self.parts, self.prefixes))
            yield BulkObjects(self.kind, *columns)  # type: ignore[arg-type] # each a list as it was

    def without(self, templates: Mapping[SharedPart, CallTemplate]) -> list[str]:
        """The keys of those of whose parts there are no templates."""
        if {*self.parts} <= templates.keys():
            return []
        return [key for key, part in zip(self.keys, self.parts, strict=True) if part not in templates]

    def sharing(self, templates: Mapping[SharedPart, CallTemplate]) -> "BulkObjects":
        """Those of whose parts there are templates."""
        rows = zip(self.keys, self.claims, self.parts, self.prefixes, strict=True)
        columns = [list(column) for column in zip(*(row for row in rows if row[2] in templates), strict=True)]
        return BulkObjects(self.kind, *columns)

    def call(self, indices: VppIndices, *, add: bool) -> VppCall:
        """A call like those of all, but for the prefix. Raises Later."""
        return self.parts[0].call(ANY_PREFIX, indices, add)

    def packed(self, templates: Mapping[SharedPart, CallTemplate]) -> list[bytes]:
        """The requests, without their heads."""
        common = zip(map(templates.__getitem__, self.parts), self.prefixes, strict=True)
        return [template.before + prefix + template.after for template, prefix in common]


def _is_possible(kind: Kind[Any], claim: Claim) -> bool:
    try:
        kind.template(claim.intent)
    except Never:
        return False
    return True
