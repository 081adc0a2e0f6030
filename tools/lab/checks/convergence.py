"""Edge: waits until a change in Kubernetes has reached VPP on every node, by way of Felix and the managers."""

import asyncio
import time

from tools.lab.cluster import calico_node
from tools.lab.state import Lab
from tools.lab.topology import LabNode
from tools.node.view import NodeView
from tools.node.watcher import NodeWatcher

QUIET_S = 0.4  # without a change; no process waits longer before it passes one on


def flush_counts(lab: Lab) -> dict[str, int]:
    """The flushes of each node's Felix since its start; -1: none yet."""
    return {node.name: int(calico_node.felix_status(lab.run(node)).get("flushes", -1)) for node in lab.all_nodes}


def wait_until_flushed(lab: Lab, since: dict[str, int], within_s: float = 5.0) -> bool:
    """Waits until each node's Felix has flushed again after the counts `since`. False: one did not in time."""
    deadline = time.monotonic() + within_s
    while any(count == since[name] for name, count in flush_counts(lab).items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def wait_until_converged(lab: Lab, within_s: float = 15.0) -> bool:
    """Waits until all intents are applied on all nodes and nothing changes any more. False: not in time."""

    async def node_converges(node: LabNode) -> bool:
        async with NodeWatcher(lab.run(node)) as watcher:
            last: list[object] = []
            since = 0.0

            def quiet(view: NodeView) -> bool:
                nonlocal last, since
                now = [view.intents, view.statuses]
                if now != last or view.unheard or view.unapplied():
                    last, since = now, time.monotonic()
                return time.monotonic() - since > QUIET_S

            return await watcher.until(quiet, within_s)

    async def all_nodes() -> list[bool]:
        return await asyncio.gather(*(node_converges(node) for node in lab.all_nodes))

    return all(asyncio.run(all_nodes()))
