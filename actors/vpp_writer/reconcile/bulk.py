"""Objects by the hundred that have everything but one prefix in common with others, bytes included. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.vpp_writer.kinds.call import IntentRejected, VppCall
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import IntentKind, SharedIntentPart
from actors.vpp_writer.kinds.wire import ANY_IP4_PREFIX, VppCallTemplate
from actors.vpp_writer.reconcile.claims import IntentClaim


@dataclass(slots=True)
class BulkObjects:
    """Objects of one kind, as columns: `parts` is what each shares with others, `prefixes` the bytes of its own."""

    kind: IntentKind[Any]
    keys: list[str] = field(default_factory=list)
    claims: list[IntentClaim] = field(default_factory=list)
    parts: list[SharedIntentPart] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, kind: IntentKind[Any], claims: Mapping[str, IntentClaim]) -> "tuple[BulkObjects, list[str]]":
        """The objects of these claims, and the keys of those that VPP could never hold, which are left out."""
        template, refused = kind.template, list[str]()
        try:
            templates = [template(claim.intent) for claim in claims.values()]
        except IntentRejected:
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

    def without(self, templates: Mapping[SharedIntentPart, VppCallTemplate]) -> list[str]:
        """The keys of those of whose parts there are no templates."""
        if {*self.parts} <= templates.keys():
            return []
        return [key for key, part in zip(self.keys, self.parts, strict=True) if part not in templates]

    def sharing(self, templates: Mapping[SharedIntentPart, VppCallTemplate]) -> "BulkObjects":
        """Those of whose parts there are templates."""
        rows = zip(self.keys, self.claims, self.parts, self.prefixes, strict=True)
        columns = [list(column) for column in zip(*(row for row in rows if row[2] in templates), strict=True)]
        return BulkObjects(self.kind, *columns)

    def call(self, indices: VppIndices, *, add: bool) -> VppCall:
        """A call like those of all, but for the prefix. Raises VppCallRetriedLater."""
        return self.parts[0].call(ANY_IP4_PREFIX, indices, add)

    def packed(self, templates: Mapping[SharedIntentPart, VppCallTemplate]) -> list[bytes]:
        """The requests, without their heads."""
        common = zip(map(templates.__getitem__, self.parts), self.prefixes, strict=True)
        return [template.before + prefix + template.after for template, prefix in common]


def _is_possible(kind: IntentKind[Any], claim: IntentClaim) -> bool:
    try:
        kind.template(claim.intent)
    except IntentRejected:
        return False
    return True
