"""Hints of EndpointSlices: a node uses the endpoints that are meant for it, if the hints are whole."""

import pytest

from schemas.facts import NodeFact, SliceEndpoint
from tests.unit.services.worlds import EXTERNAL, NEIGHBOUR, VIP, cluster, endpoint, service, slice_of, translations

NODES = {"n1": NodeFact(ip4="192.0.2.1/24", labels={"topology.kubernetes.io/zone": "a"}), "n2": NEIGHBOUR}
HERE = endpoint("10.0.0.1", "n1", zone_hints=("a",))
NEAR = endpoint("10.0.0.2", "n2", zone_hints=("a", "b"))
FAR = endpoint("10.0.0.3", "n2", zone_hints=("b",))
WITHOUT = endpoint("10.0.0.4", "n2")
ENDING = endpoint("10.0.0.5", "n1", ready=False, serving=True, terminating=True)


def used(*endpoints: SliceEndpoint, nodes: dict[str, NodeFact] = NODES) -> set[str]:
    """The last digits of the addresses behind the cluster's address."""
    backends = translations(cluster(service(), slice_of(*endpoints), nodes=nodes))[VIP, 80, 6]
    return {address.rpartition(".")[2] for address, _ in backends}


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((HERE, NEAR, FAR), {"1", "2"}),  # those for the node's zone
        ((FAR,), {"3"}),  # none is for it: all
        ((HERE, FAR, WITHOUT), {"1", "3", "4"}),  # one has no hint: they do not count
        ((HERE, FAR, ENDING), {"1"}),  # one that is on its way out needs none
    ],
)
def test_endpoints_are_those_for_the_node_s_zone(endpoints: tuple[SliceEndpoint, ...], expected: set[str]) -> None:
    assert used(*endpoints) == expected


def test_endpoints_for_the_node_come_before_those_for_its_zone() -> None:
    own = endpoint("10.0.0.6", "n1", zone_hints=("a",), node_hints=("n1",))
    other = endpoint("10.0.0.7", "n2", zone_hints=("a",), node_hints=("n2",))
    assert used(own, other) == {"6"}
    assert used(other, endpoint("10.0.0.8", "n2", zone_hints=("b",), node_hints=("n2",))) == {"7"}
    assert used(own, other, HERE) == {"1", "6", "7"}, "not all have a node's hint: the zone's count"


def test_a_node_without_a_zone_uses_all() -> None:
    assert used(HERE, FAR, nodes={"n1": NodeFact(ip4="192.0.2.1/24"), "n2": NEIGHBOUR}) == {"1", "3"}


def test_hints_do_not_matter_where_the_policy_is_local() -> None:
    local = cluster(
        service(internal_local=True, external_local=True, external_ips=(EXTERNAL,)),
        slice_of(endpoint("10.0.0.9", "n1", zone_hints=("b",)), HERE),
        nodes=NODES,
    )
    assert {vip: len(backends) for (vip, _, _), backends in translations(local).items()} == {VIP: 2, EXTERNAL: 2}
