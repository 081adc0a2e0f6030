"""Addresses that no pod has: who sends there is denied, also when a pod gets the address.

VPP asks policies of a flow's first packet alone (decision 24). These flows have begun before the pod was there, and
never pause.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.lab import observer
from tests.lab.policies import truth
from tests.lab.policies.conftest import World
from tests.lab.policies.words import deny, labelled, peer, policy, source
from tests.waiting import until
from tools.lab import linux
from tools.lab.cluster import pods
from tools.lab.topology import lan_netns
from tools.lab.traffic import pings
from tools.lab.traffic.denied import DeniedTraffic

LATE, NODE = "x/late", "node1"
NEIGHBOUR, FAR, FRIENDS = "y/b", "y/a", ("z/a", "z/b")
SOURCES = 3  # outside, the node itself, another node
REACHED_S_MAX = 10.0


def first_free_addresses(world: World) -> tuple[str, str]:
    """What the next pod of the node gets."""
    pod = pods.add(world.lab, "late", NODE, namespace="x")
    pods.delete(world.lab, LATE)
    return pod.ip4, pod.ip6


@pytest.fixture
def known_outside(world: World) -> Iterator[None]:
    """The host outside sends to the node's addresses by the node."""
    node, lan = world.lab.node(NODE), lan_netns(world.lab.name)
    ways = ((node.block4, node.ip4), (node.block6, node.ip6))
    for block, via in ways:
        linux.ip(f"route replace {block} via {via}", lan)
    try:
        yield
    finally:
        for block, _ in ways:
            linux.ip(f"route del {block}", lan)


def senders_to(world: World, address: str) -> set[str]:
    """Who sends there, by the sessions of the node's VPP."""
    with observer.client(world.lab, world.lab.node(NODE)) as api:
        tuples = [row.session.tuple for row in api.cnat_session_dump()]
    return {str(flow.addr[0]) for flow in tuples if str(flow.addr[1]) == address}


def test_a_denied_flow_that_began_before_its_pod_was_made_is_denied_when_it_is_there_and_there_again(
    world: World, known_outside: None
) -> None:
    world.apply(policy("friends", "x", ingress=[source(peer(namespaces=labelled(ns="z")))]))
    flows = truth.flows(world.lab, ["x/a", NEIGHBOUR, FAR, *FRIENDS], [("TCP", 80)])
    truth.until_as_expected(world.lab, world.agents, flows, (deny("y/*", "x/a"),))
    addresses = first_free_addresses(world)
    senders = [lan_netns(world.lab.name), *(world.lab.pods[key].netns for key in (NEIGHBOUR, FAR))]
    friends = [world.lab.pods[key].netns for key in FRIENDS]
    try:
        with DeniedTraffic(senders, addresses, (80, 81)) as denied:
            for address in addresses:
                until(
                    lambda a=address: len(senders_to(world, a)) >= SOURCES,
                    lambda a=address: f"{SOURCES} send to {a}, now {senders_to(world, a)}",
                )
            for _once_and_again in range(3):
                late = pods.add(world.lab, "late", NODE, namespace="x")
                assert (late.ip4, late.ip6) == addresses
                for netns, address in product(friends, addresses):
                    assert pings.ping(netns, address, REACHED_S_MAX) is not None, f"{netns} reaches {address}"
                pods.delete(world.lab, LATE)
    finally:
        if LATE in world.lab.pods:
            pods.delete(world.lab, LATE)
    assert denied.sent
    assert denied.let_through == []
