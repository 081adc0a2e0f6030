"""Backends and clients of services over two nodes, the nodes themselves, and the host outside; an agent in each."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.conftest import gobgp
from tests.lab.pod_world import PodWorld, made_world, undone
from tests.waiting import until
from tools.lab import kube, linux
from tools.lab.checks import convergence
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.topology import lan_netns
from tools.lab.traffic.agent.words import Probe, ProbeAnswer
from tools.lab.traffic.agents import Agents

SPACE = "shop"
BACKENDS = {"web1": "node1", "web2": "node1", "web3": "node2"}
CLIENTS = {"client1": "node1", "client2": "node2"}
PORTS = (80, 81)
OUTSIDE = "outside"
EXTERNAL4, EXTERNAL6 = "10.97.0.10", "fd97::10"  # the host outside has routes to these through node1
RANGES = ("10.97.0.0/24", "fd97::/64")
ADDRESSES = (f"{EXTERNAL4}/32", f"{EXTERNAL6}/128")
PROTOCOLS = ("TCP", "UDP")
APPEARS_S_MAX = 10.0


class Shop(PodWorld):
    """The pods, their agents, and a service at a time."""

    def __init__(self, lab: Lab, agents: Agents) -> None:
        super().__init__(lab, agents)
        self.backends = [f"{SPACE}/{name}" for name in BACKENDS]

    def make(self) -> None:
        """Makes namespace, pods, agents, routes of the host outside."""
        kube.create_namespace(self.lab, SPACE)
        for name, node in (BACKENDS | CLIENTS).items():
            labels = {"app": "web"} if name in BACKENDS else {}
            pods.add(self.lab, name, node, namespace=SPACE, labels=labels)
        where = {f"{SPACE}/{name}": self.lab.pods[f"{SPACE}/{name}"].netns for name in BACKENDS | CLIENTS}
        where |= {node.name: node.netns for node in self.lab.all_nodes}
        self.agents.start(where | {OUTSIDE: lan_netns(self.lab.name)}, PORTS)
        node1 = self.lab.all_nodes[0]
        for prefix, via in zip(RANGES, (node1.ip4, node1.ip6), strict=True):
            linux.ip(f"route replace {prefix} via {via}", lan_netns(self.lab.name))

    def remove(self) -> None:
        """Removes all that `make` made."""
        for prefix in RANGES:
            linux.run("ip", "-n", lan_netns(self.lab.name), "route", "flush", "root", prefix)
        self.delete_pods(f"{SPACE}/{name}" for name in BACKENDS | CLIENTS)
        kube.delete(self.lab, "Namespace", "", SPACE)

    def serve(self, name: str = "web", *, port: int = 8080, target: int = 80, **spec: Any) -> dict[str, Any]:
        """A dual-stack service of the backends, TCP and UDP; returns its spec as it is stored."""
        listed = [{"name": p.lower(), "protocol": p, "port": port, "targetPort": target} for p in PROTOCOLS]
        fields: dict[str, Any] = {"selector": {"app": "web"}, "ports": listed, "ipFamilyPolicy": "RequireDualStack"}
        meta = {"name": name, "namespace": SPACE}
        stored = self.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": fields | spec})
        return dict(stored[0]["spec"])

    def endpoint(self, name: str, family: int, **fields: Any) -> dict[str, Any]:
        """A backend as an endpoint of a slice; `fields` are conditions, or more of it."""
        pod, node = self.lab.pods[f"{SPACE}/{name}"], BACKENDS[name]
        reference = {"kind": "Pod", "namespace": SPACE, "name": name}
        return {
            "addresses": [(pod.ip4, pod.ip6)[family]],
            "nodeName": node,
            "targetRef": reference,
            "conditions": fields,
        }

    def slice_by_hand(self, name: str, service: str, family: int, *endpoints: dict[str, Any]) -> None:
        """Endpoints of a service that has no selector, TCP and UDP on port 80."""
        labels = {"kubernetes.io/service-name": service}
        body = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": SPACE, "labels": labels},
            "addressType": ("IPv4", "IPv6")[family],
            "ports": [{"name": p.lower(), "protocol": p, "port": 80} for p in PROTOCOLS],
            "endpoints": list(endpoints),
        }
        self.apply(body)

    def undo(self) -> None:
        """No services, all backends ready; VPP holds nothing of the last one, whose addresses the next may have."""
        super().undo()
        for key in self.backends:
            kube.set_ready(self.lab, key, True)
        assert convergence.wait_until_converged(self.lab)

    def ask(self, client: str, address: str, port: int, protocol: str = "TCP", times: int = 1) -> list[ProbeAnswer]:
        """The answers to so many new flows."""
        return self.agents.ask({client: [Probe(protocol, address, port)] * times})[client]

    def count_answers(
        self, client: str, address: str, port: int, protocol: str = "TCP", times: int = 100
    ) -> Counter[str]:
        """Answers by backend; flows without an answer by their outcome."""
        return Counter(answer.answerer_or_outcome for answer in self.ask(client, address, port, protocol, times))

    def backends_of(self, client: str, address: str, protocol: str) -> list[str]:
        """The backends that answer a few flows to port 8080."""
        return [answer.by for answer in self.ask(client, address, 8080, protocol, 10) if answer.ok]

    def answers(self, client: str, address: str, port: int, protocol: str = "TCP") -> None:
        """Waits until the service is there: many flows are answered without a miss."""
        flows = (client, address, port, protocol, 10)
        until(
            lambda: all(answer.ok for answer in self.ask(*flows)),
            lambda: f"{client} is answered by {address} port {port} {protocol}: {self.count_answers(*flows)}",
            APPEARS_S_MAX,
        )

    def source_seen(self, client: str, address: str, port: int, protocol: str = "TCP") -> dict[str, set[str]]:
        """Backend -> the addresses that it saw the client with."""
        sources: dict[str, set[str]] = {}
        for answer in self.ask(client, address, port, protocol, 60):
            sources.setdefault(answer.answerer_or_outcome, set()).add(answer.seen_address)
        return sources


@pytest.fixture(scope="package")
def pods_and_agents(lab: Lab) -> Iterator[Shop]:
    """Made once."""
    with made_world(Shop, lab) as shop:
        yield shop


@pytest.fixture
def shop(pods_and_agents: Shop) -> Iterator[Shop]:
    """Without services before and after each test."""
    with undone(pods_and_agents) as shop:
        yield shop


def learnt(lab: Lab, by: str, of: str) -> set[str]:
    """The prefixes of which `by`'s gobgpd has a path through `of`."""
    peer = lab.node(of)
    families = {"ipv4": peer.ip4, "ipv6": peer.ip6}
    return {
        prefix
        for family, address in families.items()
        for prefix in gobgp(lab, by, "neighbor", str(address), "adj-in", "-a", family) or {}
    }


@pytest.fixture
def ranges(shop: Shop) -> Iterator[None]:
    """External addresses of services may be advertised."""
    spec = {"serviceExternalIPs": [{"cidr": cidr} for cidr in RANGES]}
    kube.patch(shop.lab, "BGPConfiguration", "", "default", {"spec": spec})
    try:
        yield
    finally:
        kube.patch(shop.lab, "BGPConfiguration", "", "default", {"spec": {"serviceExternalIPs": None}})
    until(lambda: not learnt(shop.lab, "node2", "node1") & set(RANGES), "the ranges are withdrawn", APPEARS_S_MAX)
