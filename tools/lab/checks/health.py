"""Waits until every process of every node is ready."""

import asyncio
import time

from tools.lab.checks.properties import CheckResult, look_at_nodes, node_results
from tools.lab.state import Lab
from tools.lab.topology import LabNode
from tools.node.view import NodeView
from tools.node.watcher import NodeWatcher

HEALTHY_S_MAX = 90.0


def wait_until_healthy(lab: Lab) -> list[CheckResult]:
    """Waits until every process of every node is ready. The results say whether they are."""
    started = time.monotonic()

    async def wait() -> None:
        async def wait_for(node: LabNode) -> None:
            async with NodeWatcher(lab.run(node)) as watcher:
                await watcher.until(lambda view: is_healthy(lab, view), HEALTHY_S_MAX - (time.monotonic() - started))

        await asyncio.gather(*(wait_for(node) for node in lab.all_nodes))

    asyncio.run(wait())
    took = f"after {time.monotonic() - started:.1f} s"
    views = asyncio.run(look_at_nodes(lab))
    results = [r for node in lab.all_nodes for r in node_results(lab, node.name, views[node.name])]
    return [CheckResult(r.name, r.ok, f"{r.figure}, {took}") for r in results]


def is_healthy(lab: Lab, view: NodeView) -> bool:
    """All processes ready, all sessions up, all intents applied."""
    up = [peer for peer in view.peers.values() if peer.state == "established"]
    return not view.unready() and len(up) == 2 * (lab.nodes - 1) and not view.unapplied()
