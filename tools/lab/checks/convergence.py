"""Edge: when a change in Kubernetes has come all the way: told by Felix, decided, and held by VPP, on every node."""

import asyncio
import time

from tools.lab.cluster import calico_node
from tools.lab.state import Lab
from tools.lab.topology import Node
from tools.node.view import NodeView
from tools.node.watcher import Watcher

QUIET_S = 0.4  # nothing changes for so long: no process waits longer before it passes on what it heard


def flushes(lab: Lab) -> dict[str, int]:
    """How many flushes each node's Felix has made in its life; -1: it has said nothing yet."""
    return {node.name: int(calico_node.look(lab.run(node)).get("flushes", -1)) for node in lab.all_nodes}


def flushed(lab: Lab, since: dict[str, int], within_s: float = 5.0) -> bool:
    """Waits until each node's Felix has told what changed after `since` was looked up. False: one did not in time."""
    deadline = time.monotonic() + within_s
    while any(count == since[name] for name, count in flushes(lab).items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def settled(lab: Lab, within_s: float = 15.0) -> bool:
    """Waits until all intents are applied on all nodes and nothing changes any more. False: not in time."""

    async def one(node: Node) -> bool:
        async with Watcher(lab.run(node)) as watcher:
            seen: list[object] = []
            since = 0.0

            def quiet(view: NodeView) -> bool:
                nonlocal seen, since
                now = [view.intents, view.statuses]
                if now != seen or view.unheard or view.unapplied():
                    seen, since = now, time.monotonic()
                return time.monotonic() - since > QUIET_S

            return await watcher.until(quiet, within_s)

    async def every() -> list[bool]:
        return await asyncio.gather(*(one(node) for node in lab.all_nodes))

    return all(asyncio.run(every()))
