"""Every process of every node is ready."""

import asyncio
import time

from tools.lab.checks.properties import Result, look_all, node_results
from tools.lab.state import Lab
from tools.lab.topology import Node
from tools.node.view import NodeView
from tools.node.watcher import Watcher

HEALTHY_S_MAX = 90.0


def healthy(lab: Lab) -> list[Result]:
    """Waits until every process of every node is ready, and tells how it ended."""
    started = time.monotonic()

    async def wait() -> None:
        async def one(node: Node) -> None:
            async with Watcher(lab.run(node)) as watcher:
                await watcher.until(lambda view: is_healthy(lab, view), HEALTHY_S_MAX - (time.monotonic() - started))

        await asyncio.gather(*(one(node) for node in lab.all_nodes))

    asyncio.run(wait())
    took = f"after {time.monotonic() - started:.1f} s"
    views = asyncio.run(look_all(lab))
    found = [r for node in lab.all_nodes for r in node_results(lab, node.name, views[node.name])]
    return [Result(r.name, r.ok, f"{r.figure}, {took}") for r in found]


def is_healthy(lab: Lab, view: NodeView) -> bool:
    """All processes ready, all sessions up, all intents applied."""
    up = [peer for peer in view.peers.values() if peer.state == "established"]
    return not view.unready() and len(up) == 2 * (lab.nodes - 1) and not view.unapplied()
