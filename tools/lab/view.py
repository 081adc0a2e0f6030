"""What a node's bus says: processes, epoch, BGP sessions, intents and their statuses."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bus.peer import Peer
from schemas.facts import BgpPeer, PolicyStatus, Process, ServiceStatus, VppEpoch
from schemas.intents import Intent
from schemas.statuses import Applied, Failed, Pending, Rejected, Status
from schemas.topics import INTENT, INTENT_OWNERS, status_word

# Those that are on the bus.
PROCESSES = ("bus", "guard", "vpp-writer", "kube-watch", "routing", "cni", "services", "policy")
READY = "ready"
HEAR_S = 0.05
SETTLE_S = 0.7  # statuses and heartbeats of this very moment may still be under way
STREAMS = (
    ("process", "bus"),
    ("epoch", "vpp-writer"),
    ("bgp-peer", "routing"),
    ("service-status", "services"),
    ("policy-status", "policy"),
    *((INTENT, owner) for owner in INTENT_OWNERS),
    *((status_word(owner), "vpp-writer") for owner in INTENT_OWNERS),
)


@dataclass
class NodeView:
    """A node's bus at one moment."""

    processes: dict[str, Process] = field(default_factory=dict)
    epoch: VppEpoch | None = None
    peers: dict[str, BgpPeer] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    services: dict[str, ServiceStatus] = field(default_factory=dict)
    policies: dict[str, PolicyStatus] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)  # streams that have not been heard whole

    def unready(self) -> list[str]:
        """Processes that are not there or not ready, and streams not heard, with their reasons."""
        found = [f"{stream}: not heard" for stream in self.unheard]
        for name in PROCESSES:
            process = self.processes.get(name)
            if process is None or not process.alive:
                found.append(f"{name}: not on the bus")
            elif (state := self.state_of(name)) != READY:
                found.append(f"{name}: {state}")
        return found

    def state_of(self, name: str) -> str:
        """A process in words: `ready`, or all that is wrong with it."""
        process = self.processes[name]
        if not process.alive:
            return "dead"
        stuck = f"stuck: its loop has not turned for {process.stalled_s:.0f} s" if process.stalled_s else ""
        cut = f"hears nothing: {process.cut_off}" if process.cut_off else ""
        waiting = () if process.ready else process.waiting or ("not ready",)
        return "; ".join(text for text in (stuck, cut, *waiting) if text) or READY

    def unapplied(self) -> list[str]:
        """Intents that VPP does not hold, with the reason."""
        return [
            f"{key}: {why(self.statuses.get(key))}"
            for key in sorted(self.intents)
            if not isinstance(self.statuses.get(key), Applied)
        ]

    def problems(self) -> list[str]:
        """What of services and policies is not as it was asked for, with the reasons."""
        said: dict[str, ServiceStatus | PolicyStatus] = {f"service {key}": row for key, row in self.services.items()}
        said |= self.policies
        return [f"{key}: {'; '.join(row.problems)}" for key, row in sorted(said.items()) if row.problems]

    def counter(self, process: str, name: str) -> int:
        """A counter of a process; 0 if it has none."""
        found = self.processes.get(process)
        return found.counters.get(name, 0) if found else 0


def why(status: Status | None) -> str:
    """A status in words."""
    match status:
        case Failed(reason=reason):
            return f"failed: {reason}"
        case Rejected(reason=reason):
            return f"rejected: {reason}"
        case Pending(needs=needs):
            return f"waits for {', '.join(needs)}"
        case None:
            return "no status"
        case _:
            return "applied"


class Watcher:
    """A visitor on a node's bus."""

    def __init__(self, run: Path) -> None:
        self._peer = Peer(f"tool-{os.getpid()}-{time.monotonic_ns() % 1_000_000}", run / "bus")
        for word, owner in STREAMS:
            self._peer.subscribe(word, owner)

    async def __aenter__(self) -> Self:
        await self._peer.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._peer.__aexit__(*exc)

    def view(self) -> NodeView:
        """What is known now."""
        rows = self._peer.rows
        statuses = {key: status for owner in INTENT_OWNERS for key, status in rows(status_word(owner)).items()}
        unheard = [f"{word} of {owner}" for word, owner in STREAMS if not self._peer.in_sync(word, owner)]
        return NodeView(
            processes=rows("process"),
            epoch=rows("epoch").get("vpp"),
            peers=rows("bgp-peer"),
            intents=rows(INTENT),
            statuses=statuses,
            services=rows("service-status"),
            policies=rows("policy-status"),
            unheard=unheard,
        )

    async def until(self, condition: Callable[[NodeView], bool], within_s: float) -> bool:
        """Hears until the condition holds. False: it did not in time."""
        deadline = time.monotonic() + within_s
        while not condition(self.view()):
            if time.monotonic() > deadline:
                return False
            await self._peer.changes(HEAR_S)
        return True

    async def heard(self, within_s: float) -> bool:
        """Waits until the bus has answered at all."""
        found = await self.until(lambda view: "bus" in view.processes, within_s)
        await asyncio.sleep(0)
        return found


async def look(run: Path, within_s: float = 3.0) -> NodeView:
    """One look at a node's bus, whole if all streams are heard in time; empty if no broker answers."""
    if not (run / "bus" / "broker").exists():
        return NodeView()
    async with Watcher(run) as watcher:
        await watcher.until(lambda view: not view.unheard, within_s)
        await watcher.until(lambda view: not view.unready() and not view.unapplied(), SETTLE_S)
        return watcher.view()
