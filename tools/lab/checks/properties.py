"""What must hold on a running lab, each with its measured figure."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from tools.lab import kube
from tools.lab.apiserver.resources import resource_by_kind
from tools.lab.checks.policy_verdicts import PingEnd, PolicyVerdicts
from tools.lab.felix.apiwatch import WORDS, name_of
from tools.lab.felix.parsing import Objects
from tools.lab.objects import Key, Object, key_of
from tools.lab.state import Lab, LabPod
from tools.lab.topology import LAN4, OUTSIDE6, lan_netns
from tools.lab.traffic import pings
from tools.node.view import NodeView
from tools.node.watcher import look_at_node

PING_S_MAX = 3.0
SILENCE_S = 0.5
GREEN, RED, PLAIN = "\x1b[32m", "\x1b[1;31m", "\x1b[0m"


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
    """Every pod reaches every pod that policies let it reach, and no other; IPv4 and IPv6. Raises kube.ApiFailed."""
    verdicts = PolicyVerdicts(_felix_objects(lab), [node.name for node in lab.all_nodes], lab.calico_version)
    for a, b in permutations(sorted(lab.pods.values(), key=lambda p: p.key), 2):
        where = "same node" if a.node == b.node else "across"
        judged = [
            (target, verdicts.of_ping(_ping_end(a, source), _ping_end(b, target)))
            for source, target in ((a.ip4, b.ip4), (a.ip6, b.ip6))
        ]
        denied = {target: verdict.decided_by for target, verdict in judged if not verdict.allowed}
        allowed = [(a.netns, address) for address in (b.ip4, b.ip6) if address not in denied]
        if allowed:
            yield ping_result(f"{a.key} reaches {b.key} ({where})", allowed)
        if denied:
            yield _silence_result(f"{a.key} does not reach {b.key}", a.netns, denied)


def _ping_end(pod: LabPod, address: str) -> PingEnd:
    return PingEnd(f"node{pod.node}", f"{pod.namespace}/{pod.name}", address)


def _felix_objects(lab: Lab) -> Objects:
    """What Felix calculates from, as the API server has it now."""
    objects: dict[str, dict[Key, Object]] = {}
    for word in WORDS:
        if resource := resource_by_kind(word):
            objects[name_of(resource)] = {key_of(body): body for body in kube.list_objects(lab, word)}
    return objects


def ping_result(name: str, pairs: list[tuple[str, str]]) -> CheckResult:
    """All of these pings are answered; the figure is the slowest."""
    started, failed = time.monotonic(), []
    for netns, target in pairs:
        if pings.ping(netns, target, PING_S_MAX) is None:
            failed.append(target)
    took_ms = (time.monotonic() - started) * 1000
    figure = f"no answer from {', '.join(failed)}" if failed else f"{len(pairs)} of {len(pairs)}, {took_ms:.0f} ms"
    return CheckResult(name, not failed, figure)


def _silence_result(name: str, netns: str, denied: Mapping[str, str]) -> CheckResult:
    """None of these pings is answered; `denied`: address -> whose policy denies it."""
    answered = [address for address in denied if pings.ping(netns, address, SILENCE_S) is not None]
    policies = ", ".join(sorted(set(denied.values())))
    figure = f"answer from {', '.join(answered)}, denied by {policies}" if answered else f"denied by {policies}"
    return CheckResult(name, not answered, figure)


def as_line(result: CheckResult, width: int = 80, *, colour: bool = False) -> str:
    """A result on one line of a narrow terminal; a long figure goes on below. `colour`: the mark is green or red."""
    mark = "ok  " if result.ok else "FAIL"
    text = f"{mark} {result.name}"
    gap = width - len(text) - len(result.figure)
    line = f"{text}{' ' * gap}{result.figure}" if gap >= 2 else f"{text}\n       {result.figure}"
    return f"{GREEN if result.ok else RED}{mark}{PLAIN}{line[len(mark) :]}" if colour else line
