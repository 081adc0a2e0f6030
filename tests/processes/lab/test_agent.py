"""Probe agents: what they find is so."""

from pathlib import Path

import pytest

from tests.processes.lab.conftest import LEFT4, LEFT6, NOBODY4, NOBODY6, RIGHT4, RIGHT6, Wire
from tools.lab import linux
from tools.lab.traffic.agent import words
from tools.lab.traffic.agent.words import Probe
from tools.lab.traffic.agents import AgentFailed, Agents

CLOSED = 99
BOTH_FAMILIES = pytest.mark.parametrize(("target", "me"), [(RIGHT4, LEFT4), (RIGHT6, LEFT6)], ids=["IPv4", "IPv6"])
PORTFUL = (words.TCP, words.UDP, words.SCTP)


@BOTH_FAMILIES
@pytest.mark.parametrize("protocol", PORTFUL)
def test_an_open_port_answers_with_its_name_and_our_address(
    agents: Agents, target: str, me: str, protocol: str
) -> None:
    answer = agents.probe("left", Probe(protocol, target, 80, 40001))
    assert (answer.outcome, answer.by, answer.seen_address, answer.seen_port) == (words.ANSWERED, "right", me, 40001)


@BOTH_FAMILIES
@pytest.mark.parametrize("protocol", PORTFUL)
def test_a_closed_port_refuses(agents: Agents, target: str, me: str, protocol: str) -> None:
    assert agents.probe("left", Probe(protocol, target, CLOSED)).outcome == words.REFUSED


@pytest.mark.parametrize("address", [NOBODY4, NOBODY6])
@pytest.mark.parametrize("protocol", [*PORTFUL, words.ICMP])
def test_nobody_is_silent(agents: Agents, address: str, protocol: str) -> None:
    assert agents.probe("left", Probe(protocol, address, 80), quiet_ms=100).outcome == words.SILENT


def test_an_address_without_a_route_is_unreachable(agents: Agents) -> None:
    outcomes = {agents.probe("left", Probe(p, "203.0.113.1", 80)).outcome for p in (*PORTFUL, words.ICMP)}
    assert outcomes == {words.UNREACHABLE}


@BOTH_FAMILIES
def test_a_ping_is_answered(agents: Agents, target: str, me: str) -> None:
    assert agents.probe("left", Probe(words.ICMP, target)).ok


def test_probes_are_made_at_the_same_time_by_all_agents_and_answered_in_order(agents: Agents) -> None:
    mixed = [Probe(words.TCP, address, 80) for _ in range(20) for address in (RIGHT4, NOBODY4)]
    back = [Probe(words.UDP, LEFT6, port) for port in (80, CLOSED)]
    answers = agents.ask({"left": mixed, "right": back})
    assert [answer.outcome for answer in answers["left"]] == [words.ANSWERED, words.SILENT] * 20
    assert [answer.outcome for answer in answers["right"]] == [words.ANSWERED, words.REFUSED]


def test_each_probe_has_a_source_port_that_was_not_used_before(agents: Agents) -> None:
    probes = [Probe(protocol, RIGHT4, 80) for protocol in PORTFUL for _ in range(50)]
    ports = [answer.seen_port for _ in range(3) for answer in agents.ask({"left": probes})["left"]]
    assert len(set(ports)) == len(ports) == 450


def test_an_agent_that_cannot_serve_says_so_by_name(agents: Agents, wire: Wire, tmp_path: Path) -> None:
    with Agents(tmp_path) as second_agents, pytest.raises(AgentFailed, match="agent second does not start"):
        second_agents.start({"second": wire.left_netns}, (80,))


def test_agents_end_with_their_context(wire: Wire, tmp_path: Path) -> None:
    before = set(linux.pids_in(wire.left_netns))
    with Agents(tmp_path / "more") as second_agents:
        second_agents.start({"third": wire.left_netns}, (8080,))
        assert second_agents.probe("third", Probe(words.TCP, RIGHT4, 8080)).outcome in (words.REFUSED, words.SILENT)
        assert set(linux.pids_in(wire.left_netns)) - before
    assert set(linux.pids_in(wire.left_netns)) == before
    assert list((tmp_path / "more").iterdir()) == []
