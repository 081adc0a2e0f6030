"""Edge: a subscriber to a node's bus, for tools that look at the node."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bus.peer import BusPeer
from schemas.words import INTENT_OWNERS, INTENT_WORD, intent_status_word
from tools.node.view import NodeView

HEAR_S = 0.05
SETTLE_S = 0.7  # statuses and heartbeats of this very moment may still be under way
STREAMS = (
    ("process", "bus"),
    ("epoch", "vpp-writer"),
    ("vpp", "guard"),
    ("bgp-peer", "routing"),
    ("service-status", "services"),
    ("policy-status", "policy"),
    ("configuration-status", "guard"),
    ("pod-interface", "cni"),
    *((INTENT_WORD, owner) for owner in INTENT_OWNERS),
    *((intent_status_word(owner), "vpp-writer") for owner in INTENT_OWNERS),
)


class NodeWatcher:
    """Hears a node's bus; an async context manager."""

    def __init__(self, run: Path) -> None:
        self._peer = BusPeer(f"tool-{os.getpid()}-{time.monotonic_ns() % 1_000_000}", run / "bus")
        for word, owner in STREAMS:
            self._peer.subscribe(word, owner)

    async def __aenter__(self) -> Self:
        await self._peer.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._peer.__aexit__(*exc)

    def view(self) -> NodeView:
        """The node as it is known now."""
        rows = self._peer.rows
        statuses = {key: status for owner in INTENT_OWNERS for key, status in rows(intent_status_word(owner)).items()}
        unheard = [f"{word} of {owner}" for word, owner in STREAMS if not self._peer.in_sync(word, owner)]
        return NodeView(
            processes=rows("process"),
            epoch=rows("epoch").get("vpp"),
            vpp=rows("vpp").get("vpp"),
            peers=rows("bgp-peer"),
            intents=rows(INTENT_WORD),
            statuses=statuses,
            services=rows("service-status"),
            policies=rows("policy-status"),
            configuration=rows("configuration-status"),
            pods=rows("pod-interface"),
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

    async def wait_for_bus(self, within_s: float) -> bool:
        """Waits until the bus has answered at all."""
        answered = await self.until(lambda view: "bus" in view.processes, within_s)
        await asyncio.sleep(0)
        return answered


async def look_at_node(run: Path, within_s: float = 3.0) -> NodeView:
    """One look at a node's bus, whole if all streams are heard in time; empty if no broker answers."""
    if not (run / "bus" / "broker").exists():
        return NodeView()
    async with NodeWatcher(run) as watcher:
        await watcher.until(lambda view: not view.unheard, within_s)
        await watcher.until(lambda view: not view.unready() and not view.unapplied(), SETTLE_S)
        return watcher.view()
