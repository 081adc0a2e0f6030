"""The account of a load is exact: what fails, what breaks and what gets through wrongly is in it."""

import pytest

from tests.processes.lab.conftest import NOBODY4, NOBODY6, RIGHT4, RIGHT6, Wire
from tests.waiting import until
from tools.lab.traffic.agents import Agents
from tools.lab.traffic.loads import BackgroundLoad

CLOSED = 99


def until_some(load: BackgroundLoad, seconds: float = 1.0) -> None:
    """Until the load has gone on for so long: a rate cannot be seen otherwise."""
    end = load.age_s + seconds
    until(lambda: load.age_s >= end, "the load has gone on")


@pytest.mark.alone
def test_a_load_of_good_connections_has_all_of_them_at_its_rate(agents: Agents, wire: Wire) -> None:
    with BackgroundLoad(wire.left_netns, [(RIGHT4, 80), (RIGHT6, 81)], rate=100, standing=4) as load:
        until_some(load, 1.5)
    report = load.report
    assert 120 <= report.opened <= 200
    assert report.ok == report.opened == report.by["right"]
    assert (report.standing, report.failed, report.broken, report.wrongly_allowed) == (4, [], [], [])
    assert report.exchanges >= 8
    assert 0 < report.slowest_ms < 1000


def test_refused_connections_are_failures_with_their_reason(agents: Agents, wire: Wire) -> None:
    with BackgroundLoad(wire.left_netns, [(RIGHT4, CLOSED)], rate=20) as load:
        until_some(load)
    assert (load.report.ok, len(load.report.failed)) == (0, load.report.opened)
    failure = load.report.failed[0]
    assert failure.target == f"{RIGHT4} port {CLOSED}"
    assert failure.reason.startswith("ConnectionRefusedError")


def test_a_denied_target_that_answers_or_refuses_is_wrongly_allowed_and_silence_is_not(
    agents: Agents, wire: Wire
) -> None:
    denied = [(NOBODY4, 80), (RIGHT4, 80), (NOBODY6, 80), (RIGHT6, CLOSED)]
    with BackgroundLoad(wire.left_netns, [], denied=denied, denied_rate=20) as load:
        until_some(load)
    wrong = {(failure.target, failure.reason.partition(":")[0]) for failure in load.report.wrongly_allowed}
    assert wrong == {(f"{RIGHT4} port 80", "connected"), (f"{RIGHT6} port {CLOSED}", "ConnectionRefusedError")}
    assert abs(len(load.report.wrongly_allowed) - load.report.denied / 2) <= 1


def test_a_server_s_death_breaks_held_connections_and_fails_new_ones(agents: Agents, wire: Wire) -> None:
    agents.start({"mortal": wire.right_netns}, (8080,))
    with BackgroundLoad(wire.left_netns, [(RIGHT4, 8080)], rate=20, standing=2) as load:
        until_some(load, 0.5)
        agents.stop("mortal")
        until_some(load)
    assert len(load.report.broken) == 2
    assert load.report.by["mortal"] == load.report.ok
    assert 0 < len(load.report.failed) < load.report.opened
    assert load.report.failed[0].after_s > 0.3
