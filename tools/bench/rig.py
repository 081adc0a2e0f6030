"""A node without a network: bus, VPP, writer and one manager as processes; the benchmark itself publishes facts."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bus.peer import BusPeer
from bus.subscriptions import StreamChange
from schemas.statuses import AppliedStatus
from schemas.words import intent_status_word

NODE = "bench"
READY_S_MAX = 30.0
BUFFERS = 4096
DONE_S_MAX = 600.0
STARTUP_CONF = """\
unix {{ nodaemon runtime-dir {run} cli-listen {run}/cli.sock pidfile {run}/vpp.pid }}
api-trace {{ on }}
cpu {{ workers 0 }}
socksvr {{ socket-name {run}/vpp-api.sock }}
statseg {{ size 256M page-size 4K socket-name {run}/stats.sock }}
memory {{ main-heap-page-size 4K main-heap-size 2G }}
buffers {{ buffers-per-numa {buffers} page-size 4K }}
cnat {{ session-max 65536 translation-db-buckets 65536 translation-db-memory 64M }}
plugins {{
  plugin default {{ disable }}
  plugin cnat_plugin.so {{ enable }}
  plugin npol_plugin.so {{ enable }}
  plugin urpf_plugin.so {{ enable }}
  plugin tap_plugin.so {{ enable }}
}}
"""


class BenchFailed(Exception):
    """Something of the rig does not work; the text says what."""


class Rig:
    """The processes, and the applied intents of the manager under test."""

    def __init__(
        self, directory: Path, manager: str, vpp: str, settings: Mapping[str, str] | None = None, buffers: int = BUFFERS
    ) -> None:
        self.directory, self.manager, self.vpp = directory, manager, vpp
        self.settings, self.buffers = dict(settings or {}), buffers
        self.run = directory / "run"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.peer = BusPeer("bench", self.run / "bus")
        self.applied: dict[str, int] = {}  # intent key -> generation that VPP holds

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "NODENAME": NODE,
            "VPPD_RUN": str(self.run),
            "VPPD_STATE": str(self.directory / "state"),
            "SERVICE_PREFIX": "10.96.0.0/12",
            "VPPD_FELIX_DRIVER": "none",
            "VPPD_FELIX_SOCKET": str(self.directory / "felix.sock"),
            "VPPD_CNI_SOCKET": str(self.directory / "cni.sock"),
            **self.settings,
        }

    def start(self) -> None:
        """Starts all processes, in any order."""
        self.start_vpp()
        self.start_others()

    def start_vpp(self) -> None:
        """Starts VPP."""
        vpp_run = self.run / "vpp"
        vpp_run.mkdir(parents=True)
        (vpp_run / "startup.conf").write_text(STARTUP_CONF.format(run=vpp_run, buffers=self.buffers))
        preload = os.environ.get("VPPD_VPP_PRELOAD", "")
        self._start("vpp", [self.vpp, "-c", str(vpp_run / "startup.conf")], {"LD_PRELOAD": preload} if preload else {})

    def start_others(self) -> None:
        """Starts bus, writer, and the manager if there is one."""
        programs = {"bus": "bus", "vpp-writer": "actors.vpp_writer", self.manager: f"actors.{self.manager}"}
        for name, module in programs.items():
            if not name:
                continue
            self._start(name, [sys.executable, "-m", module], {})

    def _start(self, name: str, command: list[str], more: Mapping[str, str]) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            environment = {**self.environment, **more}
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def stop(self) -> None:
        """Ends what was started, the bus last."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def listen(self) -> None:
        """Subscribes to the statuses of the manager's intents."""
        self.peer.subscribe(intent_status_word(self.manager), "vpp-writer")
        self.peer.subscribe("process", "bus")

    async def wait_until(self, condition: Callable[[], bool], goal: str, within_s: float = DONE_S_MAX) -> float:
        """Waits for a condition; `goal` names it. Returns seconds. Raises BenchFailed."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > within_s:
                raise BenchFailed(f"not within {within_s:.0f} s: {goal}; logs in {self.directory}")
            self.apply_events(await self.peer.changes(0.5))
        return time.monotonic() - began

    def apply_events(self, events: list[Any]) -> None:
        """Keeps statuses up to date."""
        for event in events:
            if isinstance(event, StreamChange) and event.word == intent_status_word(self.manager):
                if isinstance(event.value, AppliedStatus):
                    self.applied[event.key] = event.value.generation
                else:
                    self.applied.pop(event.key, None)

    def ready(self, *names: str) -> bool:
        """Are these processes ready?"""
        rows = self.peer.rows("process", "bus")
        return all(name in rows and rows[name].ready for name in names)

    async def counter(self, process: str, name: str) -> int:
        """A counter as the process reports it now (heartbeats come twice a second)."""
        await asyncio.sleep(1.2)
        self.apply_events(await self.peer.changes(0.1))
        row = self.peer.rows("process", "bus").get(process)
        return int(row.counters.get(name, 0)) if row else 0

    def peak_mb(self) -> dict[str, float]:
        """VmHWM of each process, MB."""
        return {name: round(memory_mb(process.pid, "VmHWM"), 1) for name, process in self.processes.items()}


def memory_mb(pid: int, figure: str = "VmRSS") -> float:
    """A figure of /proc/<pid>/status, by default resident memory, MB; 0 for none."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{figure}:")), 0.0)


@asynccontextmanager
async def running_rig(
    manager: str, vpp: str, *speakers: str, settings: Mapping[str, str] | None = None, buffers: int = BUFFERS
) -> AsyncIterator[tuple[Rig, dict[str, BusPeer]]]:
    """A running rig, and peers that publish as `speakers`. Ends and removes all of it."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vppd-bench-")))
        rig = Rig(directory, manager, vpp, settings, buffers)
        rig.start()
        stack.callback(rig.stop)
        await rig.listen()
        await stack.enter_async_context(rig.peer)
        peers = {name: await stack.enter_async_context(BusPeer(name, rig.run / "bus")) for name in speakers}
        await rig.wait_until(lambda: rig.ready("vpp-writer"), "the writer is ready", READY_S_MAX)
        yield rig, peers


def quantiles_ms(seconds: list[float]) -> dict[str, float]:
    """p50, p99 and the slowest, milliseconds."""
    ordered = sorted(seconds)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    last = len(ordered) - 1
    return {name: round(ordered[min(last, int(share * len(ordered)))] * 1000, 1) for name, share in shares.items()}


def format_result(result: Mapping[str, Any], indent: str = "") -> str:
    """A result for people."""
    lines = []
    for key, value in result.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}", format_result(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key:<{28 - len(indent)}}{value}")
    return "\n".join(lines)
