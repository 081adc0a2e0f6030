"""Which objects of bulk kinds can be written without a plan of their own. Pure.

No other object depends on them: new ones need no order, nor do changes in place.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from actors.vpp_writer.kinds import KINDS, kind_of
from actors.vpp_writer.kinds.call import Never
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.reconcile.claims import Claim
from actors.vpp_writer.reconcile.held import HeldObject, Inventory
from actors.vpp_writer.reconcile.plan import can_update
from schemas.intents import Intent

_TEMPLATED = tuple(kind for kind in KINDS.values() if kind.templated)


class _BulkPlan(NamedTuple):
    """`singles`, `bulks`: as in a `Plan`. `remaining`: the keys that need a plan."""

    singles: list[tuple[str, Claim]]
    bulks: list[BulkObjects]
    remaining: list[str]


def plan_bulk(
    keys: Collection[str],
    claims: Mapping[str, Claim],
    inventory: Inventory,
    special: Collection[str],
    *,
    alone: bool,
) -> _BulkPlan:
    """The plan for keys of bulk kinds.

    `special`: those of the keys that need a plan in any case. `alone`: nothing else is planned, so that what objects
    need stays, and held ones may be changed.
    """
    plan, objects = _BulkPlan([], [], []), inventory.objects
    templated: dict[type[Intent], dict[str, Claim]] = {kind.intent: {} for kind in _TEMPLATED}
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


def _is_change(present: HeldObject, claim: Claim) -> bool:
    """Can what its owner holds be changed in place to what it claims?"""
    return present.owner == claim.owner and present.intent != claim.intent and can_update(present.intent, claim.intent)


def _is_possible(intent: Intent) -> bool:
    """Could VPP ever hold this?"""
    try:
        kind_of(intent).check(intent)
    except Never:
        return False
    return True
