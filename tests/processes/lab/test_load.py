"""The account of a load is exact: what fails, what breaks and what gets through wrongly is in it."""

import time

from tests.processes.lab.conftest import NOBODY4, NOBODY6, RIGHT4, RIGHT6, Wire
from tools.lab.traffic.agents import Agents
from tools.lab.traffic.loads import Loading

CLOSED = 99


def until_some(seconds: float = 1.0) -> None:
    """Lets the load go on for so long: a rate cannot be seen otherwise."""
    time.sleep(seconds)


def test_a_load_of_good_connections_has_all_of_them_at_its_rate(agents: Agents, wire: Wire) -> None:
    with Loading(wire.left, [(RIGHT4, 80), (RIGHT6, 81)], rate=100, held=4) as load:
        until_some(1.5)
    account = load.account
    assert 120 <= account.made <= 200
    assert account.ok == account.made == account.by["right"]
    assert (account.held, account.failed, account.broken, account.wrongly_allowed) == (4, [], [], [])
    assert account.exchanges >= 8
    assert 0 < account.slowest_ms < 1000


def test_refused_connections_are_failures_with_their_reason(agents: Agents, wire: Wire) -> None:
    with Loading(wire.left, [(RIGHT4, CLOSED)], rate=20) as load:
        until_some()
    assert (load.account.ok, len(load.account.failed)) == (0, load.account.made)
    failure = load.account.failed[0]
    assert failure.target == f"{RIGHT4} port {CLOSED}"
    assert failure.reason.startswith("ConnectionRefusedError")


def test_a_denied_target_that_answers_or_refuses_is_wrongly_allowed_and_silence_is_not(
    agents: Agents, wire: Wire
) -> None:
    denied = [(NOBODY4, 80), (RIGHT4, 80), (NOBODY6, 80), (RIGHT6, CLOSED)]
    with Loading(wire.left, [], denied=denied, denied_rate=20) as load:
        until_some()
    wrong = {(failure.target, failure.reason.partition(":")[0]) for failure in load.account.wrongly_allowed}
    assert wrong == {(f"{RIGHT4} port 80", "connected"), (f"{RIGHT6} port {CLOSED}", "ConnectionRefusedError")}
    assert abs(len(load.account.wrongly_allowed) - load.account.denied / 2) <= 1


def test_a_server_s_death_breaks_held_connections_and_fails_new_ones(agents: Agents, wire: Wire) -> None:
    agents.start({"mortal": wire.right}, (8080,))
    with Loading(wire.left, [(RIGHT4, 8080)], rate=20, held=2) as load:
        until_some(0.5)
        agents.stop("mortal")
        until_some()
    assert len(load.account.broken) == 2
    assert load.account.by["mortal"] == load.account.ok
    assert 0 < len(load.account.failed) < load.account.made
    assert load.account.failed[0].after_s > 0.3
