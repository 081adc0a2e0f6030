"""Host endpoints, the way from pods to their own host, and pods in the host's network."""

from collections.abc import Iterator

import pytest

from tests.lab.policies.conftest import World
from tests.lab.policies.words import Object, calico, rule, thing
from tests.waiting import until
from tools.lab import kube
from tools.lab.checks import convergence
from tools.lab.cluster import pods
from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.words import Probe, ProbeAnswer

GLOBAL = "GlobalNetworkPolicy"
HOST = {"role": "host"}
FAILSAFE, PORT, OTHER_PORT = 6443, 80, 81  # 6443 is a failsafe port of Calico's defaults, in both directions
POD_OF_NODE1, POD_OF_NODE2 = "x/a", "x/b"


class Hosts:
    """The nodes as hosts, with an agent each."""

    def __init__(self, world: World) -> None:
        self.world, self.lab = world, world.lab

    def probe(self, source: str, node: str, port: int = PORT, protocol: str = words.TCP) -> ProbeAnswer:
        """A probe of a node's own address."""
        return self.world.agents.probe(source, Probe(protocol, str(self.lab.node(node).ip4), port), 300)

    def becomes(self, expected: dict[tuple[str, str, int], bool]) -> None:
        """Waits until (source, node, port) is answered or silent as told."""

        def outcomes() -> dict[tuple[str, str, int], bool]:
            return {key: self.probe(*key).outcome != words.SILENT for key in expected}

        until(lambda: outcomes() == expected, f"{expected}, not {outcomes()}", 10.0)


@pytest.fixture
def hosts(world: World) -> Iterator[Hosts]:
    """Agents on the nodes, for the time of a test; the failsafe port is served too."""
    names = {node.name: node.netns for node in world.lab.all_nodes}
    world.agents.start(names, (PORT, OTHER_PORT, FAILSAFE))
    try:
        yield Hosts(world)
    finally:
        world.agents.stop(*names)


def endpoint(name: str = "node1-all", **spec: object) -> Object:
    """A host endpoint of node1: all its interfaces, unless told otherwise."""
    return thing("HostEndpoint", name, labels=HOST, **({"node": "node1", "interfaceName": "*"} | spec))


def on_hosts(name: str, *rules: Object, **spec: object) -> Object:
    """A policy on ingress of host endpoints."""
    return calico(GLOBAL, name, selector="role == 'host'", ingress=list(rules), **spec)


OPEN = {("outside", "node1", PORT): True, ("node2", "node1", PORT): True, (POD_OF_NODE2, "node1", PORT): True}
CLOSED = dict.fromkeys(OPEN, False)


def test_a_host_endpoint_without_policies_denies_all_but_failsafe_ports(hosts: Hosts) -> None:
    hosts.becomes(OPEN)
    hosts.world.apply(endpoint())
    hosts.becomes(CLOSED | {("outside", "node1", FAILSAFE): True, ("outside", "node2", PORT): True})
    kube.delete(hosts.lab, "HostEndpoint", "", "node1-all")
    hosts.becomes(OPEN)


def test_policies_open_ports_of_a_host_endpoint(hosts: Hosts) -> None:
    from_outside = {"nets": ["10.90.0.1/32"]}
    ports = {"ports": [PORT]}
    hosts.world.apply(endpoint(), on_hosts("web", rule("Allow", "TCP", source=from_outside, destination=ports)))
    hosts.becomes({("outside", "node1", PORT): True, ("node2", "node1", PORT): False})
    hosts.becomes({("outside", "node1", OTHER_PORT): False, ("outside", "node1", FAILSAFE): True})


def test_egress_of_a_host_endpoint_is_decided_apart_from_its_ingress(hosts: Hosts) -> None:
    rules = [rule("Deny", "TCP", destination={"ports": [PORT]}), rule("Allow")]
    hosts.world.apply(
        endpoint(), calico(GLOBAL, "out", selector="role == 'host'", ingress=[rule("Allow")], egress=rules)
    )
    hosts.becomes(
        {("node1", "node2", PORT): False, ("node1", "node2", OTHER_PORT): True, ("outside", "node1", PORT): True}
    )


@pytest.mark.parametrize(
    "spec",
    [{"interfaceName": "eth0"}, {"interfaceName": "", "expectedIPs": ["10.90.0.11"]}],
    ids=["by its interface's name", "by an expected address"],
)
def test_a_host_endpoint_is_found(hosts: Hosts, spec: dict[str, object]) -> None:
    hosts.world.apply(endpoint(**spec))
    hosts.becomes(CLOSED)


def test_a_host_endpoint_of_an_interface_that_is_not_there_changes_nothing(hosts: Hosts) -> None:
    hosts.world.apply(endpoint(interfaceName="eth7", expectedIPs=["10.90.0.11"]))
    assert convergence.wait_until_converged(hosts.lab)
    hosts.becomes(OPEN)


def test_a_host_endpoint_that_changes_its_interface_leaves_one_and_closes_the_other(hosts: Hosts) -> None:
    hosts.world.apply(endpoint(interfaceName="eth7"))
    assert convergence.wait_until_converged(hosts.lab)
    hosts.becomes(OPEN)
    hosts.world.apply(endpoint(interfaceName="eth0"))
    hosts.becomes(CLOSED | {("outside", "node1", FAILSAFE): True})
    hosts.world.apply(endpoint(interfaceName="eth7"))
    hosts.becomes(OPEN)


