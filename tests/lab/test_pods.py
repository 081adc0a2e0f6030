"""Pods come and go by the call that Calico's CNI plugin makes."""

import asyncio
from pathlib import Path

import pytest

from tests.lab.conftest import vppd
from tests.waiting import until
from tools.lab import linux, state
from tools.lab.checks.properties import look_at_nodes
from tools.lab.cluster import pods
from tools.lab.state import Lab, LabPod, NoLab
from tools.lab.traffic import pings


def mentions(lab: Lab, pod: LabPod) -> list[str]:
    """Intents and statuses on the node's bus that speak of the pod."""
    view = asyncio.run(look_at_nodes(lab))[f"node{pod.node}"]
    marks = (f"default/{pod.name}", f"/{pod.ip4}/32", f"/{pod.ip6}/128")
    return [key for key in {*view.intents, *view.statuses} if any(mark in key for mark in marks)]


def records(lab: Lab, pod: LabPod) -> list[Path]:
    """The CNI server's records that name the pod."""
    state_directory = lab.run(lab.node(f"node{pod.node}")).parent / "state"
    return [path for path in state_directory.rglob("*.pod") if pod.netns.encode() in path.read_bytes()]


def test_a_deleted_pod_leaves_nothing(lab: Lab) -> None:
    pod = pods.add(lab, "gone", "node1")
    assert mentions(lab, pod) != []
    assert records(lab, pod) != []
    assert pings.ping(lab.pods["b2"].netns, pod.ip4, 3.0) is not None
    pods.delete(lab, "gone")
    until(lambda: not mentions(lab, pod), "the bus forgets the pod")
    assert records(lab, pod) == []
    assert linux.namespaces(pod.netns) == []
    assert pings.ping(lab.pods["b2"].netns, pod.ip4, 0.5) is None


def test_a_pod_whose_namespace_has_vanished_leaves_nothing_after_a_del_that_does_not_name_it(lab: Lab) -> None:
    pod = pods.add(lab, "vanished", "node1")
    linux.end_processes(linux.pids_in(pod.netns), 0.5)
    linux.ip(f"netns del {pod.netns}")
    try:
        assert pods.call_del(lab, pod, names_namespace=False).successful
        until(lambda: not mentions(lab, pod), "VPP and the bus forget the pod")
        assert records(lab, pod) == []
        again = pods.add(lab, "again", "node1")
        assert again.ip4 != pod.ip4
    finally:
        pods.delete(lab, "vanished")
        pods.delete(lab, "again")


def test_a_del_takes_the_interface_out_of_a_living_namespace(lab: Lab) -> None:
    pod = pods.add(lab, "stay", "node1")
    try:
        assert "eth0" in linux.ip("-o link", pod.netns)
        assert pods.call_del(lab, pod).successful
        assert "eth0" not in linux.ip("-o link", pod.netns)
        assert pods.call_del(lab, pod).successful, "a second DEL finds nothing and is content"
    finally:
        pods.delete(lab, "stay")


def test_an_add_that_is_said_again_changes_nothing(lab: Lab) -> None:
    pod = pods.add(lab, "twice", "node2")
    try:
        before = linux.ip("-o addr show eth0", pod.netns)
        assert pods.call_add(lab, pod).successful
        assert linux.ip("-o addr show eth0", pod.netns) == before
    finally:
        pods.delete(lab, "twice")


def test_a_pod_of_a_node_that_is_not_there_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(NoLab, match="no node node9; there are node1, node2"):
        pods.add(lab, "lost", "node9")
    assert "lost" not in state.load(lab.name).pods


def test_the_console_command_adds_lists_enters_and_deletes_a_pod(lab: Lab) -> None:
    added = vppd("lab", "pod", "add", "web", "--node", "node2", "--name", lab.name)
    assert added.returncode == 0, added.stderr
    pod = state.load(lab.name).pods["web"]
    assert pod.ip4 in added.stdout
    listed = vppd("lab", "status", "--name", lab.name)
    assert f"pod web                  {pod.ip4}" in listed.stdout
    entered = vppd("lab", "pod", "exec", "--name", lab.name, "web", "--", "ip", "-o", "-4", "addr", "show", "eth0")
    assert f"{pod.ip4}/32" in entered.stdout, entered.stderr
    refused = vppd("lab", "pod", "add", "web", "--node", "node2", "--name", lab.name)
    assert refused.returncode == 1
    assert "pod web is there already, on node2" in refused.stderr
    deleted = vppd("lab", "pod", "del", "web", "--name", lab.name)
    assert deleted.returncode == 0, deleted.stderr
    assert "web" not in state.load(lab.name).pods
    assert linux.namespaces(pod.netns) == []
