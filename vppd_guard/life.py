"""The guard's life as a table of states, events and what follows. Pure; time is an argument.

Every state has one action (`states/`), which ends in `done`, `failed` or `late`; VPP's end and the order to stop may
come at any time. Before something has been taken there is nothing to restore, yet the way leads through the restore
too: undoing nothing is quick, and one way out is easier to trust than two. docs/guard.md has the diagram, drawn from
`TABLE`.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

BACKOFF_S = (0.0, 0.5, 2.0, 5.0, 15.0, 60.0)  # rest on plain Linux after so many failures in a row
_RETRY_S = (0.1, 0.5, 2.0, 5.0, 10.0)  # before what could not be restored is tried again
STABLE_S = 60.0  # a VPP that has run for so long has not failed in a row


class GuardState(Enum):
    """The states. Each has a file in `states/` with its action, but STOPPED."""

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


class GuardEvent(Enum):
    """What may happen in a state."""

    DONE = "done"  # the state's action has succeeded
    FAILED = "failed"  # it has failed
    LATE = "late"  # it has not ended in time
    ADOPTS = "adopts"  # an earlier guard's VPP runs on
    LEFTOVERS = "leftovers"  # an earlier guard has left something to undo
    VPP_ENDED = "vpp_ended"
    SILENT = "silent"  # VPP is up and does not forward
    GONE = "gone"  # an uplink's device has disappeared
    STOP = "stop"
    HANDOVER = "handover"  # the next guard goes on with what there is


GUARD_STATE_TEXTS = {
    GuardState.START: "reads the undo journal",
    GuardState.PREFLIGHT: "checks machine, VPP, bus and writer; reads the uplinks",
    GuardState.CAPTURED: "gives the uplinks to VPP",
    GuardState.TAKEN: "starts VPP",
    GuardState.UP: "has VPP configured, and Linux's side of the taps",
    GuardState.CONFIGURED: "brings uplinks and taps up; what answered before must answer through VPP",
    GuardState.RUNNING: "watches",
    GuardState.RESTORING: "ends VPP, undoes the journal",
    GuardState.RETRYING: "waits before the next try to restore",
    GuardState.LOST: "waits for the uplink to appear again",
    GuardState.RESTING: "rests on plain Linux, the longer the more often it has failed in a row",
    GuardState.STOPPED: "",
}


# The way to a VPP that carries packets, in its order. Something may need undoing in each of these.
TAKEOVER_STATES = (GuardState.CAPTURED, GuardState.TAKEN, GuardState.UP, GuardState.CONFIGURED, GuardState.RUNNING)


# A guard that is to hand over stops here and leaves everything as it is: VPP runs for the next guard to adopt, or
# nothing is going on. A takeover or a restore that has begun is finished first, or given up in its own time.
GUARD_HANDOVER_STATES = (
    GuardState.PREFLIGHT,
    GuardState.RUNNING,
    GuardState.RETRYING,
    GuardState.LOST,
    GuardState.RESTING,
)


class Transition(NamedTuple):
    """In `state`, on `event`: the state that follows, and whether that counts as a failure (in a row)."""

    state: GuardState
    event: GuardEvent
    to: GuardState
    failure: bool = False


def _transitions() -> list[Transition]:
    rows = [
        Transition(GuardState.START, GuardEvent.DONE, GuardState.PREFLIGHT),
        Transition(GuardState.START, GuardEvent.ADOPTS, GuardState.UP),
        Transition(GuardState.START, GuardEvent.LEFTOVERS, GuardState.RESTORING),
        Transition(GuardState.START, GuardEvent.FAILED, GuardState.RESTING, failure=True),
        Transition(GuardState.START, GuardEvent.STOP, GuardState.RESTORING),
        Transition(GuardState.PREFLIGHT, GuardEvent.DONE, GuardState.CAPTURED),
        Transition(GuardState.PREFLIGHT, GuardEvent.FAILED, GuardState.RESTING, failure=True),
        Transition(GuardState.PREFLIGHT, GuardEvent.LATE, GuardState.RESTING, failure=True),
        Transition(GuardState.PREFLIGHT, GuardEvent.STOP, GuardState.STOPPED),
    ]
    rows += [
        Transition(state, GuardEvent.DONE, TAKEOVER_STATES[at + 1]) for at, state in enumerate(TAKEOVER_STATES[:-1])
    ]
    for state in TAKEOVER_STATES:
        rows += [
            Transition(state, event, GuardState.RESTORING, failure=True)
            for event in (GuardEvent.FAILED, GuardEvent.LATE, GuardEvent.GONE)
        ]
        rows.append(Transition(state, GuardEvent.STOP, GuardState.RESTORING))
    # Before VPP runs it cannot end; before it carries packets nobody can miss them.
    rows += [
        Transition(state, GuardEvent.VPP_ENDED, GuardState.RESTORING, failure=True) for state in TAKEOVER_STATES[1:]
    ]
    rows += [
        Transition(GuardState.RUNNING, GuardEvent.SILENT, GuardState.RESTORING, failure=True),
        Transition(GuardState.RESTORING, GuardEvent.DONE, GuardState.RESTING),
        Transition(GuardState.RESTORING, GuardEvent.FAILED, GuardState.RETRYING, failure=True),
        Transition(GuardState.RESTORING, GuardEvent.LATE, GuardState.RETRYING, failure=True),
        Transition(GuardState.RESTORING, GuardEvent.GONE, GuardState.LOST),
        Transition(GuardState.RETRYING, GuardEvent.DONE, GuardState.RESTORING),
        Transition(GuardState.RETRYING, GuardEvent.STOP, GuardState.RESTORING),
        Transition(GuardState.LOST, GuardEvent.DONE, GuardState.RESTORING),
        Transition(GuardState.LOST, GuardEvent.FAILED, GuardState.RETRYING, failure=True),
        Transition(GuardState.LOST, GuardEvent.STOP, GuardState.RESTORING),
        Transition(GuardState.RESTING, GuardEvent.DONE, GuardState.PREFLIGHT),
        Transition(GuardState.RESTING, GuardEvent.STOP, GuardState.STOPPED),
    ]
    rows += [Transition(state, GuardEvent.HANDOVER, GuardState.STOPPED) for state in GUARD_HANDOVER_STATES]
    return rows


TABLE = {(row.state, row.event): row for row in _transitions()}


@dataclass(frozen=True)
class GuardLife:
    """The present state, and what is remembered from one state to the next."""

    state: GuardState = GuardState.START
    failures: int = 0  # takeovers that failed in a row
    retries: int = 0  # tries to restore that failed in a row
    running_since: float | None = None
    stopping: bool = False


def advance_guard_life(life: GuardLife, event: GuardEvent, now: float) -> GuardLife:
    """The life after an event. An event that the table does not have for the state changes nothing."""
    row = TABLE.get((life.state, event))
    if row is None:
        return life
    stopping = life.stopping or event is GuardEvent.STOP
    failures = life.failures
    if row.failure and life.state is not GuardState.RESTORING:
        failures = 1 if _stable(life, now) else life.failures + 1
    retries = life.retries + 1 if row.to is GuardState.RETRYING else life.retries
    to = row.to
    if stopping and life.state is GuardState.RESTORING:
        to = GuardState.STOPPED  # restored or not: the journal remembers what is not
    if to in (GuardState.RESTING, GuardState.STOPPED):
        retries = 0
    since = now if to is GuardState.RUNNING else None
    return replace(life, state=to, failures=failures, retries=retries, running_since=since, stopping=stopping)


def _stable(life: GuardLife, now: float) -> bool:
    """Has VPP run for so long that failures are counted anew?"""
    return life.running_since is not None and now - life.running_since >= STABLE_S


def guard_rest_s(life: GuardLife) -> float:
    """Seconds on plain Linux: none after the first failure, more with each that follows."""
    return BACKOFF_S[min(max(life.failures - 1, 0), len(BACKOFF_S) - 1)]


def guard_retry_s(life: GuardLife) -> float:
    """Seconds before the next try to restore."""
    return _RETRY_S[min(max(life.retries - 1, 0), len(_RETRY_S) - 1)]
