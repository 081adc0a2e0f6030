"""The action of RESTORING: VPP ends, and Linux has its links back. Needs neither the bus nor VPP."""

import time

from schemas.intents import Intent
from schemas.words import INTENT_WORD
from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.host_services.host import HostReader
from vppd_guard.life import GuardLife
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed, UplinkDeviceGone
from vppd_guard.states.holding import GuardHolding, GuardHoldingUp
from vppd_guard.states.replay import UndoReplayResult, undo_records
from vppd_guard.states.tap_follower import TapFollower
from vppd_guard.undo.records import uplinks_in_undo_records

_RESTORE_S_MAX = 30.0
_TRIES_MAX = 3  # then what cannot be undone is reported, and life goes on without it


async def run_guard_state(context: GuardContext, life: GuardLife, holding: GuardHolding) -> None:
    """Linux has its links back, as they were.

    Raises UplinkDeviceGone, and GuardActionFailed: not all is undone; what can be undone later is tried for ever.
    """
    began_at = time.monotonic()
    if isinstance(holding, GuardHoldingUp):
        await _look_once_more(context, holding)
    await context.vpp.stop()
    records = context.journal.read()
    host = HostReader(context.config.host_root)
    result = await context.executor.run(_RESTORE_S_MAX, undo_records, records, context.machine, host)
    _report(context, result)
    if result.is_unfinished:
        raise GuardActionFailed("; ".join(result.problems))
    if result.lost_devices:
        raise UplinkDeviceGone(f"{', '.join(result.lost_devices)}: no such device any more")
    if result.problems and life.retries < _TRIES_MAX:
        raise GuardActionFailed("; ".join(result.problems))
    context.journal.clear()
    await info_file.write_info_file_starting(context)
    context.peer.counters["restores"] += 1
    if names := [record.uplink.name for record in uplinks_in_undo_records(records)]:
        context.log.info("restored", uplinks=names, took_ms=(time.monotonic() - began_at) * 1000)
        no_intents: dict[str, Intent] = {}
        context.peer.publish(INTENT_WORD, no_intents, cause=context.peer.new_cause("guard/restored"))
        await context.run_hook(HostHookPoint.VPP_ERRORED if life.failures else HostHookPoint.VPP_DONE_OK, holding)


async def _look_once_more(context: GuardContext, holding: GuardHoldingUp) -> None:
    """What others have changed last on taps that VPP still holds is given back too."""
    try:
        await TapFollower(context, holding.uplinks).look()
    except (OSError, TimeoutError) as error:
        context.log.warning("the last look at the taps failed", why=error)


def _report(context: GuardContext, result: UndoReplayResult) -> None:
    for difference in result.notes:
        context.log.warning("restored with a difference", what=difference)
        context.note(difference)
    for problem in result.problems:
        context.log.error("cannot restore", what=problem)
