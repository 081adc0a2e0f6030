"""Objects by the hundred that have everything but one prefix in common with others, bytes included. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.vpp_writer.kinds.call import Call
from actors.vpp_writer.kinds.indices import Indices
from actors.vpp_writer.kinds.kind import Kind, SharedPart
from actors.vpp_writer.kinds.wire import ANY_PREFIX, Template
from actors.vpp_writer.reconcile.claims import Claim


@dataclass(slots=True)
class Bulk:
    """Objects of one kind, as columns: `parts` is what each shares with others, `prefixes` the bytes of its own."""

    kind: Kind[Any]
    keys: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    parts: list[SharedPart] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)

    def add(self, key: str, claim: Claim) -> None:
        """One more. Raises Never if VPP could never hold it."""
        part, prefix = self.kind.template(claim.intent)
        self.keys.append(key)
        self.claims.append(claim)
        self.parts.append(part)
        self.prefixes.append(prefix)

    def slices(self, size: int) -> "Iterator[Bulk]":
        """So many at a time."""
        for start in range(0, len(self.keys), size):
            end = start + size
            columns = (column[start:end] for column in (self.keys, self.claims, self.parts, self.prefixes))
            yield Bulk(self.kind, *columns)  # type: ignore[arg-type] # each a list as it was

    def without(self, templates: Mapping[SharedPart, Template]) -> list[str]:
        """The keys of those of whose parts there are no templates."""
        if {*self.parts} <= templates.keys():
            return []
        return [key for key, part in zip(self.keys, self.parts, strict=True) if part not in templates]

    def sharing(self, templates: Mapping[SharedPart, Template]) -> "Bulk":
        """Those of whose parts there are templates."""
        rows = zip(self.keys, self.claims, self.parts, self.prefixes, strict=True)
        columns = [list(column) for column in zip(*(row for row in rows if row[2] in templates), strict=True)]
        return Bulk(self.kind, *columns)

    def call(self, indices: Indices, *, add: bool) -> Call:
        """A call like those of all, but for the prefix. Raises Later."""
        return self.parts[0].call(ANY_PREFIX, indices, add)

    def packed(self, templates: Mapping[SharedPart, Template]) -> list[bytes]:
        """The requests, without their heads."""
        common = zip(map(templates.__getitem__, self.parts), self.prefixes, strict=True)
        return [template.before + prefix + template.after for template, prefix in common]
