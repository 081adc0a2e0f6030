"""What must work on a node that says it is well: its processes answer, packets go, and a change comes to VPP."""

import asyncio
import os
from collections.abc import Iterator

from bus.peer import BusPeer
from bus.requester import BusAskFailed
from schemas.requests import PingRequest
from tests.lab import observer
from tests.lab.disturbances.kinds import PROCESSES, DisturbedNode
from tools.lab import kube
from tools.lab.traffic import pings
from tools.node.view import NodeView

CANARY = {"app": "canary"}
ASK_S = 5.0


def looks_well(view: NodeView) -> bool:
    """Does the node say that all is well?"""
    heard = view.processes and not view.unheard and view.epoch is not None and view.epoch.connected
    return bool(heard) and not view.unready() and not view.unapplied()


async def unanswered(world: DisturbedNode) -> list[str]:
    """Processes that do not answer a ping."""
    silent = []
    async with BusPeer(f"tool-probe-{os.getpid()}", world.run / "bus") as peer:
        for name in PROCESSES:
            if name != "bus":
                try:
                    await peer.ask(name, PingRequest(), ASK_S)
                except BusAskFailed as failed:
                    silent.append(f"{name}: {failed}")
    return silent


def move_canary(world: DisturbedNode) -> str:
    """Gives a Service another port. Returns how VPP is to know it."""
    port = world.chance.randint(1000, 60_000)
    spec = {"selector": CANARY, "ports": [{"port": port, "protocol": "TCP", "targetPort": 80}]}
    meta = {"name": "canary", "namespace": "default"}
    (body,) = kube.apply(world.lab, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    return f"{body['spec']['clusterIP']}:{port} "


def vpp_holds(world: DisturbedNode, translation: str) -> bool:
    """Has the change come to VPP?"""
    return any(translation in line for line in observer.objects(world.lab, world.node)["translations"])


def failures(world: DisturbedNode) -> Iterator[str]:
    """What does not work of what must."""
    yield from asyncio.run(unanswered(world))
    a, b = world.lab.pods["a1"], world.lab.pods["b1"]
    for target in (b.ip4, b.ip6, str(world.node.ip4)):
        if pings.ping(a.netns, target, ASK_S) is None:
            yield f"a1 does not reach {target}"
