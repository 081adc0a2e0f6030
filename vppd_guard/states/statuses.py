"""Waits for what the VPP writer says of the guard's intents."""

from collections.abc import Mapping

from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Failed, Rejected, is_applied, reason_of
from schemas.words import status_word
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import ActionFailed

HEARTBEAT_S = 0.5


async def applied(scene: GuardContext, wanted: Mapping[str, Intent]) -> None:
    """Waits until VPP, in its present life, holds all of these."""
    word = status_word("guard")
    while True:
        statuses = scene.peer.rows(word)
        missing = [k for k, i in wanted.items() if not is_applied(statuses.get(k), fingerprint(i))]
        epoch = next(iter(scene.peer.rows("epoch").values()), None)
        process = scene.process
        if not missing and epoch and process and epoch.connected and epoch.pid == process.pid:
            return
        refused = [key for key in missing if isinstance(statuses.get(key), Rejected)]
        if refused:
            raise ActionFailed("; ".join(f"{key}: {reason_of(statuses.get(key))}" for key in refused))
        # What has failed is why the others wait.
        key = min(missing, key=lambda key: not isinstance(statuses.get(key), Failed)) if missing else "VPP"
        scene.peer.waiting = (f"{key}: {reason_of(statuses.get(key))}",)
        await scene.peer.changes(HEARTBEAT_S)
