"""Pods are made, carry bytes, and are gone."""

import asyncio
import time

from tools.lab import linux
from tools.lab.checks.properties import CheckResult, look_at_nodes
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.traffic import transfers

TRANSFER_BYTES = 20_000_000


def four_pods(lab: Lab) -> list[CheckResult]:
    """Two pods a node, by the call that Calico's plugin makes."""
    results = []
    for node in lab.all_nodes:
        for letter in "ab":
            started = time.monotonic()
            pod = pods.add(lab, f"{letter}{node.number}", node.name)
            took_ms = (time.monotonic() - started) * 1000
            results.append(
                CheckResult(f"pod {pod.name} on {node.name}", True, f"{pod.ip4}, {pod.ip6}, {took_ms:.0f} ms")
            )
    return results


def tcp_transfer(lab: Lab, size: int = TRANSFER_BYTES) -> CheckResult:
    """Bytes over TCP across nodes arrive as they were sent."""
    a, b = lab.pods["a1"], lab.pods["b2"]
    transfer = transfers.transfer(a.netns, b.netns, b.ip4, size)
    figure = f"{transfer.bytes / 1e6:.0f} MB in {transfer.seconds:.2f} s, {transfer.mbit_s:.0f} Mbit/s, SHA-256 "
    return CheckResult(
        "20 MB over TCP across nodes", transfer.intact, figure + ("equal" if transfer.intact else "DIFFERS")
    )


def delete_pods(lab: Lab) -> CheckResult:
    """After the pods' deletion neither the bus nor Linux has anything of them."""
    deleted = sorted(lab.pods.values(), key=lambda pod: pod.key)
    for pod in deleted:
        pods.delete(lab, pod.key)
    views = asyncio.run(look_at_nodes(lab))
    marks = [mark for pod in deleted for mark in (f"/{pod.namespace}/{pod.name}", f"/{pod.ip4}/32", f"/{pod.ip6}/128")]
    keys = [key for view in views.values() for key in {*view.intents, *view.statuses}]
    bus_keys = [key for key in keys if any(mark in key for mark in marks)]
    records = [str(path) for node in lab.all_nodes for path in lab.run(node).parent.glob("state/cni/pods/*")]
    remnants = [*bus_keys, *linux.namespaces(f"{lab.name}-pod-"), *records]
    return CheckResult(
        "deleted pods leave nothing",
        not remnants,
        f"{len(deleted)} deleted" if not remnants else f"left: {remnants[:3]}",
    )
