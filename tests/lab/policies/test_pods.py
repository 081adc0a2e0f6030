"""Pods that come, go and come again under policies; flows that were there before a policy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.conftest import until
from tests.lab.policies import truth
from tests.lab.policies.conftest import World
from tests.lab.policies.words import allow, block, deny, labelled, peer, policy, port, source, target
from tools.lab import host, kube, pods, settled
from tools.lab.agent import words
from tools.lab.agent.words import Probe
from tools.lab.loading import Loading

TCP_80 = [("TCP", 80)]
ISOLATED_X = policy("deny", "x", ingress=[])


def applied(world: World, *bodies: dict[str, object]) -> None:
    """Applies policies and waits until VPP holds them on all nodes."""
    since = settled.flushes(world.lab)
    world.apply(*bodies)
    assert settled.flushed(world.lab, since)
    assert settled.settled(world.lab)


@contextmanager
def knocking(world: World, source_pod: str, address: str) -> Iterator[list[str]]:
    """Probes an address without a pause in the background; yields the outcomes other than silence."""
    answered: list[str] = []
    ended = threading.Event()

    def knock() -> None:
        while not ended.is_set():
            batch = [Probe("TCP", address, 80), Probe("UDP", address, 80), Probe("ICMP", address)]
            answers = world.agents.ask({source_pod: batch * 4}, quiet_ms=50)[source_pod]
            answered.extend(answer.outcome for answer in answers if answer.outcome != words.SILENT)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield answered
    finally:
        ended.set()
        thread.join()


def test_a_pod_that_starts_under_a_deny_has_no_open_window(world: World) -> None:
    """Somebody knocks at its address before, while and after it is made: its kernel would answer, or refuse."""
    applied(world, ISOLATED_X)
    address, node = world.lab.pods["x/c"].ip4, f"node{world.lab.pods['x/c'].node}"
    world.gone("x/c")
    try:
        with knocking(world, "y/a", address) as answered:
            for _ in range(4):
                world.add("x/c", node)
                assert world.lab.pods["x/c"].ip4 == address
                world.gone("x/c")
        assert set(answered) <= {words.UNREACHABLE}
    finally:
        world.again("x/c", node)


def test_a_pod_that_is_made_again_has_the_policies_of_its_labels_at_its_new_address(world: World) -> None:
    applied(world, policy("from-b", "x", labelled(pod="a"), ingress=[source(peer(pods=labelled(pod="b")))]))
    tried = truth.flows(world.lab, world.pods, TCP_80)
    expected = (deny(to="x/a"), allow("x/b", "x/a"))
    assert not truth.comes_true(world.lab, world.agents, tried, expected)
    for key, node in (("x/a", "node2"), ("x/b", "node1")):
        before = world.lab.pods[key]
        world.again(key, node if f"node{before.node}" != node else "node1")
        tried = truth.flows(world.lab, world.pods, TCP_80)
        assert not truth.comes_true(world.lab, world.agents, tried, expected), key


def test_a_pod_with_an_isolated_pod_s_former_address_is_not_isolated(world: World) -> None:
    applied(world, policy("deny", "x", labelled(pod="a"), ingress=[], egress=[]))
    with heir_of(world, "x/a") as heir:
        tried = truth.flows(world.lab, [heir, "y/a", "y/b", "x/c"], TCP_80)
        assert not truth.comes_true(world.lab, world.agents, tried, ())


def test_a_pod_with_an_allowed_client_s_former_address_is_not_allowed(world: World) -> None:
    applied(world, policy("from-b", "x", labelled(pod="a"), ingress=[source(peer(pods=labelled(pod="b")))]))
    with heir_of(world, "x/b") as heir:
        tried = truth.flows(world.lab, [heir, "x/a", "y/b"], TCP_80)
        assert not truth.comes_true(world.lab, world.agents, tried, (deny(to="x/a"),))


@contextmanager
def heir_of(world: World, key: str) -> Iterator[str]:
    """Another pod, without labels, has the address of this one meanwhile; yields its key."""
    node = f"node{world.lab.pods[key].node}"
    world.again(key, node)  # now it has the first free address, which the next pod gets
    former = world.lab.pods[key]
    world.gone(key)
    try:
        heir = pods.add(world.lab, "heir", node, namespace=former.namespace)
        assert (heir.ip4, heir.ip6) == (former.ip4, former.ip6)
        world.agents.start({heir.key: heir.netns})
        yield heir.key
    finally:
        if "x/heir" in world.lab.pods:
            world.gone("x/heir")
        world.again(key, node)


def test_connections_that_stand_live_on_under_a_new_deny_and_new_ones_fail(world: World) -> None:
    to = [(world.lab.pods["x/a"].ip4, 80), (world.lab.pods["x/b"].ip6, 80)]
    with Loading(world.lab.pods["y/a"].netns, to, rate=0.2, held=100) as load:
        until(lambda: len(established(world)) >= 100, "100 connections stand")
        applied(world, policy("deny", "x", ingress=[], egress=[]))
        tried = truth.flows(world.lab, world.pods, TCP_80)
        assert not truth.comes_true(world.lab, world.agents, tried, (deny(to="x/*"), deny("x/*")))
    assert load.account.held == 100
    assert load.account.broken == []
    assert load.account.exchanges > 100


def established(world: World) -> list[str]:
    """Connections of y/a that stand."""
    line = host.run(*host.inside(world.lab.pods["y/a"].netns, "ss", "-Htn", "state", "established"))
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
    outside = "10.90.0.1"
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
    until(lambda: world.agents.probe("outside", probe).seen == outside, "x/a sees who is outside")
    applied(world, policy("block", "x", labelled(pod="a"), ingress=[source(block(f"{outside}/32"))]))
    tried = truth.flows(world.lab, world.pods, TCP_80)
    assert not truth.comes_true(world.lab, world.agents, tried, (deny(to="x/a"),))
    assert world.agents.probe("outside", probe).by == "x/a"
    applied(world, policy("block", "x", labelled(pod="a"), ingress=[source(block("10.90.0.0/24", f"{outside}/32"))]))
    until(lambda: world.agents.probe("outside", probe).outcome == words.SILENT, "the host outside is excepted")


def test_a_node_reaches_its_own_pods_whatever_policies_say_as_its_kubelet_must(world: World) -> None:
    applied(world, policy("deny", "x", ingress=[], egress=[]))
    for key in ("x/a", "x/b", "x/c"):
        pod = world.lab.pods[key]
        netns = world.lab.node(f"node{pod.node}").netns
        with Loading(netns, [(pod.ip4, 80), (pod.ip6, 80)], rate=20) as load:
            until(lambda key=key: not world.agents.probe("y/a", Probe("TCP", world.lab.pods[key].ip4, 80)).ok, "denied")
        assert (load.account.failed, load.account.ok > 0) == ([], True), key


def test_a_pod_is_not_an_endpoint_of_policies_by_its_namespace_s_other_labels(world: World) -> None:
    """A namespace that is labelled while its pods run: the labels reach them as selectors of namespaces alone."""
    applied(world, policy("labelled", "x", labelled(team="one"), ingress=[]))
    kube.label(world.lab, "namespaces", "", "x", team="one")
    try:
        assert settled.settled(world.lab)
        tried = truth.flows(world.lab, world.pods, TCP_80)
        assert not truth.comes_true(world.lab, world.agents, tried, ())
    finally:
        kube.label(world.lab, "namespaces", "", "x", team=None)
