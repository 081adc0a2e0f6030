"""Host ports: from outside, from another node, from pods, from the pod itself; and who has a port that two want."""

from collections.abc import Iterator

import pytest

from tests.waiting import until
from tools.lab import kube
from tools.lab.cluster import pods
from tools.lab.state import ContainerPort, Lab
from tools.lab.topology import lan_netns
from tools.lab.traffic.agent.words import Probe
from tools.lab.traffic.agents import Agents

HOST_PORT, NODE_PORT = 8081, 30099
PORTS = tuple(ContainerPort(80, protocol, protocol.lower(), HOST_PORT) for protocol in ("TCP", "UDP"))
CLIENTS = ("outside", "node2", "b1", "b2", "published")


@pytest.fixture(scope="module")
def agents(lab: Lab) -> Iterator[Agents]:
    """A pod of node1 with host ports, and agents in it and in those that use them."""
    published = pods.add(lab, "published", "node1", ports=PORTS)
    where = {name: lab.pods[name].netns for name in ("b1", "b2")}
    where |= {"published": published.netns, "outside": lan_netns(lab.name), "node2": lab.node("node2").netns}
    try:
        with Agents(lab.directory / "agents") as agents:
            agents.start(where, (80,))
            yield agents
    finally:
        pods.delete(lab, "published")


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("client", CLIENTS)
def test_the_pod_answers_at_its_node_s_port(lab: Lab, agents: Agents, client: str, version: int, protocol: str) -> None:
    node = lab.node("node1")
    probe = Probe(protocol, str(node.ip4 if version == 4 else node.ip6), HOST_PORT)
    until(lambda: agents.ask({client: [probe]})[client][0].by == "published", "the pod answers")


def test_a_port_that_another_pod_has_is_refused_by_name_and_free_when_that_pod_has_gone(lab: Lab) -> None:
    ports = [ContainerPort(80, "TCP", "web", 8082)]
    pods.add(lab, "first", "node1", ports=ports)
    try:
        with pytest.raises(pods.PodFailed, match="host_port: 8082/TCP belongs to pod default/first/eth0"):
            pods.add(lab, "second", "node1", ports=ports)
    finally:
        pods.delete(lab, "first")
    pods.add(lab, "second", "node1", ports=ports)
    pods.delete(lab, "second")


def test_a_port_that_a_service_has_is_refused_by_name(lab: Lab, agents: Agents) -> None:
    pod = pods.add(lab, "behind", "node2", labels={"app": "behind"})
    spec = {
        "type": "NodePort",
        "selector": {"app": "behind"},
        "ports": [{"port": 80, "nodePort": NODE_PORT, "protocol": "TCP"}],
    }
    meta = {"name": "behind", "namespace": "default"}
    kube.apply(lab, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    try:
        agents.start({"behind": pod.netns}, (80,))
        probe = Probe("TCP", str(lab.node("node1").ip4), NODE_PORT)
        until(lambda: agents.ask({"outside": [probe]})["outside"][0].by == "behind", "the service answers")
        with pytest.raises(pods.PodFailed, match=r"owned by services \(a Service's node port has what this host port"):
            pods.add(lab, "wants", "node1", ports=[ContainerPort(80, "TCP", "web", NODE_PORT)])
    finally:
        agents.stop("behind")
        kube.delete(lab, "Service", "default", "behind")
        pods.delete(lab, "behind")
