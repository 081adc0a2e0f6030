"""Commands for people: plan, preflight, explain, restore. They work without a running guard."""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from bus import lock
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process import node_config_or_exit
from bus.process_start import process_start_ticks
from schemas.config import NodeConfig
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.host_services.host import HostReader
from vppd_guard.linux.capture import capture_link
from vppd_guard.linux.leftovers import without_trial_leftovers
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.tap import is_tap_link
from vppd_guard.report import explain
from vppd_guard.report.findings import (
    FINDING_FAILED,
    FINDING_OK,
    PreflightFinding,
    preflight_failure_texts,
    preflight_findings_table,
    waive_preflight_failures,
)
from vppd_guard.report.history import GuardHistory
from vppd_guard.states import checks, preflight, replay
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import UndoRecord, last_vpp_in_undo_records, uplinks_in_undo_records
from vppd_guard.uplink.desired import guard_intents
from vppd_guard.uplink.rendering import vpp_startup_files
from vppd_guard.uplink.uplinks import DrivenUplink, uplinks_main_first
from vppd_guard.vpp.startup_conf import BadStartupTemplate


def guard_lock_path(config: NodeConfig) -> Path:
    """Path of the running guard's lock, on a file system that a full disk does not fill."""
    return config.run / "guard.lock"


def run_guard_command(command: str, log: ProcessLog, *, as_json: bool) -> int:
    """Runs a command. Exit code 1: something is wrong with the host or would be; 2: the environment is misconfigured.

    The node's name is not required: whoever repairs a broken node may have another environment than the guard.
    """
    config = node_config_or_exit(log, required=())
    commands: dict[str, Callable[[], int]] = {
        "plan": lambda: _plan(config, log),
        "preflight": lambda: _preflight(config, log, as_json=as_json),
        "explain": lambda: _explain(config, as_json=as_json),
        "restore": lambda: _restore(config, log),
    }
    return commands[command]()


def _plan(config: NodeConfig, log: ProcessLog) -> int:
    """Prints the captured uplinks, VPP's configuration and the intents of a takeover."""

    async def look() -> tuple[list[PreflightFinding], list[DrivenUplink]]:
        return await preflight.capture_uplinks(GuardContext(config, BusPeer("guard-plan", config.bus), log))

    findings, uplinks = asyncio.run(look())
    if refused := preflight_failure_texts(findings):
        log.error("cannot plan", why="; ".join(refused))
        return 1
    try:
        files = vpp_startup_files(config, uplinks, HostMachine(), {})
    except BadStartupTemplate as error:
        log.error("cannot plan", why=error)
        return 1
    intents = guard_intents([uplink.target for uplink in uplinks], config, up=True)
    plan = {
        "captured": [uplink.captured for uplink in uplinks],
        "drivers": {uplink.name: uplink.driver.name for uplink in uplinks},
        "startup_conf": files.conf,
        "startup_exec": files.exec,
        "warnings": files.warnings,
        "intents": list(intents.values()),
    }
    _print_json(plan)
    return 0


def _preflight(config: NodeConfig, log: ProcessLog, *, as_json: bool) -> int:
    """Prints the findings of a preflight."""
    records = uplinks_in_undo_records(UndoJournal(config.state / "guard").read())
    if records and (pid := lock.lock_file_holder_pid(guard_lock_path(config))):
        names = ", ".join(record.uplink.name for record in records)
        finding = PreflightFinding(
            "uplinks", FINDING_OK, f"VPP has {names} already, by the guard that runs (process {pid})"
        )
        return _print_findings([finding], as_json=as_json)

    async def look() -> list[PreflightFinding]:
        async with BusPeer("tool-preflight", config.bus) as peer:
            findings, _ = await preflight.run_preflight_checks(GuardContext(config, peer, log), annotations={})
            return [*findings, *waive_preflight_failures([await checks.preflight_writer(peer)], config.preflight_waive)]

    if lock.lock_file_holder_pid(guard_lock_path(config)):  # it makes the same directories, and keeps them
        return _print_findings(asyncio.run(look()), as_json=as_json)
    with without_trial_leftovers([config.run / "trial", config.state / "guard"], config.vpp_netns):
        return _print_findings(asyncio.run(look()), as_json=as_json)


def _print_findings(findings: list[PreflightFinding], *, as_json: bool) -> int:
    if as_json:
        _print_json(findings)
    else:
        sys.stdout.write(preflight_findings_table(findings, shutil.get_terminal_size().columns) + "\n")
    return 1 if any(finding.state == FINDING_FAILED for finding in findings) else 0


def _print_json(content: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(content)).decode() + "\n")


def _explain(config: NodeConfig, *, as_json: bool) -> int:
    """Prints the guard's state, its last trouble, what is changed of the host, and the history."""
    directory = config.state / "guard"
    lines, journal = GuardHistory(directory).read(), UndoJournal(directory)
    records = journal.read()
    host = explain.ExplainedHost(
        time=time.time(),
        guard_pid=lock.lock_file_holder_pid(guard_lock_path(config)),
        vpp_pid=_running_vpp(records),
        links=tuple(_link_words(spec.interfaceName) for spec in uplinks_main_first(config.interfaces.uplinkInterfaces)),
    )
    if as_json:
        _print_json({"now": asdict(host), "history": lines, "to_undo": records})
    else:
        text = explain.guard_explanation(lines, records, host, str(journal.path))
        if sys.stdout.isatty():
            text = explain.wrap_report_lines(text, shutil.get_terminal_size().columns)
        sys.stdout.write(text + "\n")
    return 0


def _running_vpp(records: Sequence[UndoRecord]) -> int:
    """The process id of the VPP that a guard has started, if it still runs; else 0."""
    vpp = last_vpp_in_undo_records(records)
    return vpp.pid if vpp and process_start_ticks(vpp.pid) == vpp.started else 0


def _link_words(name: str) -> str:
    try:
        if is_tap_link(name):
            return f"{name} is the host's tap, VPP is behind it."
        captured = capture_link(name)
    except NoSuchLink:
        return f"{name}: there is no such link here."
    addresses = ", ".join(address.address for address in captured.addresses) or "no address"
    return f"{name} is Linux's own, {'up' if captured.up else 'down'}, with {addresses}."


def _restore(config: NodeConfig, log: ProcessLog) -> int:
    """Undoes what a dead guard has left. Needs neither the bus nor VPP."""
    directory = config.state / "guard"
    journal = UndoJournal(directory)
    records = journal.read()
    if not records:
        log.info("nothing to restore", journal=journal.path)
        return 0
    if pid := lock.lock_file_holder_pid(guard_lock_path(config)):
        log.error("a guard runs", pid=pid, hint="it restores by itself: stop it")
        return 1
    if pid := _running_vpp(records):
        log.error("VPP still runs", pid=pid, hint="end it first: its taps hold the links' names")
        return 1
    result = replay.undo_records(records, HostMachine(), HostReader(config.host_root))
    problems = [*result.problems, *(f"{name}: no such device" for name in result.lost_devices)]
    for problem in problems:
        log.error("cannot restore", what=problem)
    if problems:
        log.error("left as it is", hint=f"mend it and try again, or remove {journal.path} to forget it")
        return 1
    journal.clear()
    log.info("restored", uplinks=[record.uplink.name for record in uplinks_in_undo_records(records)])
    return 0
