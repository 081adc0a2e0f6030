"""What to delete and what to write, and in which order. Pure.

Deletes go in falling rank, then writes in rising rank. An object goes with what it needs: before an object is
deleted, those that need it are; if they are still wanted they are written again, or wait for it. Objects that linger
go last, and only if nothing needs them any more: what needed them has been changed in place.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from actors.vpp_writer.kinds import KINDS, kind_of
from actors.vpp_writer.reconcile.bulk_routes import BulkRoutes
from actors.vpp_writer.reconcile.claims import Claim
from actors.vpp_writer.reconcile.held import HeldObject
from schemas.intents import Intent


@dataclass(frozen=True)
class Plan:
    """Groups of keys of one rank: deletes in falling, writes (creates and updates) in rising rank.

    `late`, in falling rank: to be deleted at the end, if nothing needs them then. `leaves`: new objects that no other
    hangs on, with their claims; `routes`: those of them that are routes.
    """

    deletes: list[list[str]]
    writes: list[list[str]]
    late: list[list[str]] = field(default_factory=list)
    leaves: list[tuple[str, Claim]] = field(default_factory=list)
    routes: BulkRoutes = field(default_factory=BulkRoutes)


class State(Protocol):
    """What the plan looks at: what VPP holds, what of that is unsure, and what depends on what."""

    @property
    def held(self) -> Mapping[str, HeldObject]: ...

    @property
    def unconfirmed(self) -> Collection[str]: ...

    def dependants(self, going: Iterable[str], coming: Iterable[str]) -> set[str]: ...

    def heard(self, keys: Iterable[str]) -> bool: ...


def make_plan(
    dirty: Iterable[str],
    state: State,
    wanted: Callable[[str], Intent | None],
    in_place: Callable[[Intent, Intent], bool],
) -> Plan:
    """The plan for the keys in `dirty`. `wanted` gives what should be held now (None: nothing, or not yet)."""
    held = state.held
    targets: dict[str, Intent] = {}
    coming, going, late, again = list[str](), set[str](), set[str](), set[str]()
    for key in dirty:
        target, present = wanted(key), held.get(key)
        if target is not None:
            targets[key] = target
        if present is None:
            if target is not None:
                coming.append(key)
        elif target is None:
            (late if kind_of(present.intent).make_before_break else going).add(key)
        elif target is not present.intent and target != present.intent:
            (again if in_place(present.intent, target) else going).add(key)
        elif key in state.unconfirmed:
            again.add(key)
    if going or state.heard(coming):
        going = {key for key in state.dependants(going, _able(coming, targets, held)) if key in held}
        for key in going:
            if key not in targets and (target := wanted(key)) is not None:
                targets[key] = target
    writes = {key: targets[key] for key in (*coming, *again, *going) if key in targets}
    return Plan(
        deletes=_groups({key: held[key].intent for key in going}, falling=True),
        writes=_groups(writes, falling=False),
        late=_groups({key: held[key].intent for key in late - going}, falling=True),
    )


def _able(coming: Iterable[str], targets: Mapping[str, Intent], held: Collection[str]) -> set[str]:
    """Those of `coming` that can be written now; one that waits for a need disturbs nobody yet."""
    able = set(coming)
    while unable := {key for key in able if any(n not in able and n not in held for n in _needs(targets[key]))}:
        able -= unable
    return able


def _needs(intent: Intent) -> Collection[str]:
    return kind_of(intent).needs(intent)


def _groups(intents: Mapping[str, Intent], *, falling: bool) -> list[list[str]]:
    """Keys by rank; within a rank in the order in which they come."""
    by_rank: defaultdict[int, list[str]] = defaultdict(list)
    for key, intent in intents.items():
        by_rank[KINDS[type(intent)].rank].append(key)
    return [by_rank[rank] for rank in sorted(by_rank, reverse=falling)]