def test_of_two_host_endpoints_the_one_with_a_name_beats_the_one_for_all(hosts: Hosts) -> None:
    hosts.world.apply(
        endpoint(),
        thing("HostEndpoint", "node1-eth0", labels={"role": "edge"}, node="node1", interfaceName="eth0"),
        on_hosts("host", rule("Allow", "TCP", destination={"ports": [PORT]})),
        calico(
            GLOBAL,
            "edge",
            selector="role == 'edge'",
            ingress=[rule("Allow", "TCP", destination={"ports": [OTHER_PORT]})],
        ),
    )
    hosts.becomes({("outside", "node1", PORT): False, ("outside", "node1", OTHER_PORT): True})
    kube.delete(hosts.lab, "HostEndpoint", "", "node1-eth0")
    hosts.becomes({("outside", "node1", PORT): True, ("outside", "node1", OTHER_PORT): False})


def test_a_policy_on_forward_denies_what_goes_through_the_host_to_its_pods(hosts: Hosts) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"type": "NodePort", "selector": {"pod": "b"}, "ports": [{"port": 8080, "targetPort": OTHER_PORT}]},
    }
    number = hosts.world.apply(body)[0]["spec"]["ports"][0]["nodePort"]
    hosts.becomes({("outside", "node1", number): True})
    backend = {"ports": [OTHER_PORT]}
    rules = [rule("Deny", "TCP", destination=backend), rule("Allow")]
    hosts.world.apply(endpoint(), on_hosts("forward", *rules, applyOnForward=True))
    hosts.becomes({("outside", "node1", number): False, ("outside", "node1", PORT): True})


ACTIONS = [("Drop", False, False), ("Accept", True, True), ("Return", True, False)]


@pytest.mark.parametrize(("action", "without", "with_endpoint"), ACTIONS, ids=[one[0] for one in ACTIONS])
def test_a_pod_s_way_to_its_own_host_is_decided_by_default_endpoint_to_host_action(
    hosts: Hosts, action: str, without: bool, with_endpoint: bool
) -> None:
    """`without` a host endpoint, and with one that denies."""
    kube.patch(hosts.lab, "FelixConfiguration", "", "default", {"spec": {"defaultEndpointToHostAction": action}})
    try:
        hosts.becomes({(POD_OF_NODE1, "node1", PORT): without, (POD_OF_NODE2, "node1", PORT): True})
        hosts.world.apply(endpoint())
        hosts.becomes({(POD_OF_NODE1, "node1", PORT): with_endpoint, (POD_OF_NODE2, "node1", PORT): False})
    finally:
        kube.patch(hosts.lab, "FelixConfiguration", "", "default", {"spec": {"defaultEndpointToHostAction": None}})


def test_failsafe_ports_are_those_of_the_configuration(hosts: Hosts) -> None:
    hosts.world.apply(endpoint())
    ports = [{"protocol": "tcp", "port": PORT, "net": "10.90.0.1/32"}]
    ports += [{"protocol": "tcp", "port": number} for number in (179, 6443)]
    change = {"spec": {"failsafeInboundHostPorts": ports}}
    kube.patch(hosts.lab, "FelixConfiguration", "", "default", change)
    try:
        hosts.becomes({("outside", "node1", PORT): True, ("node2", "node1", PORT): False})
    finally:
        kube.patch(hosts.lab, "FelixConfiguration", "", "default", {"spec": {"failsafeInboundHostPorts": None}})
    hosts.becomes({("outside", "node1", PORT): False})


def test_a_pod_in_the_host_s_network_is_no_endpoint_of_policies(hosts: Hosts) -> None:
    """Neither as a target nor as a peer by its labels: it has the node's address, and the node's say."""
    pods.add(hosts.lab, "onhost", "node1", namespace="x", labels={"pod": "onhost"}, host_network=True)
    try:
        hosts.world.apply(
            calico("NetworkPolicy", "onhost", "x", selector="pod == 'onhost'", ingress=[], egress=[]),
            calico(
                "NetworkPolicy",
                "from",
                "x",
                selector="pod == 'b'",
                ingress=[rule("Allow", source={"selector": "pod == 'onhost'"})],
            ),
        )
        assert convergence.wait_until_converged(hosts.lab)
        hosts.becomes(OPEN)
        target = Probe(words.TCP, hosts.lab.pods[POD_OF_NODE2].ip4, PORT)
        until(lambda: hosts.world.agents.probe("node1", target).outcome == words.SILENT, "node1 is no peer by labels")
        hosts.world.apply(
            calico(
                "NetworkPolicy",
                "from",
                "x",
                selector="pod == 'b'",
                ingress=[rule("Allow", source={"nets": ["10.90.0.11/32"]})],
            )
        )
        until(lambda: hosts.world.agents.probe("node1", target).ok, "node1 is a peer by its address")
    finally:
        pods.delete(hosts.lab, "x/onhost")
