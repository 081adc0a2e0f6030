"""Service addresses in BGP, as another node's gobgpd has learnt them."""

import pytest

from tests.lab.services.conftest import (
    ADDRESSES,
    APPEARS_S_MAX,
    BACKENDS,
    EXTERNAL4,
    EXTERNAL6,
    RANGES,
    SPACE,
    Shop,
    learnt,
)
from tests.waiting import until
from tools.lab import kube


@pytest.mark.usefixtures("ranges")
def test_a_local_service_is_advertised_by_the_nodes_that_have_a_ready_backend(shop: Shop) -> None:
    def advertised() -> tuple[set[str], set[str]]:
        """What each node advertises to the other one: of node1, of node2."""
        relevant = set(ADDRESSES) | set(RANGES)
        return learnt(shop.lab, "node2", "node1") & relevant, learnt(shop.lab, "node1", "node2") & relevant

    def becomes(of_node1: set[str], of_node2: set[str]) -> None:
        until(
            lambda: advertised() == (of_node1, of_node2), f"({of_node1}, {of_node2}), not {advertised()}", APPEARS_S_MAX
        )

    ranges_only, with_addresses = set(RANGES), set(RANGES) | set(ADDRESSES)
    becomes(ranges_only, ranges_only)
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6], externalTrafficPolicy="Local", type="NodePort")
    becomes(with_addresses, with_addresses)
    on_node1 = [f"{SPACE}/{name}" for name, node in BACKENDS.items() if node == "node1"]
    kube.set_ready(shop.lab, on_node1[0], False)
    kube.set_ready(shop.lab, on_node1[1], False)
    becomes(ranges_only, with_addresses)
    kube.set_ready(shop.lab, on_node1[1], True)
    becomes(with_addresses, with_addresses)
    shop.undo()
    becomes(ranges_only, ranges_only)


@pytest.mark.usefixtures("ranges")
def test_a_cluster_service_is_advertised_by_its_range_alone(shop: Shop) -> None:
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6])
    shop.answers("outside", EXTERNAL4, 8080)
    until(lambda: set(RANGES) <= learnt(shop.lab, "node2", "node1"), "the ranges are learnt", APPEARS_S_MAX)
    assert not learnt(shop.lab, "node2", "node1") & set(ADDRESSES)
