"""The text and JSON of `vppd lab status`: nodes, processes, sessions, services, policies, pods."""

from collections.abc import Iterator

from tools.lab.cluster import calico_node, supervisor
from tools.lab.state import Lab
from tools.lab.topology import LabNode
from tools.node.view import NodeView

WIDTH = 80
LINES_MAX = 5


def as_json(lab: Lab, views: dict[str, NodeView]) -> dict[str, object]:
    """The status as JSON values."""
    return {
        "lab": lab.name,
        "vpp": lab.vpp,
        "api": lab.api_url,
        "pods": [{"name": p.key, "node": f"node{p.node}", "ip4": p.ip4, "ip6": p.ip6} for p in lab.pods.values()],
        "nodes": {node.name: _node_json(lab, node, views[node.name]) for node in lab.all_nodes},
    }


def _node_json(lab: Lab, node: LabNode, view: NodeView) -> dict[str, object]:
    return {
        "epoch": view.epoch.epoch if view.epoch else None,
        "unready": view.unready(),
        "unapplied": view.unapplied(),
        "problems": view.problems(),
        "settings_without_effect": view.without_effect(),
        "intents": len(view.intents),
        "services": len(view.services),
        "bgp": {address: peer.state for address, peer in view.peers.items()},
        "felix": calico_node.felix_status(lab.run(node)),
    }


def lines(lab: Lab, views: dict[str, NodeView]) -> Iterator[str]:
    """The text, for a terminal of 80 columns."""
    yield f"lab {lab.name}: {lab.nodes} nodes, API server {lab.api_url}"
    yield f"VPP is {lab.vpp}"
    for node in lab.all_nodes:
        yield from _node(lab, node, views[node.name])


def _node(lab: Lab, node: LabNode, view: NodeView) -> Iterator[str]:
    up = sum(peer.state == "established" for peer in view.peers.values())
    epoch = view.epoch.epoch if view.epoch and view.epoch.connected else "-"
    yield ""
    yield f"{node.name}  {node.ip4}  {node.ip6}  epoch {epoch}, {up}/{len(view.peers)} BGP sessions"
    for name, process in sorted(view.processes.items()):
        if not name.startswith("tool-"):
            yield _process(name, process.pid, view.state_of(name))
    pid = supervisor.pid_of(lab, node, "gobgpd")
    yield _process("gobgpd", pid, "runs" if pid else "does not run")
    yield _felix(lab, node)
    yield f"  intents: {len(view.intents)}, not applied: {len(view.unapplied())}"
    yield from (f"    {text}"[:WIDTH] for text in view.unapplied()[:LINES_MAX])
    backends = sum(service.backends for service in view.services.values())
    yield f"  services: {len(view.services)}, {backends} backends; with problems: {len(view.problems())}"
    yield from (f"    {text}"[:WIDTH] for text in view.problems()[:LINES_MAX])
    yield from (f"  setting {text}"[:WIDTH] for text in view.without_effect()[:LINES_MAX])
    for pod in sorted(lab.pods.values(), key=lambda pod: pod.key):
        if pod.node == node.number:
            yield f"  pod {pod.key:<20} {pod.ip4:<15} {pod.ip6}"


def _process(name: str, pid: int, word: str) -> str:
    return f"  {name:<12} {pid:>7}  {word[:56]}"


def _felix(lab: Lab, node: LabNode) -> str:
    pid, status = supervisor.pid_of(lab, node, calico_node.PROGRAM), calico_node.felix_status(lab.run(node))
    if not pid:
        return _process(calico_node.PROGRAM, 0, "does not run")
    counts = status.get("wanted", {})
    counted = ", ".join(
        f"{counts.get(what, 0)} {what.replace('_', ' ')}" for what in ("policies", "ip_sets", "workloads")
    )
    in_sync = status.get("in_sync") and status.get("pid") == pid
    return _process(calico_node.PROGRAM, pid, f"in sync: {counted}" if in_sync else "not in sync")
