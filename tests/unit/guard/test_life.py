"""The guard's states: what follows from what."""

import pytest

from vppd_guard.life import BACKOFF_S, FORWARD, HOLDING, STABLE_S, Event, Life, State, rest_s, step


def walk(life: Life, *events: Event, now: float = 0.0) -> Life:
    for event in events:
        life = step(life, event, now)
    return life


def test_done_after_done_leads_to_running() -> None:
    assert walk(Life(), *[Event.DONE] * 5).state is State.RUNNING


@pytest.mark.parametrize("state", HOLDING)
@pytest.mark.parametrize("event", [Event.FAILED, Event.LATE, Event.VPP_ENDED])
def test_from_every_state_that_holds_something_trouble_restores_linux(state: State, event: Event) -> None:
    restoring = step(Life(state=state), event, 0.0)
    assert (restoring.state, restoring.stopping) == (State.RESTORING, False)
    assert walk(restoring, Event.DONE).state is State.RESTING
    assert walk(restoring, Event.DONE, Event.DONE).state is State.PREFLIGHT


@pytest.mark.parametrize("state", list(State))
def test_the_order_to_stop_ends_stopped_from_everywhere_and_restores_what_is_held(state: State) -> None:
    life = step(Life(state=state), Event.STOP, 0.0)
    if state in (*HOLDING, State.RESTORING):
        assert life.state is State.RESTORING
        life = step(life, Event.DONE, 0.0)
    assert life.state is State.STOPPED


def test_a_restore_that_fails_is_tried_again() -> None:
    life = Life(state=State.RESTORING)
    assert step(life, Event.FAILED, 0.0).state is State.RESTORING
    assert step(life, Event.VPP_ENDED, 0.0) == life


def test_the_first_failure_is_followed_at_once_later_ones_after_longer_rests() -> None:
    life, rests = Life(), []
    for _ in range(8):
        life = walk(life, *[Event.DONE] * 5)
        assert life.state is State.RUNNING
        life = walk(life, Event.VPP_ENDED, Event.DONE)
        rests.append(rest_s(life))
        life = walk(life, Event.DONE)
    assert tuple(rests[:6]) == BACKOFF_S
    assert rests[6:] == [BACKOFF_S[-1]] * 2


def test_a_vpp_that_ran_for_long_has_not_failed_in_a_row() -> None:
    life = walk(Life(failures=5), *[Event.DONE] * 5, now=10.0)
    assert rest_s(walk(life, Event.VPP_ENDED, Event.DONE, now=10.0 + STABLE_S)) == BACKOFF_S[0]
    assert rest_s(walk(life, Event.VPP_ENDED, Event.DONE, now=11.0)) == BACKOFF_S[5]


def test_every_state_has_a_way_on() -> None:
    assert set(FORWARD) | {State.RUNNING, State.RESTORING, State.STOPPED} == set(State)
