"""Pods that come, go and come again under policies; flows that were there before a policy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.policies import truth
from tests.lab.policies.conftest import World
from tests.lab.policies.words import allow, block, deny, labelled, peer, policy, port, source, target
from tests.waiting import until
from tools.lab import kube, linux
from tools.lab.checks import convergence
from tools.lab.cluster import pods
from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.words import Probe
from tools.lab.traffic.loads import BackgroundLoad

OUTSIDE4 = "10.90.0.1"
TCP_80 = [("TCP", 80)]
FLOWS, USED_EVERY_S = 1000, 4.0
ISOLATED_X = policy("deny", "x", ingress=[])


def applied(world: World, *bodies: dict[str, object]) -> None:
    """Applies policies and waits until VPP holds them on all nodes."""
    since = convergence.flush_counts(world.lab)
    world.apply(*bodies)
    assert convergence.wait_until_flushed(world.lab, since)
    assert convergence.wait_until_converged(world.lab)


@contextmanager
def knocking(world: World, source_pod: str, address: str) -> Iterator[list[str]]:
    """Probes an address without a pause in the background; yields the outcomes other than silence."""
    answered: list[str] = []
    ending = threading.Event()

    def knock() -> None:
        while not ending.is_set():
            batch = [Probe("TCP", address, 80), Probe("UDP", address, 80), Probe("ICMP", address)]
            answers = world.agents.ask({source_pod: batch * 4}, quiet_ms=50)[source_pod]
            answered.extend(answer.outcome for answer in answers if answer.outcome != words.SILENT)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield answered
    finally:
        ending.set()
        thread.join()


def test_a_pod_that_starts_under_a_deny_has_no_open_window(world: World) -> None:
    """Somebody knocks at its address before, while and after it is made: its kernel would answer, or refuse."""
    applied(world, ISOLATED_X)
    address, node = world.lab.pods["x/c"].ip4, f"node{world.lab.pods['x/c'].node}"
    world.pod_is_deleted("x/c")
    try:
        with knocking(world, "y/a", address) as answered:
            for _ in range(4):
                world.add("x/c", node)
                assert world.lab.pods["x/c"].ip4 == address
                world.pod_is_deleted("x/c")
        assert set(answered) <= {words.UNREACHABLE}
    finally:
        world.again("x/c", node)


def test_a_pod_that_is_made_again_has_the_policies_of_its_labels_at_its_new_address(world: World) -> None:
    applied(world, policy("from-b", "x", labelled(pod="a"), ingress=[source(peer(pods=labelled(pod="b")))]))
    flows = truth.flows(world.lab, world.pods, TCP_80)
    expected = (deny(to="x/a"), allow("x/b", "x/a"))
    truth.until_as_expected(world.lab, world.agents, flows, expected)
    for key in ("x/a", "x/b"):
        for _there_and_back in range(2):
            world.again(key, f"node{3 - world.lab.pods[key].node}")
            flows = truth.flows(world.lab, world.pods, TCP_80)
            truth.until_as_expected(world.lab, world.agents, flows, expected, key)


def test_a_pod_with_an_isolated_pod_s_former_address_is_not_isolated(world: World) -> None:
    applied(world, policy("deny", "x", labelled(pod="a"), ingress=[], egress=[]))
    with heir_of(world, "x/a") as heir:
        flows = truth.flows(world.lab, [heir, "y/a", "y/b", "x/c"], TCP_80)
        truth.until_as_expected(world.lab, world.agents, flows, ())


def test_a_pod_with_an_allowed_client_s_former_address_is_not_allowed(world: World) -> None:
    applied(world, policy("from-b", "x", labelled(pod="a"), ingress=[source(peer(pods=labelled(pod="b")))]))
    with heir_of(world, "x/b") as heir:
        flows = truth.flows(world.lab, [heir, "x/a", "y/b"], TCP_80)
        truth.until_as_expected(world.lab, world.agents, flows, (deny(to="x/a"),))


@contextmanager
def heir_of(world: World, key: str) -> Iterator[str]:
    """Another pod, without labels, has the address of this one meanwhile; yields its key."""
    node = f"node{world.lab.pods[key].node}"
    world.again(key, node)  # now it has the first free address, which the next pod gets
    former = world.lab.pods[key]
    world.pod_is_deleted(key)
    try:
        heir = pods.add(world.lab, "heir", node, namespace=former.namespace)
        assert (heir.ip4, heir.ip6) == (former.ip4, former.ip6)
        world.agents.start({heir.key: heir.netns})
        yield heir.key
    finally:
        if "x/heir" in world.lab.pods:
            world.pod_is_deleted("x/heir")
        world.again(key, node)


def test_connections_that_stand_live_on_under_a_new_deny_and_new_ones_fail(world: World) -> None:
    to = [(world.lab.pods["x/a"].ip4, 80), (world.lab.pods["x/b"].ip6, 80)]
    with BackgroundLoad(
        world.lab.pods["y/a"].netns, to, rate=0.0, standing=FLOWS, exchange_every_s=USED_EVERY_S
    ) as load:
        until(lambda: len(established(world)) >= FLOWS, f"{FLOWS} connections stand")
        applied(world, policy("deny", "x", ingress=[], egress=[]))
        flows = truth.flows(world.lab, world.pods, TCP_80)
        truth.until_as_expected(world.lab, world.agents, flows, (deny(to="x/*"), deny("x/*")))
        used_until_s = load.age_s + USED_EVERY_S + 1.0
        until(lambda: load.age_s > used_until_s, "each has been used once more")
    assert load.report.standing == FLOWS
    assert load.report.broken == []
    assert load.report.exchanges >= 2 * FLOWS


def established(world: World) -> list[str]:
    """Connections of y/a that stand."""
    line = linux.run(*linux.netns_command(world.lab.pods["y/a"].netns, "ss", "-Htn", "state", "established"))
    return line.splitlines()


def test_policies_decide_on_the_backend_behind_a_service(world: World) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "y"},
        "spec": {"selector": {"pod": "b"}, "ports": [{"port": 8080, "targetPort": 81}]},
    }
    address = world.apply(body)[0]["spec"]["clusterIP"]
    probe = Probe("TCP", address, 8080)
    until(lambda: world.agents.probe("x/a", probe).by == "y/b", "the service answers")
    applied(world, policy("egress", "x", egress=[target(ports=[port(8080)])]))
    until(lambda: world.agents.probe("x/a", probe).outcome == words.SILENT, "the service's port is not what counts")
    applied(world, policy("egress", "x", egress=[target(ports=[port(81)])]))
    until(lambda: world.agents.probe("x/a", probe).by == "y/b", "the backend's port is")
    applied(world, policy("ingress", "y", ingress=[source(peer(namespaces=labelled(ns="z")))]))
    until(lambda: world.agents.probe("x/a", probe).outcome == words.SILENT, "x may not enter y")
    assert world.agents.probe("z/a", probe).by == "y/b"


def test_an_address_block_is_seen_from_outside_through_a_node_port_with_policy_local(world: World) -> None:
    outside = OUTSIDE4
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "open", "namespace": "x"},
        "spec": {
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "selector": {"pod": "a"},
            "ports": [{"port": 80}],
        },
    }
    number = world.apply(body)[0]["spec"]["ports"][0]["nodePort"]
    node = world.lab.node(f"node{world.lab.pods['x/a'].node}")
    probe = Probe("TCP", str(node.ip4), number)
    until(lambda: world.agents.probe("outside", probe).seen_address == outside, "x/a sees who is outside")
    applied(world, policy("block", "x", labelled(pod="a"), ingress=[source(block(f"{outside}/32"))]))
    flows = truth.flows(world.lab, world.pods, TCP_80)
    truth.until_as_expected(world.lab, world.agents, flows, (deny(to="x/a"),))
    assert world.agents.probe("outside", probe).by == "x/a"
    applied(world, policy("block", "x", labelled(pod="a"), ingress=[source(block("10.90.0.0/24", f"{outside}/32"))]))
    until(lambda: world.agents.probe("outside", probe).outcome == words.SILENT, "the host outside is excepted")


@pytest.mark.parametrize("port_of", [1, 2], ids=["a node with the backend", "a node without it"])
def test_through_a_node_port_with_policy_cluster_an_address_block_sees_who_is_outside_only_where_the_backend_is(
    world: World, port_of: int
) -> None:
    """The other node gives the connection its own address, and an address block with that is what lets it in."""
    backend = world.lab.pods["x/a"]
    near, far = (world.lab.node(f"node{number}") for number in (backend.node, 3 - backend.node))
    entered, client_ip = (near, OUTSIDE4) if port_of == 1 else (far, str(far.ip4))
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "open", "namespace": "x"},
        "spec": {"type": "NodePort", "selector": {"pod": "a"}, "ports": [{"port": 80}]},
    }
    number = world.apply(body)[0]["spec"]["ports"][0]["nodePort"]
    probe = Probe("TCP", str(entered.ip4), number)
    until(lambda: world.agents.probe("outside", probe).seen_address == client_ip, f"x/a sees {client_ip}")
    for allowed in (OUTSIDE4, str(far.ip4)):
        applied(world, policy("block", "x", labelled(pod="a"), ingress=[source(block(f"{allowed}/32"))]))
        outcome = words.ANSWERED if allowed == client_ip else words.SILENT
        until(lambda o=outcome: world.agents.probe("outside", probe).outcome == o, f"from {allowed} alone: {outcome}")


def test_the_pods_of_a_stateful_set_that_restarts_keep_their_policies_at_each_other_s_addresses(world: World) -> None:
    """Ordinal by ordinal from the last, as its controller does; the pods exchange their addresses meanwhile."""
    names = ["set-0", "set-1"]
    keys = [f"x/{name}" for name in names]

    def add(name: str) -> None:
        labels = {"app": "set", "statefulset.kubernetes.io/pod-name": name}
        pods.add(world.lab, name, "node1", namespace="x", labels=labels)
        world.agents.start({f"x/{name}": world.lab.pods[f"x/{name}"].netns})

    chosen = labelled(**{"statefulset.kubernetes.io/pod-name": "set-0"})
    first = policy("first", "x", labelled(app="set"), ingress=[source(peer(pods=chosen))])
    try:
        for name in names:
            add(name)
        applied(world, first)
        former = [world.lab.pods[key].ip4 for key in keys]
        expected = (deny(to="x/set-*"), allow("x/set-0", "x/set-1"), deny("x/a", "x/set-*"))
        among = [*keys, "x/a", "y/b"]
        truth.until_as_expected(world.lab, world.agents, truth.flows(world.lab, among, TCP_80), expected)
        for name in reversed(names):
            world.pod_is_deleted(f"x/{name}")
        for name in reversed(names):
            add(name)
        assert [world.lab.pods[key].ip4 for key in keys] == former[::-1]
        truth.until_as_expected(world.lab, world.agents, truth.flows(world.lab, among, TCP_80), expected)
    finally:
        for key in keys:
            if key in world.lab.pods:
                world.pod_is_deleted(key)


def test_a_node_reaches_its_own_pods_whatever_policies_say_as_its_kubelet_must(world: World) -> None:
    applied(world, policy("deny", "x", ingress=[], egress=[]))
    for key in ("x/a", "x/b", "x/c"):
        pod = world.lab.pods[key]
        netns = world.lab.node(f"node{pod.node}").netns
        with BackgroundLoad(netns, [(pod.ip4, 80), (pod.ip6, 80)], rate=20) as load:
            until(lambda key=key: not world.agents.probe("y/a", Probe("TCP", world.lab.pods[key].ip4, 80)).ok, "denied")
        assert (load.report.failed, load.report.ok > 0) == ([], True), key


def test_a_pod_is_not_an_endpoint_of_policies_by_its_namespace_s_other_labels(world: World) -> None:
    """A namespace that is labelled while its pods run: the labels reach them as selectors of namespaces alone."""
    applied(world, policy("labelled", "x", labelled(team="one"), ingress=[]))
    kube.label(world.lab, "namespaces", "", "x", team="one")
    try:
        assert convergence.wait_until_converged(world.lab)
        flows = truth.flows(world.lab, world.pods, TCP_80)
        truth.until_as_expected(world.lab, world.agents, flows, ())
    finally:
        kube.label(world.lab, "namespaces", "", "x", team=None)
