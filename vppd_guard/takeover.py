"""The actions from the first look at the host until VPP carries it. Each raises what kept it, in words.

Before each change of Linux the undo journal is written (`steps.py`).
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from schemas.codec import fingerprint
from schemas.intents import Intent, interface_key
from schemas.statuses import Applied, Failed, Pending, Rejected
from schemas.topics import INTENT, status_word
from vppd_guard import captured as shape
from vppd_guard import cores, linux, preflight, probe, telling, undo, vpp
from vppd_guard.captured import Captured
from vppd_guard.drivers import registry
from vppd_guard.findings import FAILED, OK, Finding, failures, waive
from vppd_guard.hooks import Point
from vppd_guard.host_services.host import Host
from vppd_guard.host_services.plan import findings as findings_of
from vppd_guard.host_services.plan import plan
from vppd_guard.life import Event
from vppd_guard.rendering import for_trial, for_uplinks
from vppd_guard.scene import Scene, Trouble
from vppd_guard.startup_conf import BadTemplate, Rendered
from vppd_guard.steps import Step, StepFailed
from vppd_guard.trial import NoTrial
from vppd_guard.uplinks import Uplink, ordered, to_ask, uplink
from vppd_guard.vpp import Launch
from vppd_guard.wanted import intents, tap_name, through_vpp

VPP_ANSWERS_S_MAX = 10.0
ANSWERS_BEFORE_S = 1.0
PAUSE_S = 0.2
HEARTBEAT_S = 0.5


async def start(scene: Scene) -> Event:
    """What an earlier guard has left: a VPP to adopt, something to undo, or nothing."""
    await scene.hands.do(10.0, scene.journal.mend)
    records = scene.journal.read()
    known, left = undo.uplinks_in(records), undo.vpp_in(records)
    if not records:
        return Event.DONE
    scene.process = vpp.adopt(left.pid, left.started) if left else None
    adopted = _adopted(scene, known) if scene.process else []
    # A guard that was killed right after starting VPP could not note it: such a VPP is ended, not adopted.
    scene.process = scene.process or vpp.find(scene.config.vpp_run / "startup.conf")
    if scene.process is not None and adopted:
        scene.uplinks = adopted
        scene.log.info("adopted", pid=scene.process.pid, uplinks=scene.names)
        return Event.ADOPTS
    scene.log.warning("unfinished business", records=len(records), uplinks=[record.uplink.name for record in known])
    return Event.LEFTOVERS


def _adopted(scene: Scene, known: list[undo.UplinkCaptured]) -> list[Uplink]:
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


async def check(scene: Scene) -> Event:
    """Nothing is taken before everything is there that the takeover and the way back will need."""
    await scene.hook(Point.BEFORE_IF_READ)
    scene.uplinks = []
    while (finding := await preflight.bus(scene.peer)).state == FAILED:
        scene.peer.waiting = (f"preflight: {finding.text}",)
        await asyncio.sleep(PAUSE_S)
    found, uplinks = await findings(scene)
    for each in found:
        if each.state not in (FAILED, OK):
            scene.warn_once(f"preflight: {each.check}: {each.text}")
    if refused := failures(found):
        raise Trouble("preflight: " + "; ".join(refused))
    scene.uplinks = uplinks
    return Event.DONE


async def findings(scene: Scene) -> tuple[list[Finding], list[Uplink]]:
    """All that a preflight looks at but bus and writer, and the uplinks as they are now."""
    status = Path("/proc/self/status").read_text()
    found = await asyncio.to_thread(lambda: list(preflight.host(scene.config, scene.machine, status)))
    more, uplinks = await captured(scene)
    found.append(preflight.locked_memory(scene.machine, status, [each.driver for each in uplinks]))
    found += [*more, await _vpp_finding(scene, uplinks), await _answers(scene, uplinks)]
    return waive(found, scene.config.preflight_waive), uplinks


async def captured(scene: Scene) -> tuple[list[Finding], list[Uplink]]:
    """The uplinks as they are now, each with its driver, as far as they can be taken."""
    found: list[Finding] = []
    uplinks: list[Uplink] = []
    specs = ordered(scene.config.interfaces.uplinkInterfaces)
    if not specs:
        found.append(Finding("uplinks", FAILED, "CALICOVPP_INTERFACES: no uplinkInterfaces"))
    for number, spec in enumerate(specs):
        try:
            link = await asyncio.to_thread(linux.capture, spec.interfaceName)
        except linux.NoLink as error:
            found.append(Finding(f"uplink {spec.interfaceName}", FAILED, str(error)))
            continue
        found.append(preflight.link(link, spec))
        choice = await asyncio.to_thread(registry.choose, link, spec, scene.machine)
        failed = scene.failed_drivers.setdefault(link.name, set())
        # Once all have failed the first has its turn again.
        driver = next((d for d in choice.candidates if d.name not in failed), next(iter(choice.candidates), None))
        if driver is not None and driver.name in failed:
            failed.clear()
        found.append(preflight.driver(link, driver, choice.passed_over))
        if driver is not None:
            uplinks.append(uplink(link, spec, number, driver, scene.config, scene.machine))
    return found, uplinks


async def _vpp_finding(scene: Scene, uplinks: list[Uplink]) -> Finding:
    try:
        conf = rendered(scene, uplinks).conf
        pages = preflight.hugepages(conf, scene.machine)
        if pages.state == FAILED:
            return pages
        by_xdp = [(each.name, each.target.mtu) for each in uplinks if each.driver.name == "af_xdp"]
        if (room := preflight.buffers(conf, by_xdp)).state == FAILED:
            return room
        trial = for_trial(scene.config, uplinks, scene.machine)
        aside = replace(scene.config, run=scene.config.run / "trial")
        there = await scene.trials.messages(aside, trial.conf, trial.exec)
    except (BadTemplate, NoTrial) as error:
        return Finding("vpp", FAILED, str(error))
    return preflight.vpp(there, [each.driver for each in uplinks])


async def _answers(scene: Scene, uplinks: list[Uplink]) -> Finding:
    """Notes what answers now: only that must answer through VPP."""
    asked = {each.name: to_ask(each.captured, scene.config, main=each is uplinks[0]) for each in uplinks}
    pairs = [(address, name) for name, addresses in asked.items() for address in addresses]
    answered = await probe.answering(pairs, ANSWERS_BEFORE_S)
    uplinks[:] = [each.with_answers(answered & set(asked[each.name])) for each in uplinks]
    return preflight.gateways([address for address, _ in pairs], sorted(answered))


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
    await scene.hands.do(5.0, linux.ensure_netns, scene.config.vpp_netns)
    for each in scene.uplinks:
        for step in each.driver.before(each.captured, each.target.spec, scene.config, scene.machine):
            await scene.make(step)
    return Event.DONE


def _host_steps(scene: Scene) -> list[Step]:
    """What keeps the host's own network software off the uplinks."""
    config, host = scene.config, Host(scene.config.host_root)
    links = [each.captured for each in scene.uplinks]
    for words in findings_of(links, host) if config.network_manager_hook else ():
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
    text = rendered(scene, scene.uplinks)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    (run / "startup.conf").write_text(text.conf)
    (run / "startup.exec").write_text(text.exec)
    config.vpp_api.unlink(missing_ok=True)
    await asyncio.to_thread(cores.prune, config.initial.corePattern, bytes_max=config.cores_bytes_max)
    await telling.starting(scene)
    launch = Launch(config.vpp_binary, run / "startup.conf", config.vpp_netns, config.vpp_preload)
    scene.process = vpp.start(launch, run / "vpp.log")
    started = undo.VppStarted(scene.process.pid, scene.process.started)
    await scene.hands.do(10.0, scene.journal.note, started)
    if not await scene.process.answers(config.vpp_api, VPP_ANSWERS_S_MAX):
        why = scene.process.reason or f"does not accept API clients within {VPP_ANSWERS_S_MAX:g} s"
        raise Trouble(f"VPP {why}; see {run / 'vpp.log'}")
    return Event.DONE


