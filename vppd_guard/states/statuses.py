"""Waits for the VPP writer's statuses of the guard's intents."""

from collections.abc import Mapping

from schemas.codec import value_fingerprint
from schemas.facts import VppEpochFact
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, FailedStatus, IntentStatus, RejectedStatus, unapplied_intent_reason
from schemas.words import intent_status_word
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.vpp.process import VppInstance

_LOOK_EVERY_S = 0.5


async def wait_until_guard_intents_hold(context: GuardContext, vpp: VppInstance, intents: Mapping[str, Intent]) -> None:
    """Waits until that VPP holds all the intents. Raises GuardActionFailed: one is rejected."""
    word = intent_status_word("guard")
    while True:
        statuses = context.peer.rows(word)
        epoch = next(iter(context.peer.rows("epoch").values()), None)
        missing = [key for key, intent in intents.items() if not _is_held(statuses.get(key), intent, epoch)]
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


def _is_held(status: IntentStatus | None, intent: Intent, epoch: VppEpochFact | None) -> bool:
    """Does VPP hold it in that life? Statuses and epoch are two streams: one may tell of the VPP before."""
    if not isinstance(status, AppliedStatus) or epoch is None:
        return False
    return status.generation == value_fingerprint(intent) and status.epoch == epoch.epoch
