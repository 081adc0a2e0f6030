"""Backends come and go: new flows go to those that are there, flows of those that stay live on."""

from collections import Counter

import pytest

from tests.lab.services.conftest import APPEARS_S_MAX, PROTOCOLS, SPACE, Shop
from tests.waiting import until
from tools.lab import kube
from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.words import Probe
from tools.lab.traffic.loads import BackgroundLoad

CLIENT = f"{SPACE}/client1"
GOES = f"{SPACE}/web3"
STANDING = 24
each_family = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])


def shares(shop: Shop, address: str, backends: set[str], protocol: str = "TCP") -> Counter[str]:
    """Waits until exactly these backends answer."""
    counts: Counter[str] = Counter()

    def exactly() -> bool:
        nonlocal counts
        counts = shop.count_answers(CLIENT, address, 8080, protocol)
        return set(counts) == backends

    until(exactly, f"{address} is answered by {backends}, not {counts}", APPEARS_S_MAX)
    return counts


@each_family
def test_a_backend_that_is_not_ready_gets_no_new_flow_and_the_others_flows_live_on(shop: Shop, family: int) -> None:
    address = shop.serve()["clusterIPs"][family]
    stay = set(shop.backends) - {GOES}
    shop.answers(CLIENT, address, 8080)
    with BackgroundLoad(shop.lab.pods[CLIENT].netns, [(address, 8080)], rate=20, standing=STANDING) as load:
        shares(shop, address, set(shop.backends))
        kube.set_ready(shop.lab, GOES, False)
        shares(shop, address, stay)
        kube.set_ready(shop.lab, GOES, True)
        shares(shop, address, set(shop.backends))
    report = load.report
    assert {failure.by for failure in (*report.broken, *report.failed)} <= {GOES, ""}
    assert len(report.broken) < STANDING, "connections to the backends that stay are held"
    assert report.ok > report.opened * 0.9


@each_family
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_backends_nothing_answers_and_with_the_first_one_back_it_does(
    shop: Shop, protocol: str, family: int
) -> None:
    address = shop.serve()["clusterIPs"][family]
    shop.answers(CLIENT, address, 8080, protocol)
    for key in shop.backends:
        kube.set_ready(shop.lab, key, False)
    until(lambda: not any(shop.backends_of(CLIENT, address, protocol)), "nothing answers", APPEARS_S_MAX)
    kube.set_ready(shop.lab, GOES, True)
    shop.answers(CLIENT, address, 8080, protocol)
    assert set(shop.count_answers(CLIENT, address, 8080, protocol)) == {GOES}


@each_family
def test_a_udp_client_that_never_stops_sending_is_answered_again(shop: Shop, family: int) -> None:
    """One flow, the same ports throughout: what VPP remembers of it must not outlive the change."""
    address = shop.serve()["clusterIPs"][family]
    shop.answers(CLIENT, address, 8080, "UDP")
    flow = Probe("UDP", address, 8080, 32999 - family)
    assert shop.agents.probe(CLIENT, flow).ok
    for key in shop.backends:
        kube.set_ready(shop.lab, key, False)
    until(lambda: not shop.agents.probe(CLIENT, flow).ok, "the flow is silent", APPEARS_S_MAX)
    silent = [shop.agents.probe(CLIENT, flow).outcome for _ in range(10)]
    assert words.ANSWERED not in silent
    kube.set_ready(shop.lab, GOES, True)
    until(lambda: shop.agents.probe(CLIENT, flow).by == GOES, "the flow is answered again", APPEARS_S_MAX)


def test_a_service_that_is_deleted_and_made_again_with_its_address_works(shop: Shop) -> None:
    spec = shop.serve()
    shop.answers(CLIENT, spec["clusterIP"], 8080)
    kube.delete(shop.lab, "services", SPACE, "web")
    until(lambda: not any(shop.backends_of(CLIENT, spec["clusterIP"], "TCP")), "nothing answers", APPEARS_S_MAX)
    shop.serve(clusterIP=spec["clusterIP"], clusterIPs=spec["clusterIPs"])
    shop.answers(CLIENT, spec["clusterIP"], 8080)


def test_ports_are_added_changed_and_taken_away(shop: Shop) -> None:
    address = shop.serve()["clusterIP"]
    shop.answers(CLIENT, address, 8080)
    shop.serve(target=81)
    shop.answers(CLIENT, address, 8080)
    shop.serve(port=9090)
    shop.answers(CLIENT, address, 9090)
    until(lambda: not any(shop.backends_of(CLIENT, address, "TCP")), "the old port is silent", APPEARS_S_MAX)


def test_affinity_can_be_switched_on_and_off(shop: Shop) -> None:
    address = shop.serve()["clusterIP"]
    shares(shop, address, set(shop.backends))
    shop.serve(sessionAffinity="ClientIP")
    until(lambda: len(shop.count_answers(CLIENT, address, 8080)) == 1, "one backend alone answers", APPEARS_S_MAX)
    shop.serve(sessionAffinity="None")
    shares(shop, address, set(shop.backends))
