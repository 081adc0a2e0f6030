"""What the actions of all states are given: the node, the guard's means of reporting, and its way of changing Linux."""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial

from bus.log import ProcessLog
from bus.peer import BusPeer
from schemas.config import NodeConfig
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.registry import FailedUplinkDrivers
from vppd_guard.host import hooks
from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.linux import namespaces
from vppd_guard.report.history import GuardHistory
from vppd_guard.report.history_line import GuardHistoryLine
from vppd_guard.states.holding import GuardHolding
from vppd_guard.undo.executor import LinuxStepExecutor
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import UndoRecord, UplinkCapturedRecord
from vppd_guard.undo.reserve import DescriptorReserve
from vppd_guard.undo.step import LinuxStep, run_undoable_step
from vppd_guard.uplink.rendering import rendered_hook_script, vpp_startup_files
from vppd_guard.uplink.uplinks import DrivenUplink, uplinks_main_first
from vppd_guard.vpp.dry_run import VppDryRuns
from vppd_guard.vpp.startup_conf import VppStartupFiles
from vppd_guard.vpp.supervisor import VppSupervisor

_JOURNAL_S_MAX = 10.0
_THREAD_ENDS_S_MAX = 1.0


class GuardContext:
    """A node and its VPP. What the guard holds is not here: actions are given that, and return it."""

    def __init__(self, config: NodeConfig, peer: BusPeer, log: ProcessLog) -> None:
        directory = config.state / "guard"
        self.config, self.peer, self.log = config, peer, log
        self.journal, self.history = UndoJournal(directory), GuardHistory(directory)
        self.machine = HostMachine()
        self.executor = LinuxStepExecutor()
        self.reserve = DescriptorReserve()
        self.dry_runs = VppDryRuns()
        self.vpp = VppSupervisor(config.vpp_run / "vpp.log")
        self.failed_drivers = FailedUplinkDrivers()
        self._warnings: set[str] = set()

    async def write_record(self, record: UndoRecord) -> None:
        """Writes a record to the undo journal. Raises OSError, TimeoutError."""
        await self.executor.run(_JOURNAL_S_MAX, self.journal.append, record)

    async def replace_captured(self, record: UplinkCapturedRecord) -> None:
        """Replaces an uplink's record in the undo journal. Raises OSError, TimeoutError."""
        await self.executor.run(_JOURNAL_S_MAX, self.journal.replace_captured, record)

    async def run_step(self, step: LinuxStep) -> None:
        """Makes a change of Linux. Raises LinuxStepFailed, TimeoutError, OSError."""
        began_at = time.monotonic()
        await run_undoable_step(step, self.journal, self.executor)
        took_ms = (time.monotonic() - began_at) * 1000
        self.log.info("step", what=step.title, took_ms=took_ms)
        self.note(step.title, took_ms=took_ms)

    async def end_threads(self) -> None:
        """Ends the threads that work for the guard, but for one that hangs in the kernel. There are none afterwards."""
        await asyncio.get_running_loop().shutdown_default_executor()
        self.executor.close()
        namespaces.end_netns_thread()
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join(_THREAD_ENDS_S_MAX)

    def note(self, what: str, *, why: str = "", took_ms: float = 0.0) -> None:
        """Adds a line to the history."""
        self.history.add(GuardHistoryLine(at=time.time(), what=what, why=why, took_ms=took_ms))

    def warn_once(self, text: str) -> None:
        """Warns the operator in the log, once however often the guard tries."""
        if text not in self._warnings:
            self._warnings.add(text)
            self.log.warning("warning", what=text)

    async def run_hook(self, point: HostHookPoint, holding: GuardHolding) -> None:
        """Runs the user's script for that moment, if there is one."""
        render = partial(
            rendered_hook_script,
            config=self.config,
            uplinks=holding.uplinks,
            machine=self.machine,
            annotations=holding.annotations,
        )
        names = [spec.interfaceName for spec in uplinks_main_first(self.config.interfaces.uplinkInterfaces)]
        script = self.config.hooks.get(point.value, "")
        await hooks.run_host_hook(point, script, names, self.log, self.config.hook_wait_s, render=render)

    def startup_files(self, uplinks: Sequence[DrivenUplink], annotations: Mapping[str, str]) -> VppStartupFiles:
        """startup.conf and startup.exec. Their warnings go into the log. Raises BadStartupTemplate."""
        files = vpp_startup_files(self.config, uplinks, self.machine, annotations)
        for warning in files.warnings:
            self.warn_once(warning)
        return files
