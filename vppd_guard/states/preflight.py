"""The action of PREFLIGHT: looks at the host, the uplinks and VPP before anything is touched (`checks.py`)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from schemas.config import UplinkSpec
from vppd_guard.drivers import registry
from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.linux.capture import capture_link
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.probes import icmp
from vppd_guard.report.findings import (
    FINDING_FAILED,
    FINDING_OK,
    PreflightFinding,
    preflight_failure_texts,
    waive_preflight_failures,
)
from vppd_guard.states import checks
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.states.holding import GuardHolding, GuardHoldingCaptured
from vppd_guard.uplink.rendering import node_annotations_needed, vpp_dry_run_files
from vppd_guard.uplink.uplinks import DrivenUplink, driven_uplink, uplink_probe_targets, uplinks_main_first
from vppd_guard.vpp.dry_run import VppDryRunFailed
from vppd_guard.vpp.startup_conf import BadStartupTemplate

_ANSWERS_BEFORE_S = 1.0
_PAUSE_S = 0.2


async def run_guard_state(context: GuardContext) -> GuardHoldingCaptured:
    """Nothing is taken before everything is there that the takeover and the way back will need."""
    await _wait_for_writer(context)
    annotations = await _wait_for_annotations(context)
    await context.run_hook(HostHookPoint.BEFORE_IF_READ, GuardHolding(annotations=annotations))
    findings, uplinks = await run_preflight_checks(context, annotations)
    for finding in findings:
        if finding.state not in (FINDING_FAILED, FINDING_OK):
            context.warn_once(f"preflight: {finding.check}: {finding.text}")
    if refused := preflight_failure_texts(findings):
        raise GuardActionFailed("preflight: " + "; ".join(refused))
    return GuardHoldingCaptured(uplinks=tuple(uplinks), annotations=annotations)


async def _wait_for_writer(context: GuardContext) -> None:
    """Waits for bus and writer, which start beside the guard."""
    noted_text = ""
    while (finding := await checks.preflight_writer(context.peer)).state == FINDING_FAILED:
        context.peer.waiting = (f"preflight: {finding.text}",)
        if finding.text != noted_text:
            noted_text = finding.text
            context.note("waits for bus and writer", why=noted_text)
        await asyncio.sleep(_PAUSE_S)


async def _wait_for_annotations(context: GuardContext) -> dict[str, str]:
    """The Kubernetes node's annotations, if a template asks for some; else no API server is needed."""
    if not (needed := node_annotations_needed(context.config)):
        return {}
    node = context.config.node
    context.peer.subscribe("node-annotations")
    waits = f"preflight: node {node}: annotations {', '.join(sorted(needed))}"
    while (row := context.peer.rows("node-annotations").get(node)) is None:
        context.peer.waiting = (waits,)
        await context.peer.changes(_PAUSE_S)
    return dict(row.annotations)


async def run_preflight_checks(
    context: GuardContext, annotations: Mapping[str, str]
) -> tuple[list[PreflightFinding], Sequence[DrivenUplink]]:
    """All checks but that of bus and writer, and the uplinks in their present state."""
    status = Path("/proc/self/status").read_text()
    findings = await asyncio.to_thread(lambda: list(checks.preflight_host(context.config, context.machine, status)))
    uplink_findings, uplinks = await capture_uplinks(context)
    findings.append(checks.preflight_locked_memory(context.machine, status, [uplink.driver for uplink in uplinks]))
    findings += [*uplink_findings, await _check_vpp(context, uplinks, annotations)]
    gateways, uplinks = await _check_gateways(context, uplinks)
    return waive_preflight_failures([*findings, gateways], context.config.preflight_waive), uplinks


async def capture_uplinks(context: GuardContext) -> tuple[list[PreflightFinding], list[DrivenUplink]]:
    """The uplinks in their present state, each with its driver, as far as they can be taken."""
    specs = uplinks_main_first(context.config.interfaces.uplinkInterfaces)
    if not specs:
        return [PreflightFinding("uplinks", FINDING_FAILED, "CALICOVPP_INTERFACES: no uplinkInterfaces")], []
    findings: list[PreflightFinding] = []
    uplinks: list[DrivenUplink] = []
    for number, spec in enumerate(specs):
        try:
            uplink = await _capture_uplink(context, spec, number, findings)
        except NoSuchLink as error:
            findings.append(PreflightFinding(f"uplink {spec.interfaceName}", FINDING_FAILED, str(error)))
            continue
        if uplink is not None:
            uplinks.append(uplink)
    return findings, uplinks


async def _capture_uplink(
    context: GuardContext, spec: UplinkSpec, number: int, findings: list[PreflightFinding]
) -> DrivenUplink | None:
    """The uplink, and its findings into `findings`; None: no driver can take it. Raises NoSuchLink."""
    link = await asyncio.to_thread(capture_link, spec.interfaceName)
    findings.append(checks.preflight_uplink(link, spec))
    choice = await asyncio.to_thread(registry.choose_uplink_drivers, link, spec, context.machine)
    driver = context.failed_drivers.next_candidate(link.name, choice.candidates)
    findings.append(checks.preflight_driver(link, driver, choice.passed_over))
    return driven_uplink(link, spec, number, driver, context.config, context.machine) if driver is not None else None


async def _check_vpp(
    context: GuardContext, uplinks: Sequence[DrivenUplink], annotations: Mapping[str, str]
) -> PreflightFinding:
    try:
        conf = context.startup_files(uplinks, annotations).conf
        pages = checks.preflight_hugepages(conf, context.machine)
        if pages.state == FINDING_FAILED:
            return pages
        by_xdp = [(uplink.name, uplink.target.mtu) for uplink in uplinks if uplink.driver.name == "af_xdp"]
        if (room := checks.preflight_buffers(conf, by_xdp)).state == FINDING_FAILED:
            return room
        files = vpp_dry_run_files(context.config, uplinks, context.machine, annotations)
        aside = replace(context.config, run=context.config.run / "trial")
        messages = await context.dry_runs.api_messages(aside, files.conf, files.exec)
    except (BadStartupTemplate, VppDryRunFailed) as error:
        return PreflightFinding("vpp", FINDING_FAILED, str(error))
    return checks.preflight_vpp(messages, [uplink.driver for uplink in uplinks])


async def _check_gateways(
    context: GuardContext, uplinks: Sequence[DrivenUplink]
) -> tuple[PreflightFinding, list[DrivenUplink]]:
    """The finding, and the uplinks with the addresses that answer now: only those must answer through VPP."""
    targets = {
        uplink.name: uplink_probe_targets(uplink.captured, context.config, main=uplink is uplinks[0])
        for uplink in uplinks
    }
    pairs = [(address, name) for name, addresses in targets.items() for address in addresses]
    answered = await icmp.addresses_answering_ping(pairs, _ANSWERS_BEFORE_S)
    finding = checks.preflight_gateways([address for address, _ in pairs], sorted(answered))
    return finding, [uplink.with_answers(answered & set(targets[uplink.name])) for uplink in uplinks]
