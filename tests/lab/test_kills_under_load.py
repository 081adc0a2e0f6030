"""Any process is killed under 50 connections a second through a service and a policy: none fails, none slips through.

Denied connections are tried all the time, too. Afterwards the node's bus has the same intents and its VPP the same
objects under the same numbers.
"""

import signal
from collections.abc import Iterator

import pytest

from tests.lab import observer
from tests.waiting import until
from tools.lab import linux
from tools.lab.checks import convergence
from tools.lab.state import Lab
from tools.lab.story import deaths
from tools.lab.story.policies import CLIENT, outcomes
from tools.lab.story.shop import OPEN, PORT, SHUT, Shop
from tools.lab.story.traffic import Traffic
from tools.lab.traffic.agent import words

KILLED = ("services", "policy", "vpp-writer", "kube-watch", "bus", "cni", deaths.FELIX, deaths.DRIVER)


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Shop]:
    """A service, and a policy that allows its client."""
    with Shop(lab) as running:
        addresses = running.serve()["clusterIPs"]
        running.protect(CLIENT)
        webs = [running.lab.pods[key] for key in running.backends]
        direct = [address for web in webs for address in (web.ip4, web.ip6)]
        for address in addresses:
            until(
                lambda a=address: set(running.count_answers("client", a, PORT)) == set(running.backends),
                f"{address} answers",
            )
        until(lambda: outcomes(running, "client", direct, SHUT) == {words.SILENT}, "the policy holds")
        assert outcomes(running, "client", direct, OPEN) == {words.ANSWERED}
        assert convergence.wait_until_converged(lab)
        yield running


@pytest.mark.parametrize("program", KILLED)
def test_no_connection_fails_and_none_is_let_through(lab: Lab, shop: Shop, program: str) -> None:
    node = lab.all_nodes[0]
    before = observer.objects(lab, node)
    assert before["translations"]
    result = deaths.kill(lab, program, shop)
    assert result.ok, result.figure
    assert convergence.wait_until_converged(lab)
    assert observer.objects(lab, node) == before


def test_several_die_at_once(lab: Lab, shop: Shop) -> None:
    node = lab.all_nodes[0]
    before = observer.objects(lab, node)
    with Traffic(lab, shop) as traffic:
        pids = {name: deaths.pid_of(lab, node, name) for name in KILLED}
        assert all(pids.values()), pids
        for pid in pids.values():
            linux.send_signal(pid, signal.SIGKILL)
        until(lambda: all(deaths.pid_of(lab, node, n) not in (0, p) for n, p in pids.items()), "all are back", 60.0)
        assert convergence.wait_until_converged(lab, 60.0)
    assert not traffic.losses, traffic.summary
    assert observer.objects(lab, node) == before


def test_while_vpp_dies_and_comes_back_no_denied_connection_is_let_through(lab: Lab, shop: Shop) -> None:
    webs = [lab.pods[key] for key in shop.backends]
    results = deaths.kill_vpp(lab, shop)
    assert [result for result in results if not result.ok] == []
    assert "what policy denies stays denied" in {result.name for result in results}
    for address in shop.serve()["clusterIPs"]:
        until(
            lambda a=address: set(shop.count_answers("client", a, PORT)) == set(shop.backends),
            f"{address} answers again",
        )
    assert outcomes(shop, "client", [web.ip4 for web in webs], SHUT) == {words.SILENT}
