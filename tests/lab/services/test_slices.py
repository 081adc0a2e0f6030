"""EndpointSlices as they are while pods end: an address twice, endpoints that serve and terminate."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.lab.services.conftest import ADDRESSES, APPEARS_S_MAX, EXTERNAL4, EXTERNAL6, OUTSIDE, SPACE, Shop, learnt
from tests.waiting import until
from tools.lab import kube, linux
from tools.lab.topology import lan_netns

CLIENT = f"{SPACE}/client1"
FLOWS, SHARE_MIN = 300, 105  # of 150 expected for each of two; 105 is more than five standard deviations below
TERMINATING = {"ready": False, "serving": True, "terminating": True}
FETCH = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=3)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""
each_family = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])


def health(shop: Shop, node: str, port: int) -> tuple[int, int] | str:
    """(status, endpoints of the node), asked from outside as a load balancer does; else what went wrong."""
    url = f"http://{shop.lab.node(node).ip4}:{port}/"
    line = linux.netns_command(lan_netns(shop.lab.name), sys.executable, "-c", FETCH, url)
    completed = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    if completed.returncode:
        return completed.stderr.strip().rpartition("\n")[2]
    status, _, body = completed.stdout.partition(" ")
    return int(status), int(json.loads(body)["localEndpoints"])


def answered_by(shop: Shop, address: str, backends: set[str]) -> None:
    until(
        lambda: set(shop.count_answers(CLIENT, address, 8080)) == backends,
        lambda: f"{address} is answered by {backends}, not {shop.count_answers(CLIENT, address, 8080)}",
        APPEARS_S_MAX,
    )


@each_family
@pytest.mark.parametrize("in_one_slice", [True, False], ids=["one slice", "two slices"])
def test_an_address_that_is_there_twice_is_judged_by_readiness_and_has_one_share(
    shop: Shop, in_one_slice: bool, family: int
) -> None:
    address = shop.serve(selector={})["clusterIPs"][family]
    other, ending, ready = (
        shop.endpoint("web2", family, ready=True),
        shop.endpoint("web1", family, **TERMINATING),
        shop.endpoint("web1", family, ready=True) | {"nodeName": None},
    )
    again = shop.endpoint("web1", family, ready=True)
    if in_one_slice:
        shop.slice_by_hand("one", "web", family, ending, ready, other, again)
    else:
        shop.slice_by_hand("one", "web", family, ending, other, again)
        shop.slice_by_hand("two", "web", family, ready)
    backends = {f"{SPACE}/web1", f"{SPACE}/web2"}
    answered_by(shop, address, backends)
    counts = shop.count_answers(CLIENT, address, 8080, times=FLOWS)
    assert set(counts) == backends, counts
    assert min(counts.values()) > SHARE_MIN, counts


def test_of_two_services_with_one_address_the_one_with_ready_endpoints_has_it(shop: Shop) -> None:
    for name in ("a-old", "b-new"):
        shop.serve(name, selector={}, externalIPs=[EXTERNAL4])
    shop.slice_by_hand("old", "a-old", 0, shop.endpoint("web1", 0, ready=True))
    shop.slice_by_hand("new", "b-new", 0, shop.endpoint("web2", 0, ready=True))
    answered_by(shop, EXTERNAL4, {f"{SPACE}/web1"})
    shop.slice_by_hand("old", "a-old", 0, shop.endpoint("web1", 0, **TERMINATING))
    answered_by(shop, EXTERNAL4, {f"{SPACE}/web2"})
    shop.slice_by_hand("new", "b-new", 0, shop.endpoint("web2", 0, **TERMINATING))
    answered_by(shop, EXTERNAL4, {f"{SPACE}/web1"})


@pytest.mark.usefixtures("ranges")
def test_a_local_service_whose_last_pod_terminates_serves_on_unhealthy_and_withdrawn(shop: Shop) -> None:
    local: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    port = shop.serve("lb", selector={}, **local)["healthCheckNodePort"]
    kube.set_ingress(shop.lab, SPACE, "lb", EXTERNAL4, EXTERNAL6)

    def becomes(answer: tuple[int, int], advertised: set[str]) -> None:
        def state() -> tuple[Any, ...]:
            return health(shop, "node1", port), learnt(shop.lab, "node2", "node1") & set(ADDRESSES)

        until(lambda: state() == (answer, advertised), lambda: f"{(answer, advertised)}, not {state()}", APPEARS_S_MAX)

    def pods_are(*conditions: dict[str, bool]) -> None:
        """The conditions of web1 in IPv4 and in IPv6; web3 of the other node is ready."""
        for family, flags in enumerate(conditions):
            endpoints = shop.endpoint("web1", family, **flags), shop.endpoint("web3", family, ready=True)
            shop.slice_by_hand(f"lb-{family}", "lb", family, *endpoints)

    pods_are({"ready": True}, {"ready": True})
    becomes((200, 1), set(ADDRESSES))
    pods_are(TERMINATING, {"ready": True})
    becomes((200, 1), {f"{EXTERNAL6}/128"})
    pods_are(TERMINATING, TERMINATING)
    becomes((503, 0), set())
    for external in (EXTERNAL4, EXTERNAL6):
        shop.answers(OUTSIDE, external, 8080)
        assert set(shop.count_answers(OUTSIDE, external, 8080)) == {f"{SPACE}/web1"}
    pods_are({"ready": True}, {"ready": True})
    becomes((200, 1), set(ADDRESSES))
