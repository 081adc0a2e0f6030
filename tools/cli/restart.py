"""`vppd restart`: processes of a node, one after another; VPP runs on."""

import argparse
import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from schemas.facts import ProcessFact
from tools.cli.command import UserError
from tools.cli.node import add_run_directory
from tools.node.programs import NodeProgram, NodeSupervisor, NoSupervisord, ProgramRefused
from tools.node.view import PROCESSES, READY, NodeView
from tools.node.watcher import NodeWatcher
from vppd_guard.host.handover import GUARD_HANDOVER_SIGNAL

HELP = "restart processes, also into a new version; VPP runs on: restart NAME..."
DESCRIPTION = (
    "Restarts processes of a node one after another, and waits until each is ready. Packets keep flowing, and VPP runs "
    "on: the guard is not stopped but hands over to the next guard. An upgrade is `vppd restart all` after the new "
    "version is in place. `supervisorctl stop guard` is something else: VPP ends and Linux gets its NIC back."
)
FAILURES = (NoSupervisord, ProgramRefused)
ALL, GUARD = "all", "guard"
BUS_ANSWERS_S = 3.0
BACK_S_MAX = 30.0
HANDED_OVER_S_MAX = 90.0  # a takeover that has begun is finished first


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which processes, and the node."""
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"guard, vpp-writer, ..., or {ALL}")
    add_run_directory(parser)


def run(options: argparse.Namespace) -> int:
    """Restarts them. Exit status 1: one is not ready again in time. Raises UserError, NoSupervisord, ProgramRefused."""
    supervisor = NodeSupervisor(options.directory)
    programs = supervisor.programs()
    names = list(programs) if options.names == [ALL] else options.names
    if unknown := [name for name in names if name not in programs]:
        raise UserError(f"no process {unknown[0]}; there are: {', '.join(programs)}; or {ALL}")
    return asyncio.run(_restart_all(supervisor, options.directory, dict.fromkeys(names)))


async def _restart_all(supervisor: NodeSupervisor, run: Path, names: Iterable[str]) -> int:
    async with NodeWatcher(run) as watcher:
        on_bus = (run / "bus" / "broker").exists() and await watcher.wait_for_bus(BUS_ANSWERS_S)
        for name in names:
            restart = _Restart(supervisor, watcher if on_bus else None, name)
            if not await restart.finished():
                return 1
    return 0


class _Restart:
    """The restart of one program."""

    def __init__(self, supervisor: NodeSupervisor, watcher: NodeWatcher | None, name: str) -> None:
        self._supervisor, self._watcher, self._name = supervisor, watcher, name
        self._before = self._process()
        self._vpp_before = self._vpp_pid()
        self._started_at = time.monotonic()

    async def finished(self) -> bool:
        """Restarts the program, and says on a line what became of it. False: it is not ready in time."""
        program = await self._program()
        hands_over = self._name == GUARD and program.is_up
        if hands_over:
            await asyncio.to_thread(self._supervisor.signal, self._name, GUARD_HANDOVER_SIGNAL)
        else:
            await asyncio.to_thread(self._supervisor.stop, self._name)
            await asyncio.to_thread(self._supervisor.start, self._name)
        within_s = HANDED_OVER_S_MAX if self._name == GUARD else BACK_S_MAX
        if self._watcher is None or self._name not in PROCESSES:
            program = await self._program()
            print(f"{self._name}: {'told to hand over' if hands_over else 'restarted'}, process {program.pid}")
            return program.is_up
        ready = await self._watcher.until(self._is_back, within_s)
        word = "handed over" if hands_over else "restarted"
        took = f"after {time.monotonic() - self._started_at:.1f} s"
        if not ready:
            print(f"{self._name}: {word}, but not ready {took}: {self._trouble()}; see `vppd logs {self._name}`")
            return False
        print(f"{self._name}: {word}, ready {took}{self._vpp_words() if self._name == GUARD else ''}")
        return True

    async def _program(self) -> NodeProgram:
        return (await asyncio.to_thread(self._supervisor.programs))[self._name]

    def _view(self) -> NodeView:
        return self._watcher.view() if self._watcher is not None else NodeView()

    def _process(self) -> ProcessFact | None:
        return self._view().processes.get(self._name)

    def _vpp_pid(self) -> int:
        epoch = self._view().epoch
        return epoch.pid if epoch is not None and epoch.connected else 0

    def _is_back(self, view: NodeView) -> bool:
        process = view.processes.get(self._name)
        old = self._before.session if self._before is not None else None
        return process is not None and process.session != old and view.state_of(self._name) == READY

    def _trouble(self) -> str:
        process = self._process()
        if process is None or (self._before is not None and process.session == self._before.session and process.alive):
            return "it goes on as before"
        return self._view().state_of(self._name)

    def _vpp_words(self) -> str:
        pid = self._vpp_pid()
        if not pid:
            return ""
        return f"; VPP, process {pid}, runs on" if pid == self._vpp_before else f"; VPP is another one, process {pid}"
