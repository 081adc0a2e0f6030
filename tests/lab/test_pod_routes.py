"""The host reaches pods through VPP even where its default route leads elsewhere."""

from collections.abc import Iterator

import pytest

from tests.iproute import ip, ip_json
from tests.waiting import until
from tools.lab import kube
from tools.lab.state import Lab
from tools.lab.topology import LAN4, OUTSIDE6, POOL4, POOL6
from tools.lab.traffic import pings

OTHER4 = "10.49.0.0/16"


@pytest.fixture
def elsewhere(lab: Lab) -> Iterator[str]:
    """The namespace of node1, whose default routes lead to another link."""
    netns = lab.node("node1").netns
    ip("link add elsewhere type veth peer name nowhere", netns=netns)
    try:
        ip("link set nowhere up", netns=netns)
        ip("addr add 203.0.113.1/24 dev elsewhere", netns=netns)
        ip("link set elsewhere up", netns=netns)
        for family in ("-4", "-6"):
            ip(f"{family} route del default dev eth0", netns=netns)
            ip(f"{family} route add default dev elsewhere", netns=netns)
        yield netns
    finally:
        ip("link del elsewhere", netns=netns)
        ip(f"route replace default via {LAN4[1]} dev eth0", netns=netns)
        ip(f"-6 route replace default via {OUTSIDE6} dev eth0 onlink", netns=netns)


@pytest.mark.parametrize("name", ["a1", "a2"])
def test_the_host_reaches_pods_of_its_node_and_of_others(lab: Lab, elsewhere: str, name: str) -> None:
    pod = lab.pods[name]
    for address in (pod.ip4, pod.ip6):
        until(lambda address=address: pings.ping(elsewhere, address, 1.0) is not None, f"{address} answers")


def test_a_route_to_a_pool_is_put_back_and_goes_with_the_pool(lab: Lab) -> None:
    netns = lab.node("node1").netns
    for family, pool in (("-4", POOL4), ("-6", POOL6)):
        ip(f"{family} route del {pool}", netns=netns)
        until(lambda family=family, pool=pool: ip(f"{family} route show {pool}", netns=netns), "it is put back")
    spec = {"cidr": OTHER4, "ipipMode": "Never", "vxlanMode": "Never", "disabled": True}
    body = {"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": "other"}, "spec": spec}
    try:
        kube.apply(lab, body)
        [route] = until(lambda: ip_json(f"route show {OTHER4}", netns=netns), "a disabled pool has one too")
        assert (route["dev"], route["metrics"]) == ("eth0", [{"mtu": 1440}])
    finally:
        kube.delete(lab, "IPPool", "", "other")
    until(lambda: not ip(f"route show {OTHER4}", netns=netns), "it goes with the pool")
