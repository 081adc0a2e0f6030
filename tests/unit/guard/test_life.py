"""The guard's states: what follows from what."""

from importlib import import_module
from inspect import iscoroutinefunction

import pytest

from vppd_guard.life import (
    BACKOFF_S,
    GUARD_HANDOVER_STATES,
    GUARD_STATE_TEXTS,
    STABLE_S,
    TABLE,
    TAKEOVER_STATES,
    GuardEvent,
    GuardLife,
    GuardState,
    advance_guard_life,
    guard_rest_s,
    guard_retry_s,
)

TO_RUNNING = [GuardEvent.DONE] * 6
TROUBLE = (GuardEvent.FAILED, GuardEvent.LATE, GuardEvent.VPP_ENDED, GuardEvent.GONE, GuardEvent.SILENT)


def walk(life: GuardLife, *events: GuardEvent, now: float = 0.0) -> GuardLife:
    for event in events:
        life = advance_guard_life(life, event, now)
    return life


def test_done_after_done_leads_to_running() -> None:
    assert walk(GuardLife(), *TO_RUNNING).state is GuardState.RUNNING


@pytest.mark.parametrize("state", TAKEOVER_STATES)
@pytest.mark.parametrize("event", TROUBLE)
def test_from_every_state_that_holds_something_trouble_restores_linux(state: GuardState, event: GuardEvent) -> None:
    if (state, event) not in TABLE:
        assert advance_guard_life(GuardLife(state=state), event, 0.0).state is state, "it cannot happen there"
        return
    restoring = advance_guard_life(GuardLife(state=state), event, 0.0)
    assert (restoring.state, restoring.stopping, restoring.failures) == (GuardState.RESTORING, False, 1)
    assert walk(restoring, GuardEvent.DONE).state is GuardState.RESTING
    assert walk(restoring, GuardEvent.DONE, GuardEvent.DONE).state is GuardState.PREFLIGHT


@pytest.mark.parametrize("state", list(GuardState))
def test_the_order_to_stop_ends_stopped_from_everywhere_and_restores_what_is_held(state: GuardState) -> None:
    life = GuardLife(state=state)
    if state is not GuardState.RESTORING:
        life = advance_guard_life(life, GuardEvent.STOP, 0.0)
    if state in (*TAKEOVER_STATES, GuardState.LOST, GuardState.RETRYING):
        assert life.state is GuardState.RESTORING
    for _ in range(3):
        life = advance_guard_life(life, GuardEvent.STOP if life.state is GuardState.RESTING else GuardEvent.DONE, 0.0)
    assert life.state is GuardState.STOPPED


@pytest.mark.parametrize("state", list(GuardState))
def test_a_handover_leaves_what_runs_and_never_what_is_half_done(state: GuardState) -> None:
    following = advance_guard_life(GuardLife(state=state), GuardEvent.HANDOVER, 0.0)
    if state in GUARD_HANDOVER_STATES:
        assert following == GuardLife(state=GuardState.STOPPED)
    else:
        assert following.state is state
    half_done = {GuardState.START, *TAKEOVER_STATES[:-1], GuardState.RESTORING}
    assert set(GUARD_HANDOVER_STATES).isdisjoint(half_done)
    assert half_done | set(GUARD_HANDOVER_STATES) == set(GuardState) - {GuardState.STOPPED}


def test_told_to_stop_one_failed_try_to_restore_is_the_last_and_the_journal_remembers() -> None:
    assert walk(GuardLife(state=GuardState.RUNNING), GuardEvent.STOP, GuardEvent.FAILED).state is GuardState.STOPPED
    assert walk(GuardLife(state=GuardState.RUNNING), GuardEvent.STOP, GuardEvent.GONE).state is GuardState.STOPPED


def test_a_restore_that_fails_is_tried_again_after_growing_waits() -> None:
    life, waits = GuardLife(state=GuardState.RESTORING), []
    for _ in range(4):
        life = advance_guard_life(life, GuardEvent.FAILED, 0.0)
        assert life.state is GuardState.RETRYING
        waits.append(guard_retry_s(life))
        life = advance_guard_life(life, GuardEvent.DONE, 0.0)
        assert life.state is GuardState.RESTORING
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert advance_guard_life(life, GuardEvent.VPP_ENDED, 0.0) == life
    assert life.failures == 0, "it is not VPP that fails"
    assert walk(life, GuardEvent.DONE).retries == 0


def test_a_device_that_is_gone_is_waited_for() -> None:
    life = walk(GuardLife(state=GuardState.RUNNING), GuardEvent.GONE, GuardEvent.GONE)
    assert life.state is GuardState.LOST
    assert walk(life, GuardEvent.DONE).state is GuardState.RESTORING
    assert walk(life, GuardEvent.DONE, GuardEvent.DONE, GuardEvent.DONE).state is GuardState.PREFLIGHT


def test_the_first_failure_is_followed_at_once_later_ones_after_longer_rests() -> None:
    life, rests = walk(GuardLife(), GuardEvent.DONE), []
    for _ in range(8):
        life = walk(life, *TO_RUNNING[1:])
        assert life.state is GuardState.RUNNING
        life = walk(life, GuardEvent.VPP_ENDED, GuardEvent.DONE)
        rests.append(guard_rest_s(life))
        life = walk(life, GuardEvent.DONE)
    assert tuple(rests[:6]) == BACKOFF_S
    assert rests[6:] == [BACKOFF_S[-1]] * 2


def test_a_vpp_that_ran_for_long_has_not_failed_in_a_row() -> None:
    life = walk(GuardLife(failures=5), *TO_RUNNING, now=10.0)
    assert guard_rest_s(walk(life, GuardEvent.VPP_ENDED, GuardEvent.DONE, now=10.0 + STABLE_S)) == BACKOFF_S[0]
    assert guard_rest_s(walk(life, GuardEvent.VPP_ENDED, GuardEvent.DONE, now=11.0)) == BACKOFF_S[5]


def test_what_an_earlier_guard_has_left_comes_first() -> None:
    assert advance_guard_life(GuardLife(), GuardEvent.LEFTOVERS, 0.0).state is GuardState.RESTORING
    assert advance_guard_life(GuardLife(), GuardEvent.ADOPTS, 0.0).state is GuardState.UP


def test_every_state_has_an_action_and_a_way_on_and_is_reached() -> None:
    assert set(GUARD_STATE_TEXTS) == set(GuardState)
    assert {state for state, _ in TABLE} == set(GuardState) - {GuardState.STOPPED}
    assert {row.to for row in TABLE.values()} == set(GuardState) - {GuardState.START}


def test_no_state_is_left_by_nothing_but_the_order_to_stop() -> None:
    for state in set(GuardState) - {GuardState.STOPPED}:
        assert {event for at, event in TABLE if at is state} - {GuardEvent.STOP}


@pytest.mark.parametrize("state", [state for state in GuardState if state is not GuardState.STOPPED])
def test_every_state_has_a_file_with_its_action(state: GuardState) -> None:
    module = import_module(f"vppd_guard.states.{state.value}")
    assert iscoroutinefunction(module.run_guard_state)
    assert state.name in (module.__doc__ or "")
