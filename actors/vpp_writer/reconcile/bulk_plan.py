"""Which objects of bulk kinds can be written without a plan of their own. Pure.

No other object depends on them: new ones need no order, nor do changes in place.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from actors.vpp_writer.kinds import INTENT_KINDS, kind_of_intent
from actors.vpp_writer.kinds.call import IntentRejected
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.reconcile.claims import IntentClaim
from actors.vpp_writer.reconcile.held import HeldInventory, HeldObject
from actors.vpp_writer.reconcile.plan import can_update_held_object
from schemas.intents import Intent

_TEMPLATED = tuple(kind for kind in INTENT_KINDS.values() if kind.templated)


class _BulkPlan(NamedTuple):
    """`singles`, `bulks`: as in a `WritePlan`. `remaining`: the keys that need a plan."""

    singles: list[tuple[str, IntentClaim]]
    bulks: list[BulkObjects]
    remaining: list[str]


def plan_bulk_objects(
    keys: Collection[str],
    claims: Mapping[str, IntentClaim],
    inventory: HeldInventory,
    special: Collection[str],
    *,
    alone: bool,
) -> _BulkPlan:
    """The plan for keys of bulk kinds.

    `special`: those of the keys that need a plan in any case. `alone`: nothing else is planned, so that what objects
    need stays, and held ones may be changed.
    """
    plan, objects = _BulkPlan([], [], []), inventory.objects
    templated: dict[type[Intent], dict[str, IntentClaim]] = {kind.intent: {} for kind in _TEMPLATED}
    for key in keys:
        claim, present = claims.get(key), objects.get(key)
        if claim is None or key in special or (present is not None and not alone):
            plan.remaining.append(key)
        elif (claimed := templated.get(type(claim.intent))) is not None:
            if present is None or (key not in inventory.unconfirmed and _is_change(present, claim)):
                claimed[key] = claim
            else:
                plan.remaining.append(key)
        elif present is None and _is_possible(claim.intent):
            plan.singles.append((key, claim))
        else:
            plan.remaining.append(key)  # and is rejected there, if it is not possible
    for kind in _TEMPLATED:
        bulk, refused = BulkObjects.of(kind, templated[kind.intent])
        plan.remaining.extend(refused)
        if bulk.keys:
            plan.bulks.append(bulk)
    return plan


def _is_change(present: HeldObject, claim: IntentClaim) -> bool:
    """Can what its owner holds be changed in place to what it claims?"""
    return (
        present.owner == claim.owner
        and present.intent != claim.intent
        and can_update_held_object(present.intent, claim.intent)
    )


def _is_possible(intent: Intent) -> bool:
    """Could VPP ever hold this?"""
    try:
        kind_of_intent(intent).check(intent)
    except IntentRejected:
        return False
    return True
