"""The action of PREFLIGHT: looks at the host, the uplinks and VPP before anything is touched (`checks.py`)."""

import asyncio
from dataclasses import replace
from pathlib import Path

from vppd_guard.drivers import registry
from vppd_guard.host.hooks import HookPoint
from vppd_guard.life import GuardEvent
from vppd_guard.linux.capture import capture
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.probes import icmp
from vppd_guard.report.findings import FAILED, OK, Finding, failure_texts, waive_failures
from vppd_guard.states import checks
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import ActionFailed
from vppd_guard.uplink.rendering import annotations_needed, dry_run_files
from vppd_guard.uplink.uplinks import DrivenUplink, driven_uplink, main_first, probe_targets
from vppd_guard.vpp.dry_run import DryRunFailed
from vppd_guard.vpp.startup_conf import BadTemplate

ANSWERS_BEFORE_S = 1.0
PAUSE_S = 0.2


async def check(scene: GuardContext) -> GuardEvent:
    """Nothing is taken before everything is there that the takeover and the way back will need."""
    scene.uplinks = []
    await _bus_answers(scene)
    await _annotations_known(scene)
    await scene.hook(HookPoint.BEFORE_IF_READ)
    found, uplinks = await findings(scene)
    for each in found:
        if each.state not in (FAILED, OK):
            scene.warn_once(f"preflight: {each.check}: {each.text}")
    if refused := failure_texts(found):
        raise ActionFailed("preflight: " + "; ".join(refused))
    scene.uplinks = uplinks
    return GuardEvent.DONE


async def _bus_answers(scene: GuardContext) -> None:
    """Waits for bus and writer: they start beside the guard."""
    told = ""
    while (finding := await checks.bus(scene.peer)).state == FAILED:
        scene.peer.waiting = (f"preflight: {finding.text}",)
        if finding.text != told:
            told = finding.text
            scene.note("waits for bus and writer", why=told)
        await asyncio.sleep(PAUSE_S)


async def _annotations_known(scene: GuardContext) -> None:
    """Waits for the Kubernetes node's annotations, if a template asks for some: else no API server is needed."""
    if not (needed := annotations_needed(scene.config)):
        return
    scene.peer.subscribe("node-annotations")
    waits = f"preflight: node {scene.config.node}: annotations {', '.join(sorted(needed))}"
    while (row := scene.peer.rows("node-annotations").get(scene.config.node)) is None:
        scene.peer.waiting = (waits,)
        await scene.peer.changes(PAUSE_S)
    scene.annotations = dict(row.annotations)


async def findings(scene: GuardContext) -> tuple[list[Finding], list[DrivenUplink]]:
    """All that a preflight looks at but bus and writer, and the uplinks as they are now."""
    status = Path("/proc/self/status").read_text()
    found = await asyncio.to_thread(lambda: list(checks.host(scene.config, scene.machine, status)))
    more, uplinks = await captured(scene)
    found.append(checks.locked_memory(scene.machine, status, [each.driver for each in uplinks]))
    found += [*more, await _vpp_finding(scene, uplinks), await _answers(scene, uplinks)]
    return waive_failures(found, scene.config.preflight_waive), uplinks


async def captured(scene: GuardContext) -> tuple[list[Finding], list[DrivenUplink]]:
    """The uplinks as they are now, each with its driver, as far as they can be taken."""
    found: list[Finding] = []
    uplinks: list[DrivenUplink] = []
    specs = main_first(scene.config.interfaces.uplinkInterfaces)
    if not specs:
        found.append(Finding("uplinks", FAILED, "CALICOVPP_INTERFACES: no uplinkInterfaces"))
    for number, spec in enumerate(specs):
        try:
            link = await asyncio.to_thread(capture, spec.interfaceName)
        except NoSuchLink as error:
            found.append(Finding(f"uplink {spec.interfaceName}", FAILED, str(error)))
            continue
        found.append(checks.link(link, spec))
        choice = await asyncio.to_thread(registry.choose_drivers, link, spec, scene.machine)
        failed = scene.failed_drivers.setdefault(link.name, set())
        # Once all have failed the first has its turn again.
        driver = next((d for d in choice.candidates if d.name not in failed), next(iter(choice.candidates), None))
        if driver is not None and driver.name in failed:
            failed.clear()
        found.append(checks.driver(link, driver, choice.passed_over))
        if driver is not None:
            uplinks.append(driven_uplink(link, spec, number, driver, scene.config, scene.machine))
    return found, uplinks


async def _vpp_finding(scene: GuardContext, uplinks: list[DrivenUplink]) -> Finding:
    try:
        conf = scene.rendered(uplinks).conf
        pages = checks.hugepages(conf, scene.machine)
        if pages.state == FAILED:
            return pages
        by_xdp = [(each.name, each.target.mtu) for each in uplinks if each.driver.name == "af_xdp"]
        if (room := checks.buffers(conf, by_xdp)).state == FAILED:
            return room
        trial = dry_run_files(scene.config, uplinks, scene.machine, scene.annotations)
        aside = replace(scene.config, run=scene.config.run / "trial")
        there = await scene.trials.api_messages(aside, trial.conf, trial.exec)
    except (BadTemplate, DryRunFailed) as error:
        return Finding("vpp", FAILED, str(error))
    return checks.vpp(there, [each.driver for each in uplinks])


async def _answers(scene: GuardContext, uplinks: list[DrivenUplink]) -> Finding:
    """Notes what answers now: only that must answer through VPP."""
    asked = {each.name: probe_targets(each.captured, scene.config, main=each is uplinks[0]) for each in uplinks}
    pairs = [(address, name) for name, addresses in asked.items() for address in addresses]
    answered = await icmp.answering_addresses(pairs, ANSWERS_BEFORE_S)
    uplinks[:] = [each.with_answers(answered & set(asked[each.name])) for each in uplinks]
    return checks.gateways([address for address, _ in pairs], sorted(answered))
