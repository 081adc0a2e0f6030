"""Pods as objects: what Kubernetes knows of them while they live, and that nothing of them stays."""

from typing import Any

import pytest

from tests.lab.conftest import vppd
from tests.waiting import until
from tools.cli.lab.pod import parse_port
from tools.lab import kube, linux, state
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.traffic import pings


def the_object(lab: Lab, namespace: str, name: str) -> dict[str, Any]:
    body = kube.get(lab, "pod", namespace, name)
    assert body is not None
    return body


def ready(body: dict[str, Any]) -> str:
    return {row["type"]: row["status"] for row in body["status"]["conditions"]}["Ready"]


def test_a_pod_s_object_has_its_labels_node_ports_addresses_and_readiness(lab: Lab) -> None:
    kube.create_namespace(lab, "shop", team="a")
    port = parse_port("http=8080/TCP")
    pod = pods.add(lab, "front", "node1", namespace="shop", labels={"app": "front"}, ports=[port], ready=False)
    try:
        body = the_object(lab, "shop", "front")
        assert body["metadata"]["labels"] == {"app": "front"}
        assert body["spec"]["nodeName"] == "node1"
        assert body["spec"]["containers"][0]["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
        assert [row["ip"] for row in body["status"]["podIPs"]] == [pod.ip4, pod.ip6]
        assert ready(body) == "False"
        kube.set_ready(lab, pod.key, ready=True)
        assert ready(the_object(lab, "shop", "front")) == "True"
    finally:
        pods.delete(lab, pod.key)
    assert kube.get(lab, "pod", "shop", "front") is None


def test_pods_of_one_name_in_two_namespaces_are_two_pods(lab: Lab) -> None:
    kube.create_namespace(lab, "shop")
    first, second = pods.add(lab, "same", "node1"), pods.add(lab, "same", "node2", namespace="shop")
    try:
        assert (first.key, second.key) == ("same", "shop/same")
        assert pings.ping(first.netns, second.ip4, 5.0) is not None
        entered = vppd("lab", "pod", "exec", "--name", lab.name, "shop/same", "--", "ip", "-o", "-4", "addr")
        assert second.ip4 in entered.stdout
    finally:
        for pod in (first, second):
            pods.delete(lab, pod.key)


def test_a_pod_in_the_host_s_network_has_the_node_s_addresses_and_namespace(lab: Lab) -> None:
    node = lab.all_nodes[1]
    pod = pods.add(lab, "agent", "node2", host_network=True, labels={"app": "agent"})
    try:
        assert (pod.netns, pod.ip4, pod.ip6) == (node.netns, str(node.ip4), str(node.ip6))
        assert the_object(lab, "default", "agent")["spec"]["hostNetwork"] is True
    finally:
        pods.delete(lab, "agent")
    assert node.netns in linux.namespaces(lab.name)


def test_a_pod_of_a_namespace_that_is_not_there_is_refused_and_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(kube.ApiFailed, match='"nowhere" not found'):
        pods.add(lab, "lost", "node1", namespace="nowhere")
    assert "nowhere/lost" not in state.load(lab.name).pods
    assert linux.namespaces(f"{lab.name}-pod-nowhere") == []


def test_the_slices_of_a_service_follow_its_pods(lab: Lab) -> None:
    meta = {"name": "web", "namespace": "default"}
    spec = {"selector": {"app": "slices"}, "ports": [{"port": 80}], "ipFamilyPolicy": "RequireDualStack"}
    kube.apply(lab, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    pod = pods.add(lab, "backend", "node1", labels={"app": "slices"})

    def addresses() -> list[str]:
        slices = kube.list_objects(lab, "endpointslices", "default", labels="kubernetes.io/service-name=web")
        return sorted(ip for piece in slices for row in piece["endpoints"] for ip in row["addresses"])

    try:
        assert addresses() == sorted([pod.ip4, pod.ip6])
    finally:
        pods.delete(lab, "backend")
        kube.delete(lab, "service", "default", "web")
    until(lambda: addresses() == [], "no slice is left")


def test_the_console_command_makes_a_pod_with_namespace_labels_and_ports(lab: Lab) -> None:
    kube.create_namespace(lab, "shop")
    words = [
        "--node",
        "node1",
        "--namespace",
        "shop",
        "--label",
        "app=web",
        "--port",
        "http=80/TCP",
        "--port",
        "53/UDP",
    ]
    completed = vppd("lab", "pod", "add", "cli", *words, "--name", lab.name)
    assert completed.returncode == 0, completed.stderr
    body = the_object(lab, "shop", "cli")
    assert body["metadata"]["labels"] == {"app": "web"}
    assert [row["containerPort"] for row in body["spec"]["containers"][0]["ports"]] == [80, 53]
    assert vppd("lab", "pod", "del", "shop/cli", "--name", lab.name).returncode == 0
    wrong = vppd("lab", "pod", "add", "cli", "--node", "node1", "--port", "80/ICMP", "--name", lab.name)
    assert wrong.returncode == 2
    assert "--port" in wrong.stderr
