"""The actions that end on plain Linux: restoring, waiting for the next try, waiting for a device that is gone."""

import asyncio
import time

from schemas.intents import Intent
from schemas.topics import INTENT
from vppd_guard.host.hooks import Point
from vppd_guard.host_services.host import Host
from vppd_guard.life import Event, Life, rest_s, retry_s
from vppd_guard.linux.moving import is_here
from vppd_guard.report.history import Line, now
from vppd_guard.states import info_file, replay
from vppd_guard.states.context import Scene, Trouble
from vppd_guard.undo.records import uplinks_in
from vppd_guard.vpp import cores

RESTORE_S_MAX = 30.0
TRIES_MAX = 3  # then what cannot be undone is reported, and life goes on without it
LOOK_EVERY_S = 0.5


async def restore(scene: Scene, life: Life) -> Event:
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
        scene.history.add(Line(at=now(), what=note))
    for problem in done.problems:
        scene.log.error("cannot restore", what=problem)
    if done.gone:
        raise Gone(f"{', '.join(done.gone)}: no such device any more")
    if done.problems and life.retries < TRIES_MAX:
        raise Trouble("; ".join(done.problems))
    scene.journal.clear()
    await info_file.starting(scene)
    scene.peer.counters["restores"] += 1
    if names := [record.uplink.name for record in uplinks_in(records)]:
        scene.log.info("restored", uplinks=names, took_ms=(time.monotonic() - started) * 1000)
        nothing: dict[str, Intent] = {}
        scene.peer.publish(INTENT, nothing, cause=scene.peer.new_cause("guard/restored"))
        await scene.hook(Point.VPP_ERRORED if life.failures else Point.VPP_DONE_OK)
    return Event.DONE


class Gone(Exception):
    """The device of an uplink has disappeared; the text names it."""


async def retry(_: Scene, life: Life) -> Event:
    """Waits before the next try."""
    await asyncio.sleep(retry_s(life))
    return Event.DONE


async def await_return(scene: Scene, _: Life) -> Event:
    """Until the devices of all uplinks are there again, by their names or their MAC addresses."""
    uplinks = [record.uplink for record in uplinks_in(scene.journal.read())]
    while True:
        found = [await asyncio.to_thread(is_here, uplink) for uplink in uplinks]
        if all(found):
            return Event.DONE
        await asyncio.sleep(LOOK_EVERY_S)


async def rest(_: Scene, life: Life) -> Event:
    """On plain Linux, the longer the more often VPP has failed in a row."""
    await asyncio.sleep(rest_s(life))
    return Event.DONE
