"""The actions of START, CAPTURED and TAKEN: what an earlier guard left, the uplinks leave Linux, VPP starts.

Before each change of Linux the undo journal is written (`steps.py`).
"""

import asyncio
import time

from vppd_guard.drivers import registry
from vppd_guard.host.hooks import Point
from vppd_guard.host_services.host import Host
from vppd_guard.host_services.plan import findings, plan
from vppd_guard.life import Event
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.states import info_file
from vppd_guard.states.context import Scene, Trouble
from vppd_guard.undo.records import UplinkCaptured, VppStarted, uplinks_in, vpp_in
from vppd_guard.undo.step import Step, StepFailed
from vppd_guard.uplink.uplinks import Uplink, ordered, uplink
from vppd_guard.vpp import cores, process
from vppd_guard.vpp.process import Launch

VPP_ANSWERS_S_MAX = 10.0


async def start(scene: Scene) -> Event:
    """What an earlier guard has left: a VPP to adopt, something to undo, or nothing."""
    await scene.hands.do(10.0, scene.journal.mend)
    records = scene.journal.read()
    known, left = uplinks_in(records), vpp_in(records)
    if not records:
        return Event.DONE
    scene.process = process.adopt(left.pid, left.started) if left else None
    adopted = _adopted(scene, known) if scene.process else []
    # A guard that was killed right after starting VPP could not note it: such a VPP is ended, not adopted.
    scene.process = scene.process or process.find(scene.config.vpp_run / "startup.conf")
    if scene.process is not None and adopted:
        scene.uplinks = adopted
        scene.log.info("adopted", pid=scene.process.pid, uplinks=scene.names)
        return Event.ADOPTS
    scene.log.warning("unfinished business", records=len(records), uplinks=[record.uplink.name for record in known])
    return Event.LEFTOVERS


def _adopted(scene: Scene, known: list[UplinkCaptured]) -> list[Uplink]:
    """The uplinks as they were taken; none if the configuration names others by now."""
    specs = ordered(scene.config.interfaces.uplinkInterfaces)
    if [spec.interfaceName for spec in specs] != [record.uplink.name for record in known]:
        return []
    made = []
    for number, (spec, record) in enumerate(zip(specs, known, strict=True)):
        if spec.vppDriver not in ("", record.driver):
            return []
        driver = registry.driver_named(record.driver)
        each = uplink(record.uplink, spec, number, driver, scene.config, scene.machine)
        made.append(each.with_answers(record.answered))
    return made


async def take(scene: Scene) -> Event:
    """The uplinks leave Linux."""
    scene.taken_at = time.monotonic()
    for each in scene.uplinks:
        await scene.hands.do(10.0, scene.journal.note, each.record)
    for step in await asyncio.to_thread(_host_steps, scene):
        await _try(scene, step)
    await scene.hook(Point.BEFORE_VPP_RUN)
    if core := cores.pattern_step(scene.config.initial.corePattern):
        await _try(scene, core)
    await scene.hands.do(5.0, ensure_netns, scene.config.vpp_netns)
    for each in scene.uplinks:
        for step in each.driver.before(each.captured, each.target.spec, scene.config, scene.machine):
            await scene.make(step)
    return Event.DONE


def _host_steps(scene: Scene) -> list[Step]:
    """What keeps the host's own network software off the uplinks."""
    config, host = scene.config, Host(scene.config.host_root)
    links = [each.captured for each in scene.uplinks]
    for words in findings(links, host) if config.network_manager_hook else ():
        scene.warn_once(words)
    return plan(
        links,
        host,
        scene.warn_once,
        enabled=config.network_manager_hook,
        net_names=config.debug.enableUdevNetNameRules,
    )


async def _try(scene: Scene, step: Step) -> None:
    """A step that the takeover can do without."""
    try:
        await scene.make(step)
    except (StepFailed, TimeoutError, OSError) as error:
        scene.log.warning("step failed", what=step.what, why=error)


async def start_vpp(scene: Scene) -> Event:
    """VPP runs and accepts API clients."""
    config, run = scene.config, scene.config.vpp_run
    text = scene.rendered(scene.uplinks)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    (run / "startup.conf").write_text(text.conf)
    (run / "startup.exec").write_text(text.exec)
    config.vpp_api.unlink(missing_ok=True)
    await asyncio.to_thread(cores.prune, config.initial.corePattern, bytes_max=config.cores_bytes_max)
    await info_file.starting(scene)
    launch = Launch(config.vpp_binary, run / "startup.conf", config.vpp_netns, config.vpp_preload)
    scene.process = process.start(launch, run / "vpp.log")
    started = VppStarted(scene.process.pid, scene.process.started)
    await scene.hands.do(10.0, scene.journal.note, started)
    if not await scene.process.answers(config.vpp_api, VPP_ANSWERS_S_MAX):
        why = scene.process.reason or f"does not accept API clients within {VPP_ANSWERS_S_MAX:g} s"
        raise Trouble(f"VPP {why}; see {run / 'vpp.log'}")
    return Event.DONE
