"""Waits for what the VPP writer says of the guard's intents."""

from collections.abc import Mapping

from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Failed, Pending, Rejected
from schemas.topics import status_word
from vppd_guard.states.context import Scene
from vppd_guard.states.failures import Trouble

HEARTBEAT_S = 0.5


async def applied(scene: Scene, wanted: Mapping[str, Intent]) -> None:
    """Waits until VPP, in its present life, holds all of these."""
    word = status_word("guard")
    while True:
        statuses = scene.peer.rows(word)
        missing = [k for k, i in wanted.items() if not _is_applied(statuses.get(k), fingerprint(i))]
        epoch = next(iter(scene.peer.rows("epoch").values()), None)
        process = scene.process
        if not missing and epoch and process and epoch.connected and epoch.pid == process.pid:
            return
        refused = [key for key in missing if isinstance(statuses.get(key), Rejected)]
        if refused:
            raise Trouble("; ".join(f"{key}: {_why(statuses.get(key))}" for key in refused))
        # What has failed is why the others wait.
        key = min(missing, key=lambda key: not isinstance(statuses.get(key), Failed)) if missing else "VPP"
        scene.peer.waiting = (f"{key}: {_why(statuses.get(key))}",)
        await scene.peer.changes(HEARTBEAT_S)


def _is_applied(status: object, generation: int) -> bool:
    return isinstance(status, Applied) and status.generation == generation


def _why(status: object) -> str:
    match status:
        case Failed(reason=reason) | Rejected(reason=reason):
            return reason
        case Pending(needs=needs):
            return f"waits for {', '.join(needs)}"
        case _:
            return "no answer from the VPP writer"
