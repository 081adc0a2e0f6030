"""Waits for the VPP writer's statuses of the guard's intents."""

from collections.abc import Mapping

from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Failed, Rejected, is_applied, reason_of
from schemas.words import status_word
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.vpp.process import VppInstance

_LOOK_EVERY_S = 0.5


async def wait_until_vpp_holds(context: GuardContext, vpp: VppInstance, intents: Mapping[str, Intent]) -> None:
    """Waits until that VPP holds all the intents. Raises GuardActionFailed: one is rejected."""
    word = status_word("guard")
    while True:
        statuses = context.peer.rows(word)
        missing = [key for key, i in intents.items() if not is_applied(statuses.get(key), fingerprint(i))]
        epoch = next(iter(context.peer.rows("epoch").values()), None)
        if not missing and epoch and epoch.connected and epoch.pid == vpp.pid:
            return
        rejected = [key for key in missing if isinstance(statuses.get(key), Rejected)]
        if rejected:
            raise GuardActionFailed("; ".join(f"{key}: {reason_of(statuses.get(key))}" for key in rejected))
        # What has failed is why the others wait.
        key = min(missing, key=lambda key: not isinstance(statuses.get(key), Failed)) if missing else "VPP"
        context.peer.waiting = (f"{key}: {reason_of(statuses.get(key))}",)
        await context.peer.changes(_LOOK_EVERY_S)
