"""Edge: probe agents in the namespaces of a lab, and truth tables made with them.

    with Agents(directory) as agents:
        agents.start({"x/a": "lab-pod-x.a", "outside": "lab-lan"}, ports=(80, 81))
        agents.ask({"x/a": [Probe("TCP", "10.48.0.2", 80)]})["x/a"][0].ok

Agents end with the context, and with the process that made them.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from tools.lab import linux
from tools.lab.traffic.agent.words import Batch, Probe, ProbeAnswer

PORTS = (80, 81)
QUIET_MS = 400
LINE_MAX = 1 << 22
STOP_S_MAX = 5.0


class AgentFailed(Exception):
    """An agent did not start, or is gone; the text names it."""


class Agents:
    """Agents by name."""

    def __init__(self, directory: Path) -> None:
        """`directory` is for their sockets; it is made if need be."""
        self._directory = directory
        self._running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop(*self._running)

    def start(self, where: Mapping[str, str], ports: Iterable[int] = PORTS) -> None:
        """Starts agents, name -> namespace, beside one another; they serve when this returns. Raises AgentFailed."""
        listed = ",".join(str(port) for port in ports)
        for name, netns in where.items():
            command = [sys.executable, "-m", "tools.lab.traffic.agent", name, "--socket", str(self._socket(name))]
            self._running[name] = subprocess.Popen(
                linux.netns_command(netns, *command, "--ports", listed),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        for name in where:
            out = self._running[name].stdout
            if not out or out.readline() != "ready\n":
                raise AgentFailed(f"agent {name} does not start")

    def stop(self, *names: str) -> None:
        """Ends agents and waits for their ends; unknown names are no error."""
        ending = [(name, self._running.pop(name)) for name in names if name in self._running]
        for _, process in ending:
            assert process.stdin
            process.stdin.close()
        for name, process in ending:
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout
            process.stdout.close()
            self._socket(name).unlink(missing_ok=True)

    def _socket(self, name: str) -> Path:
        return self._directory / f"{name.replace('/', '.')}.sock"

    def ask(self, probes: Mapping[str, list[Probe]], quiet_ms: int = QUIET_MS) -> dict[str, list[ProbeAnswer]]:
        """The answers, by agent and in order; all agents ask at the same time. Raises AgentFailed."""

        async def all_of_them() -> list[list[ProbeAnswer]]:
            return await asyncio.gather(
                *(self._ask_agent(name, Batch(each, quiet_ms)) for name, each in probes.items())
            )

        return dict(zip(probes, asyncio.run(all_of_them()), strict=True))

    async def _ask_agent(self, name: str, batch: Batch) -> list[ProbeAnswer]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket(name), limit=LINE_MAX)
            writer.write(msgspec.json.encode(batch) + b"\n")
            line = await reader.readline()
            writer.close()
            return msgspec.json.decode(line, type=list[ProbeAnswer])
        except (OSError, msgspec.DecodeError) as error:
            raise AgentFailed(f"agent {name}: {error}") from None

    def probe(self, name: str, probe: Probe, quiet_ms: int = QUIET_MS) -> ProbeAnswer:
        """One probe of one agent."""
        return self.ask({name: [probe]}, quiet_ms)[name][0]
