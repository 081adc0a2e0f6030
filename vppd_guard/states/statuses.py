"""Waits for the VPP writer's statuses of the guard's intents."""

from collections.abc import Mapping

from schemas.codec import value_fingerprint
from schemas.intents import Intent
from schemas.statuses import FailedStatus, RejectedStatus, is_intent_applied, unapplied_intent_reason
from schemas.words import intent_status_word
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.vpp.process import VppInstance

_LOOK_EVERY_S = 0.5


async def wait_until_vpp_holds(context: GuardContext, vpp: VppInstance, intents: Mapping[str, Intent]) -> None:
    """Waits until that VPP holds all the intents. Raises GuardActionFailed: one is rejected."""
    word = intent_status_word("guard")
    while True:
        statuses = context.peer.rows(word)
        missing = [key for key, i in intents.items() if not is_intent_applied(statuses.get(key), value_fingerprint(i))]
        epoch = next(iter(context.peer.rows("epoch").values()), None)
        if not missing and epoch and epoch.connected and epoch.pid == vpp.pid:
            return
        rejected = [key for key in missing if isinstance(statuses.get(key), RejectedStatus)]
        if rejected:
            raise GuardActionFailed(
                "; ".join(f"{key}: {unapplied_intent_reason(statuses.get(key))}" for key in rejected)
            )
        # What has failed is why the others wait.
        key = min(missing, key=lambda key: not isinstance(statuses.get(key), FailedStatus)) if missing else "VPP"
        context.peer.waiting = (f"{key}: {unapplied_intent_reason(statuses.get(key))}",)
        await context.peer.changes(_LOOK_EVERY_S)
