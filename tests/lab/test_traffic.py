"""Packets between pods, nodes and the host outside, on a running lab of two nodes."""

from functools import partial

import pytest

from tests.lab.conftest import bgp_sessions
from tests.waiting import until
from tools.lab import linux
from tools.lab.checks.properties import CheckResult, host_pings, pod_pings
from tools.lab.state import Lab
from tools.lab.story.pods import tcp_transfer
from tools.lab.topology import LAN4, OUTSIDE6, lan_netns
from tools.lab.traffic import pings, transfers

PACKETS = 25


def established(lab: Lab, name: str) -> bool:
    """Has the node's gobgpd both its sessions?"""
    return bgp_sessions(lab, name) == ["up", "up"]


def bad(results: list[CheckResult]) -> list[CheckResult]:
    """The results that are not ok."""
    return [result for result in results if not result.ok]


def test_the_nodes_have_both_sessions_by_gobgpd_s_own_account(lab: Lab) -> None:
    for name in ("node1", "node2"):
        until(partial(established, lab, name), f"{name}: two sessions")


def test_nodes_and_the_host_outside_reach_each_other_through_vpp(lab: Lab) -> None:
    assert bad(list(host_pings(lab))) == []


def test_a_node_s_uplink_is_with_vpp_and_a_tap_of_the_same_name_with_the_node(lab: Lab) -> None:
    for node in lab.all_nodes:
        assert "veth" in linux.run("ip", "-d", "-n", node.vpp_netns, "link", "show", "eth0")
        assert "tun type tap" in linux.run("ip", "-d", "-n", node.netns, "link", "show", "eth0")


def test_every_pod_pings_every_pod_in_both_families(lab: Lab) -> None:
    results = list(pod_pings(lab))
    assert len(results) == len(lab.pods) * (len(lab.pods) - 1)
    assert bad(results) == []


def test_pods_and_the_host_outside_reach_each_other(lab: Lab) -> None:
    lan, outside = lan_netns(lab.name), (str(LAN4[1]), str(OUTSIDE6))
    blocks = ((lab.all_nodes[0].block4, lab.all_nodes[0].ip4), (lab.all_nodes[0].block6, lab.all_nodes[0].ip6))
    pod = lab.pods["a1"]
    for block, node_address in blocks:
        linux.ip(f"route replace {block} via {node_address}", lan)
    try:
        for address in outside:
            assert pings.ping(pod.netns, address, 3.0) is not None, address
        for address in (pod.ip4, pod.ip6):
            assert pings.ping(lan, address, 3.0) is not None, address
    finally:
        for block, _ in blocks:
            linux.ip(f"route del {block}", lan)


def test_bytes_over_tcp_across_nodes_arrive_as_they_were_sent(lab: Lab) -> None:
    result = tcp_transfer(lab)
    assert result.ok, result.figure


def test_bytes_over_tcp_arrive_over_ipv6_and_within_a_node(lab: Lab) -> None:
    a, near, far = lab.pods["a1"], lab.pods["b1"], lab.pods["a2"]
    assert transfers.transfer(a.netns, far.netns, far.ip6, 2_000_000).intact
    assert transfers.transfer(a.netns, near.netns, near.ip4, 2_000_000).intact


@pytest.mark.parametrize("family", ["ip4", "ip6"])
def test_large_packets_arrive_in_fragments(lab: Lab, family: str) -> None:
    a, far = lab.pods["a1"], lab.pods["b2"]
    output = linux.run(
        *linux.netns_command(a.netns, "ping", "-n", "-c", "2", "-W", "2", "-s", "4000", getattr(far, family))
    )
    assert "2 received" in output


def test_a_lost_packet_is_seen_as_lost(lab: Lab) -> None:
    """The measure that the other tests rely on is able to fail."""
    a, far = lab.pods["a1"], lab.pods["b2"]
    silent = f"{far.ip4.rpartition('.')[0]}.126"
    with pings.BackgroundPing(a.netns, silent) as unanswered, pings.BackgroundPing(a.netns, far.ip4) as answered:
        output = linux.run(*linux.netns_command(a.netns, "ping", "-q", "-n", "-c", str(PACKETS), "-i", "0.02", far.ip4))
    assert f"{PACKETS} received" in output
    assert unanswered.report is not None
    assert unanswered.report.received == 0
    assert unanswered.report.lost == unanswered.report.sent > 0
    assert answered.report is not None
    assert answered.report.lost == 0
    assert answered.report.received == answered.report.sent > 0