def rendered(scene: Scene, uplinks: list[Uplink]) -> Rendered:
    """startup.conf and startup.exec. Raises BadTemplate."""
    text = for_uplinks(scene.config, uplinks, scene.machine)
    for warning in text.warnings:
        scene.warn_once(warning)
    return text


async def configure(scene: Scene) -> Event:
    """Uplinks and host taps are in VPP; Linux's side of a tap is dressed as soon as there is one."""
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await _configured(scene)
    await scene.hook(Point.VPP_RUNNING)
    return Event.DONE


async def _configured(scene: Scene) -> None:
    # An adopted VPP has taps that are up: they stay so.
    adopted = all([await asyncio.to_thread(linux.is_tap, name) for name in scene.names])
    targets = [each.target for each in scene.uplinks]
    wanted = intents(targets, scene.config, taps_up=adopted)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.cause("guard/uplink"))
    moved = {record.name for record in scene.journal.read() if isinstance(record, undo.LinkMoved)}
    for each in scene.uplinks:
        created = each.target.interface
        if each.name not in moved:
            await applied(scene, {created.key: created})
        for step in each.driver.after(each.captured, each.target.spec, scene.config, scene.machine):
            if each.name not in moved:
                await scene.make(step)
        tap = wanted[interface_key(tap_name(each.name))]
        await applied(scene, {tap.key: tap})
        await _dress(scene, each)
    await applied(scene, wanted)


async def _dress(scene: Scene, each: Uplink) -> None:
    captured: Captured = each.captured
    hop = shape.next_hop(captured, 6)
    services = through_vpp(captured, scene.config) if each is scene.uplinks[0] else {}
    size, mac = each.target.mtu, each.target.tap_mac
    await scene.hands.do(10.0, linux.dress_tap, captured, size, hop, mac, services)


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


async def give_host(scene: Scene) -> Event:
    """The taps are up and the host reaches through VPP what it reached before."""
    wanted = intents([each.target for each in scene.uplinks], scene.config, taps_up=True)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.cause("guard/host"))
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await applied(scene, wanted)
    demanded = [(address, each.name) for each in scene.uplinks for address in each.answered]
    wait_s = scene.config.gateway_wait_s
    if demanded and wait_s:
        silent = sorted({address for address, _ in demanded} - await probe.answering(demanded, wait_s))
        if silent:
            raise Trouble(f"{', '.join(silent)}: no answer through VPP within {wait_s:g} s: the NIC is given back")
    if scene.taken_at:
        scene.log.info("taken over", uplinks=scene.names, took_ms=(time.monotonic() - scene.taken_at) * 1000)
    scene.taken_at = 0.0
    await telling.ready(scene)
    scene.failed_drivers.clear()
    return Event.DONE


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
