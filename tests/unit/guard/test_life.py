"""The guard's states: what follows from what."""

import pytest

from vppd_guard.life import (
    ACTIONS,
    BACKOFF_S,
    HOLDING,
    STABLE_S,
    TABLE,
    Event,
    Life,
    State,
    rest_s,
    retry_s,
    step,
)

TO_RUNNING = [Event.DONE] * 6
TROUBLE = (Event.FAILED, Event.LATE, Event.VPP_ENDED, Event.GONE, Event.SILENT)


def walk(life: Life, *events: Event, now: float = 0.0) -> Life:
    for event in events:
        life = step(life, event, now)
    return life


def test_done_after_done_leads_to_running() -> None:
    assert walk(Life(), *TO_RUNNING).state is State.RUNNING


@pytest.mark.parametrize("state", HOLDING)
@pytest.mark.parametrize("event", TROUBLE)
def test_from_every_state_that_holds_something_trouble_restores_linux(state: State, event: Event) -> None:
    if (state, event) not in TABLE:
        assert step(Life(state=state), event, 0.0).state is state, "it cannot happen there"
        return
    restoring = step(Life(state=state), event, 0.0)
    assert (restoring.state, restoring.stopping, restoring.failures) == (State.RESTORING, False, 1)
    assert walk(restoring, Event.DONE).state is State.RESTING
    assert walk(restoring, Event.DONE, Event.DONE).state is State.PREFLIGHT


@pytest.mark.parametrize("state", list(State))
def test_the_order_to_stop_ends_stopped_from_everywhere_and_restores_what_is_held(state: State) -> None:
    life = Life(state=state)
    if state is not State.RESTORING:
        life = step(life, Event.STOP, 0.0)
    if state in (*HOLDING, State.LOST, State.RETRYING):
        assert life.state is State.RESTORING
    for _ in range(3):
        life = step(life, Event.STOP if life.state is State.RESTING else Event.DONE, 0.0)
    assert life.state is State.STOPPED


def test_told_to_stop_one_failed_try_to_restore_is_the_last_and_the_journal_remembers() -> None:
    assert walk(Life(state=State.RUNNING), Event.STOP, Event.FAILED).state is State.STOPPED
    assert walk(Life(state=State.RUNNING), Event.STOP, Event.GONE).state is State.STOPPED


def test_a_restore_that_fails_is_tried_again_after_growing_waits() -> None:
    life, waits = Life(state=State.RESTORING), []
    for _ in range(4):
        life = step(life, Event.FAILED, 0.0)
        assert life.state is State.RETRYING
        waits.append(retry_s(life))
        life = step(life, Event.DONE, 0.0)
        assert life.state is State.RESTORING
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert step(life, Event.VPP_ENDED, 0.0) == life
    assert life.failures == 0, "it is not VPP that fails"
    assert walk(life, Event.DONE).retries == 0


def test_a_device_that_is_gone_is_waited_for() -> None:
    lost = walk(Life(state=State.RUNNING), Event.GONE, Event.GONE)
    assert lost.state is State.LOST
    assert walk(lost, Event.DONE).state is State.RESTORING
    assert walk(lost, Event.DONE, Event.DONE, Event.DONE).state is State.PREFLIGHT


def test_the_first_failure_is_followed_at_once_later_ones_after_longer_rests() -> None:
    life, rests = walk(Life(), Event.DONE), []
    for _ in range(8):
        life = walk(life, *TO_RUNNING[1:])
        assert life.state is State.RUNNING
        life = walk(life, Event.VPP_ENDED, Event.DONE)
        rests.append(rest_s(life))
        life = walk(life, Event.DONE)
    assert tuple(rests[:6]) == BACKOFF_S
    assert rests[6:] == [BACKOFF_S[-1]] * 2


def test_a_vpp_that_ran_for_long_has_not_failed_in_a_row() -> None:
    life = walk(Life(failures=5), *TO_RUNNING, now=10.0)
    assert rest_s(walk(life, Event.VPP_ENDED, Event.DONE, now=10.0 + STABLE_S)) == BACKOFF_S[0]
    assert rest_s(walk(life, Event.VPP_ENDED, Event.DONE, now=11.0)) == BACKOFF_S[5]


def test_what_an_earlier_guard_has_left_comes_first() -> None:
    assert step(Life(), Event.LEFTOVERS, 0.0).state is State.RESTORING
    assert step(Life(), Event.ADOPTS, 0.0).state is State.UP


def test_every_state_has_an_action_and_a_way_on_and_is_reached() -> None:
    assert set(ACTIONS) == set(State)
    assert {state for state, _ in TABLE} == set(State) - {State.STOPPED}
    assert {row.to for row in TABLE.values()} == set(State) - {State.START}


def test_no_state_is_left_by_nothing_but_the_order_to_stop() -> None:
    for state in set(State) - {State.STOPPED}:
        assert {event for at, event in TABLE if at is state} - {Event.STOP}
