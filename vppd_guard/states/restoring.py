"""The action of RESTORING: VPP ends, and Linux has its links back."""

import time

from schemas.intents import Intent
from schemas.words import INTENT
from vppd_guard.host.hooks import HookPoint
from vppd_guard.host_services.host import Host
from vppd_guard.life import GuardEvent, GuardLife
from vppd_guard.states import info_file, replay
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import ActionFailed, DeviceGone
from vppd_guard.undo.records import captured_uplinks
from vppd_guard.vpp import cores

RESTORE_S_MAX = 30.0
TRIES_MAX = 3  # then what cannot be undone is reported, and life goes on without it


async def restore(scene: GuardContext, life: GuardLife) -> GuardEvent:
    """Linux has its links back, as they were. VPP ends first: its taps hold their names."""
    started = time.monotonic()
    if scene.process is not None:
        await scene.process.stop()
        scene.ended, scene.process = scene.process.reason, None
        scene.last_words = tuple(cores.last_words(scene.config.vpp_run / "vpp.log"))
    records = scene.journal.read()
    done = await scene.hands.do(RESTORE_S_MAX, replay.undo, records, scene.machine, Host(scene.config.host_root))
    for note in done.notes:
        scene.log.warning("restored with a difference", what=note)
        scene.note(note)
    for problem in done.problems:
        scene.log.error("cannot restore", what=problem)
    if done.gone:
        raise DeviceGone(f"{', '.join(done.gone)}: no such device any more")
    if done.problems and life.retries < TRIES_MAX:
        raise ActionFailed("; ".join(done.problems))
    scene.journal.clear()
    await info_file.starting(scene)
    scene.peer.counters["restores"] += 1
    if names := [record.uplink.name for record in captured_uplinks(records)]:
        scene.log.info("restored", uplinks=names, took_ms=(time.monotonic() - started) * 1000)
        nothing: dict[str, Intent] = {}
        scene.peer.publish(INTENT, nothing, cause=scene.peer.new_cause("guard/restored"))
        await scene.hook(HookPoint.VPP_ERRORED if life.failures else HookPoint.VPP_DONE_OK)
    return GuardEvent.DONE
