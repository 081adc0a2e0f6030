"""What must hold on a running lab, each with its measured figure."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from tools.lab.state import Lab
from tools.lab.topology import LAN4, OUTSIDE6, lan_netns
from tools.lab.traffic import pings
from tools.node.view import NodeView
from tools.node.watcher import look_at_node

PING_S_MAX = 3.0


@dataclass(frozen=True)
class CheckResult:
    """One property: does it hold, and the figure that shows it."""

    name: str
    ok: bool
    figure: str


def check_lab(lab: Lab) -> list[CheckResult]:
    """All properties."""
    views = asyncio.run(look_at_nodes(lab))
    results = [r for node in lab.all_nodes for r in node_results(lab, node.name, views[node.name])]
    return [*results, *host_pings(lab), *pod_pings(lab)]


async def look_at_nodes(lab: Lab) -> dict[str, NodeView]:
    """A look at every node's bus."""
    views = await asyncio.gather(*(look_at_node(lab.run(node)) for node in lab.all_nodes))
    return {node.name: view for node, view in zip(lab.all_nodes, views, strict=True)}


def node_results(lab: Lab, name: str, view: NodeView) -> Iterator[CheckResult]:
    """Processes, BGP sessions, intents of one node."""
    unready = view.unready()
    yield CheckResult(
        f"{name}: processes ready", not unready, "; ".join(unready) or f"{len(view.processes)} on the bus"
    )
    expected = 2 * (lab.nodes - 1)
    up = [p for p in view.peers.values() if p.state == "established"]
    yield CheckResult(f"{name}: BGP established", len(up) == expected, f"{len(up)} of {expected} sessions")
    unapplied = view.unapplied()
    figure = "; ".join(unapplied[:2]) or f"{len(view.intents)} applied, epoch {view.epoch.epoch if view.epoch else 0}"
    yield CheckResult(f"{name}: intents applied", bool(view.intents) and not unapplied, figure)


def host_pings(lab: Lab) -> Iterator[CheckResult]:
    """Nodes' own addresses and the host outside reach each other."""
    lan = lan_netns(lab.name)
    for node in lab.all_nodes:
        peers = [other for other in lab.all_nodes if other != node]
        targets = [str(LAN4[1]), str(OUTSIDE6), *(str(a) for other in peers for a in (other.ip4, other.ip6))]
        yield ping_result(f"{node.name} reaches outside and nodes", [(node.netns, target) for target in targets])
        yield ping_result(f"outside reaches {node.name}", [(lan, str(node.ip4)), (lan, str(node.ip6))])


def pod_pings(lab: Lab) -> Iterator[CheckResult]:
    """Every pod reaches every pod, IPv4 and IPv6."""
    for a, b in permutations(sorted(lab.pods.values(), key=lambda p: p.key), 2):
        where = "same node" if a.node == b.node else "across"
        yield ping_result(f"{a.key} reaches {b.key} ({where})", [(a.netns, b.ip4), (a.netns, b.ip6)])


def ping_result(name: str, pairs: list[tuple[str, str]]) -> CheckResult:
    """All of these pings are answered; the figure is the slowest."""
    started, failed = time.monotonic(), []
    slowest = 0.0
    for netns, target in pairs:
        took = pings.ping(netns, target, PING_S_MAX)
        if took is None:
            failed.append(target)
        else:
            slowest = max(slowest, took)
    took_ms = (time.monotonic() - started) * 1000
    figure = f"no answer from {', '.join(failed)}" if failed else f"{len(pairs)} of {len(pairs)}, {took_ms:.0f} ms"
    return CheckResult(name, not failed, figure)


def as_line(result: CheckResult, width: int = 80) -> str:
    """A result on one line of a narrow terminal; a long figure goes on below."""
    mark = "ok  " if result.ok else "FAIL"
    text = f"{mark} {result.name}"
    if len(text) + len(result.figure) + 2 <= width:
        return f"{text}{' ' * (width - len(text) - len(result.figure))}{result.figure}"
    return f"{text}\n       {result.figure}"
