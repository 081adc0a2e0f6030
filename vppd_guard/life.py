"""The guard's life as a table: in which state what may happen, and what follows. Pure; time is an argument.

Every state has one action (`guard.py`), which ends in `done`, `failed` or `late`; VPP's end and the order to stop
may come at any time. Until something has been taken there is nothing to restore, yet the way is the same: undoing
nothing is quick, and one way out is easier to trust than two. docs/guard.md has the diagram, drawn from `TABLE`.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

BACKOFF_S = (0.0, 0.5, 2.0, 5.0, 15.0, 60.0)  # rest on plain Linux after so many failures in a row
RETRY_S = (0.1, 0.5, 2.0, 5.0, 10.0)  # before what could not be restored is tried again
STABLE_S = 60.0  # a VPP that has run for so long has not failed in a row


class State(Enum):
    """Where the guard is."""

    START = "start"
    PREFLIGHT = "preflight"
    CAPTURED = "captured"
    TAKEN = "taken"
    UP = "up"
    CONFIGURED = "configured"
    RUNNING = "running"
    RESTORING = "restoring"
    RETRYING = "retrying"
    LOST = "lost"
    RESTING = "resting"
    STOPPED = "stopped"


class Event(Enum):
    """What may happen."""

    DONE = "done"  # the state's action has succeeded
    FAILED = "failed"  # it has failed
    LATE = "late"  # it has not ended in time
    ADOPTS = "adopts"  # an earlier guard's VPP runs on
    LEFTOVERS = "leftovers"  # an earlier guard has left something to undo
    VPP_ENDED = "vpp_ended"
    SILENT = "silent"  # VPP is up and does not forward
    GONE = "gone"  # an uplink's device has disappeared
    STOP = "stop"


ACTIONS = {
    State.START: "reads the undo journal",
    State.PREFLIGHT: "checks machine, VPP, bus and writer; reads the uplinks",
    State.CAPTURED: "gives the uplinks to VPP",
    State.TAKEN: "starts VPP",
    State.UP: "has VPP configured, and Linux's side of the taps",
    State.CONFIGURED: "brings the taps up; what answered before must answer through VPP",
    State.RUNNING: "watches",
    State.RESTORING: "ends VPP, undoes the journal",
    State.RETRYING: "waits before the next try to restore",
    State.LOST: "waits for the uplink to appear again",
    State.RESTING: "rests on plain Linux, the longer the more often it has failed in a row",
    State.STOPPED: "",
}


class Row(NamedTuple):
    """In `state`, on `event`: what follows, and whether that counts as a failure (in a row)."""

    state: State
    event: Event
    to: State
    failure: bool = False


def _rows() -> list[Row]:
    forward = (State.CAPTURED, State.TAKEN, State.UP, State.CONFIGURED, State.RUNNING)
    rows = [
        Row(State.START, Event.DONE, State.PREFLIGHT),
        Row(State.START, Event.ADOPTS, State.UP),
        Row(State.START, Event.LEFTOVERS, State.RESTORING),
        Row(State.START, Event.FAILED, State.RESTING, failure=True),
        Row(State.START, Event.STOP, State.RESTORING),
        Row(State.PREFLIGHT, Event.DONE, State.CAPTURED),
        Row(State.PREFLIGHT, Event.FAILED, State.RESTING, failure=True),
        Row(State.PREFLIGHT, Event.LATE, State.RESTING, failure=True),
        Row(State.PREFLIGHT, Event.STOP, State.STOPPED),
    ]
    rows += [Row(state, Event.DONE, forward[at + 1]) for at, state in enumerate(forward[:-1])]
    for state in forward:
        rows += [Row(state, event, State.RESTORING, failure=True) for event in (Event.FAILED, Event.LATE, Event.GONE)]
        rows.append(Row(state, Event.STOP, State.RESTORING))
    # Before VPP runs it cannot end; before it carries packets nobody can miss them.
    rows += [Row(state, Event.VPP_ENDED, State.RESTORING, failure=True) for state in forward[1:]]
    rows += [
        Row(State.RUNNING, Event.SILENT, State.RESTORING, failure=True),
        Row(State.RESTORING, Event.DONE, State.RESTING),
        Row(State.RESTORING, Event.FAILED, State.RETRYING, failure=True),
        Row(State.RESTORING, Event.LATE, State.RETRYING, failure=True),
        Row(State.RESTORING, Event.GONE, State.LOST),
        Row(State.RETRYING, Event.DONE, State.RESTORING),
        Row(State.RETRYING, Event.STOP, State.RESTORING),
        Row(State.LOST, Event.DONE, State.RESTORING),
        Row(State.LOST, Event.FAILED, State.RETRYING, failure=True),
        Row(State.LOST, Event.STOP, State.RESTORING),
        Row(State.RESTING, Event.DONE, State.PREFLIGHT),
        Row(State.RESTING, Event.STOP, State.STOPPED),
    ]
    return rows


TABLE = {(row.state, row.event): row for row in _rows()}
HOLDING = (State.CAPTURED, State.TAKEN, State.UP, State.CONFIGURED, State.RUNNING)  # something may need undoing


@dataclass(frozen=True)
class Life:
    """The state, and what is remembered from one to the next."""

    state: State = State.START
    failures: int = 0  # takeovers that failed in a row
    retries: int = 0  # tries to restore that failed in a row
    running_since: float | None = None
    stopping: bool = False


def step(life: Life, event: Event, now: float) -> Life:
    """The life after an event. One that the table does not have for the state changes nothing."""
    row = TABLE.get((life.state, event))
    if row is None:
        return life
    stopping = life.stopping or event is Event.STOP
    failures = life.failures
    if row.failure and life.state is not State.RESTORING:
        failures = 1 if _stable(life, now) else life.failures + 1
    retries = life.retries + 1 if row.to is State.RETRYING else life.retries
    to = row.to
    if stopping and life.state is State.RESTORING:
        to = State.STOPPED  # restored or not: the journal remembers what is not
    if to in (State.RESTING, State.STOPPED):
        retries = 0
    since = now if to is State.RUNNING else None
    return replace(life, state=to, failures=failures, retries=retries, running_since=since, stopping=stopping)


def _stable(life: Life, now: float) -> bool:
    """A long stable run starts the count of failures anew."""
    return life.running_since is not None and now - life.running_since >= STABLE_S


def rest_s(life: Life) -> float:
    """How long to stay on plain Linux: nothing after the first failure, longer with each that follows."""
    return BACKOFF_S[min(max(life.failures - 1, 0), len(BACKOFF_S) - 1)]


def retry_s(life: Life) -> float:
    """How long to wait before what could not be restored is tried again."""
    return RETRY_S[min(max(life.retries - 1, 0), len(RETRY_S) - 1)]
