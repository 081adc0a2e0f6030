"""Any process of a node is killed under traffic: it is back, and no packet is lost. VPP alone takes packets with it."""

import asyncio

import pytest

from tests.lab.conftest import bgp_sessions, vppd
from tests.waiting import until
from tools.lab import linux
from tools.lab.checks.properties import look_at_nodes
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.story import deaths
from tools.lab.story.traffic import Traffic
from tools.lab.traffic import pings
from tools.node.view import NodeView

HOST_SILENT_MS_MAX = 10_000
PODS_SILENT_MS_MAX = 15_000


def view_of_node1(lab: Lab) -> NodeView:
    """A look at the first node's bus."""
    return asyncio.run(look_at_nodes(lab))["node1"]


def vpp_of_node1(lab: Lab) -> list[int]:
    """The pids in the namespace of the first node's VPP."""
    return linux.pids_in(lab.all_nodes[0].vpp_netns)


@pytest.mark.parametrize("program", deaths.NETWORK)
def test_a_killed_process_is_back_and_no_packet_is_lost(lab: Lab, program: str) -> None:
    vpp = vpp_of_node1(lab)
    assert len(vpp) == 1
    result = deaths.kill(lab, program)
    assert result.ok, result.figure
    assert vpp_of_node1(lab) == vpp, "VPP is the same process"


def test_a_restarted_writer_writes_nothing(lab: Lab) -> None:
    result = deaths.kill(lab, "vpp-writer")
    assert result.ok, result.figure
    result = deaths.writer_wrote_nothing(lab)
    assert result.ok, result.figure


def test_all_processes_are_restarted_and_no_packet_is_lost_nor_anything_written_into_vpp(lab: Lab) -> None:
    vpp, epoch = vpp_of_node1(lab), view_of_node1(lab).epoch
    with Traffic(lab) as traffic:
        completed = vppd("restart", "all", "--run", str(lab.run(lab.all_nodes[0])))
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert f"VPP, process {vpp[0]}, runs on" in completed.stdout
    assert not traffic.losses, traffic.summary
    assert vpp_of_node1(lab) == vpp
    assert view_of_node1(lab).epoch == epoch
    result = deaths.writer_wrote_nothing(lab)
    assert result.ok, result.figure


def test_a_killed_gobgpd_has_its_sessions_again(lab: Lab) -> None:
    result = deaths.kill(lab, "gobgpd")
    assert result.ok, result.figure
    until(lambda: bgp_sessions(lab, "node1") == ["up", "up"], "both sessions established again")


def test_after_vpp_is_killed_host_and_pods_answer_again(lab: Lab) -> None:
    before = vpp_of_node1(lab)
    results = {result.name: result for result in deaths.kill_vpp(lab)}
    assert all(result.ok for result in results.values()), results
    assert vpp_of_node1(lab) not in (before, [])
    silent_ms = {name: float(r.figure.split()[0]) for name, r in results.items() if "without" in r.figure}
    assert len(silent_ms) == 3
    assert silent_ms.pop("host answers again") < HOST_SILENT_MS_MAX
    assert max(silent_ms.values()) < PODS_SILENT_MS_MAX
    view = view_of_node1(lab)
    assert view.intents
    assert view.unapplied() == []


def test_a_new_pod_works_after_all_those_deaths(lab: Lab) -> None:
    pod = pods.add(lab, "late", "node1")
    try:
        assert pings.ping(lab.pods["a2"].netns, pod.ip4, 5.0) is not None
        assert pings.ping(lab.pods["a2"].netns, pod.ip6, 5.0) is not None
    finally:
        pods.delete(lab, "late")
