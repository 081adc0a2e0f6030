"""Pods are made, carry bytes, and are gone."""

import asyncio
import time

from tools.lab import linux
from tools.lab.checks.properties import Result, look_all
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.traffic import transfers

TRANSFER_BYTES = 20_000_000


def four_pods(lab: Lab) -> list[Result]:
    """Two pods a node, by the call that Calico's plugin makes."""
    results = []
    for node in lab.all_nodes:
        for letter in "ab":
            started = time.monotonic()
            pod = pods.add(lab, f"{letter}{node.number}", node.name)
            took_ms = (time.monotonic() - started) * 1000
            results.append(Result(f"pod {pod.name} on {node.name}", True, f"{pod.ip4}, {pod.ip6}, {took_ms:.0f} ms"))
    return results


def tcp_transfer(lab: Lab, size: int = TRANSFER_BYTES) -> Result:
    """Bytes over TCP across nodes arrive as they were sent."""
    a, b = lab.pods["a1"], lab.pods["b2"]
    done = transfers.transfer(a.netns, b.netns, b.ip4, size)
    figure = f"{done.bytes / 1e6:.0f} MB in {done.seconds:.2f} s, {done.mbit_s:.0f} Mbit/s, SHA-256 "
    return Result("20 MB over TCP across nodes", done.same, figure + ("equal" if done.same else "DIFFERS"))


def delete_pods(lab: Lab) -> Result:
    """After the pods' deletion neither the bus nor Linux has anything of them."""
    gone = sorted(lab.pods.values(), key=lambda pod: pod.key)
    for pod in gone:
        pods.delete(lab, pod.key)
    views = asyncio.run(look_all(lab))
    marks = [mark for pod in gone for mark in (f"/{pod.namespace}/{pod.name}", f"/{pod.ip4}/32", f"/{pod.ip6}/128")]
    keys = [key for view in views.values() for key in {*view.intents, *view.statuses}]
    named = [key for key in keys if any(mark in key for mark in marks)]
    records = [str(path) for node in lab.all_nodes for path in lab.run(node).parent.glob("state/cni/pods/*")]
    rest = [*named, *linux.namespaces(f"{lab.name}-pod-"), *records]
    return Result("deleted pods leave nothing", not rest, f"{len(gone)} deleted" if not rest else f"left: {rest[:3]}")
