"""What the actions of the guard's states share: where things are, what has been taken, hands to change Linux with."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from bus.log import Log
from bus.peer import Peer
from schemas.config import NodeConfig
from vppd_guard.drivers.machine import Machine
from vppd_guard.host import hooks
from vppd_guard.host.hooks import HookPoint
from vppd_guard.report.history import History, HistoryLine
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.step import LinuxStep, run_step
from vppd_guard.uplink.rendering import hook_script, startup_files
from vppd_guard.uplink.uplinks import DrivenUplink, main_first
from vppd_guard.vpp.dry_run import DryRuns
from vppd_guard.vpp.process import VppInstance
from vppd_guard.vpp.startup_conf import StartupFiles

P = ParamSpec("P")
T = TypeVar("T")


class StepExecutor:
    """One thread that makes all changes of Linux, one after another: what is cut short still ends before the next."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hands")

    async def do(self, limit_s: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work`. Raises what it raises, and TimeoutError: then the thread is given up, and others go on."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s):
                return await loop.run_in_executor(self.pool, lambda: work(*args, **kwargs))
        except TimeoutError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Another thread from now on: this one hangs in the kernel."""
        self.pool.shutdown(wait=False)
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hands")


@dataclass
class GuardContext:
    """One node, its uplinks, its VPP."""

    config: NodeConfig
    peer: Peer
    log: Log
    journal: UndoJournal
    history: History
    machine: Machine = field(default_factory=Machine)
    hands: StepExecutor = field(default_factory=StepExecutor)
    trials: DryRuns = field(default_factory=DryRuns)
    uplinks: list[DrivenUplink] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)  # the Kubernetes node's, if templates ask for any
    process: VppInstance | None = None
    ended: str = ""  # why the last VPP ended
    last_words: tuple[str, ...] = ()  # what it said last
    taken_at: float = 0.0  # monotonic; 0: not taken by us, or long since given to the host
    failed_drivers: dict[str, set[str]] = field(default_factory=dict)  # of links whose driver is chosen by itself
    warned: set[str] = field(default_factory=set)

    async def make(self, step: LinuxStep) -> None:
        """Makes a change of Linux. Raises StepFailed, TimeoutError, OSError."""
        started = time.monotonic()
        try:
            await run_step(step, self.journal, self.hands.pool)
        except TimeoutError as error:
            self.hands.give_up()
            raise TimeoutError(f"{step.title}: not done within {step.timeout_s:g} s") from error
        took_ms = (time.monotonic() - started) * 1000
        self.log.info("step", what=step.title, took_ms=took_ms)
        self.note(step.title, took_ms=took_ms)

    def note(self, what: str, *, why: str = "", took_ms: float = 0.0) -> None:
        """A line of the history."""
        self.history.add(HistoryLine(at=time.time(), what=what, why=why, took_ms=took_ms))

    async def hook(self, point: HookPoint) -> None:
        """Runs the user's script for that moment, if there is one."""
        script = self.config.hooks.get(point.value, "")
        names = [spec.interfaceName for spec in main_first(self.config.interfaces.uplinkInterfaces)]
        tokens = partial(
            hook_script,
            config=self.config,
            uplinks=self.uplinks,
            machine=self.machine,
            annotations=self.annotations,
        )
        await hooks.run_hook(
            point,
            script,
            names,
            self.log,
            self.config.hook_wait_s,
            render=tokens,
        )

    def rendered(self, uplinks: Sequence[DrivenUplink]) -> StartupFiles:
        """startup.conf and startup.exec, whose warnings go into the log. Raises BadTemplate."""
        text = startup_files(self.config, uplinks, self.machine, self.annotations)
        for warning in text.warnings:
            self.warn_once(warning)
        return text

    def warn_once(self, text: str) -> None:
        """A warning that is worth one line of the log."""
        if text not in self.warned:
            self.warned.add(text)
            self.log.warning("warning", what=text)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the uplinks in Linux."""
        return tuple(uplink.name for uplink in self.uplinks)

    @property
    def vpp_runs(self) -> bool:
        """Is there a VPP of ours?"""
        return self.process is not None and not self.process.ended.is_set()
