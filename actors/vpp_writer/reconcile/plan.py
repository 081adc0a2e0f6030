"""What to delete and what to write, and in which order. Pure.

Deletes go in falling rank, then writes in rising rank. An object goes with what it needs: before an object is
deleted, those that need it are; if they are still wanted they are written again, or wait for it. What is made before
it is broken goes last, and only if nothing needs it any more: what needed it has been changed in place.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from actors.vpp_writer.kinds import INTENT_KINDS, kind_of_intent
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.reconcile.claims import IntentClaim
from actors.vpp_writer.reconcile.held import HeldInventory, HeldObject
from schemas.intents import Intent


@dataclass(frozen=True)
class WritePlan:
    """Groups of keys of one rank: deletes in falling, writes (creates and updates) in rising rank.

    `final_deletes`, in falling rank: to be deleted at the end, if nothing needs them then. `singles`, `bulks`: objects
    of bulk kinds, on which nothing depends, with their claims; `bulks`: those that share everything but a prefix.
    """

    deletes: list[list[str]]
    writes: list[list[str]]
    final_deletes: list[list[str]] = field(default_factory=list)
    singles: list[tuple[str, IntentClaim]] = field(default_factory=list)
    bulks: list[BulkObjects] = field(default_factory=list)


def make_write_plan(
    keys: Iterable[str], inventory: HeldInventory, target_of: Callable[[str], Intent | None]
) -> WritePlan:
    """The plan for the keys. `target_of` gives what should be held now (None: nothing, or not yet)."""
    objects = inventory.objects
    targets: dict[str, Intent] = {}
    coming, going, late, again = list[str](), set[str](), set[str](), set[str]()
    for key in keys:
        target, present = target_of(key), objects.get(key)
        if target is not None:
            targets[key] = target
        if present is None:
            if target is not None:
                coming.append(key)
        elif target is None:
            (late if kind_of_intent(present.intent).make_before_break else going).add(key)
        elif target is not present.intent and target != present.intent:
            (again if can_update_held_object(present.intent, target) else going).add(key)
        elif key in inventory.unconfirmed:
            again.add(key)
    dependants = inventory.dependants
    if going or dependants.must_follow(coming):
        going = {key for key in dependants.closure(going, _writable(coming, targets, objects)) if key in objects}
        for key in going:
            if key not in targets and (target := target_of(key)) is not None:
                targets[key] = target
    writes = {key: targets[key] for key in (*coming, *again, *going) if key in targets}
    return WritePlan(
        deletes=_groups({key: objects[key].intent for key in going}, falling=True),
        writes=_groups(writes, falling=False),
        final_deletes=_groups({key: objects[key].intent for key in late - going}, falling=True),
    )


def can_update_held_object(old: Intent, new: Intent) -> bool:
    """Can the old value be changed to the new one while it is held?"""
    return type(old) is type(new) and kind_of_intent(new).can_update(old, new)


def _writable(coming: Iterable[str], targets: Mapping[str, Intent], objects: Mapping[str, HeldObject]) -> set[str]:
    """Those of `coming` that can be written now; one that waits for a need disturbs nobody yet."""
    writable = set(coming)
    while unmet := {
        key for key in writable if any(n not in writable and n not in objects for n in _needs(targets[key]))
    }:
        writable -= unmet
    return writable


def _needs(intent: Intent) -> Collection[str]:
    return kind_of_intent(intent).needs(intent)


def _groups(intents: Mapping[str, Intent], *, falling: bool) -> list[list[str]]:
    """Keys by rank; within a rank in the order in which they come."""
    by_rank: defaultdict[int, list[str]] = defaultdict(list)
    for key, intent in intents.items():
        by_rank[INTENT_KINDS[type(intent)].rank].append(key)
    return [by_rank[rank] for rank in sorted(by_rank, reverse=falling)]
