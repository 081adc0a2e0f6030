"""The guard's life: states, events, and what follows. Pure; time is an argument.

```
PREFLIGHT -> CAPTURED -> TAKEN -> UP -> CONFIGURED -> RUNNING
                 any of these, by failed | late | vpp_ended | stop -> RESTORING -> RESTING -> PREFLIGHT
                                                                               -> STOPPED (if asked to)
```
Every state has one action (`guard.py`), which ends in `done`, `failed` or `late`; VPP's end and the order to stop
may come at any time. Until something has been taken there is nothing to restore, yet the way is the same: undoing
nothing is quick, and one way out is easier to trust than two.
"""

from dataclasses import dataclass, replace
from enum import Enum

BACKOFF_S = (0.0, 0.5, 2.0, 5.0, 15.0, 60.0)  # rest on plain Linux after so many failures in a row
STABLE_S = 60.0  # a VPP that has run for so long has not failed in a row


class State(Enum):
    """Where the guard is."""

    PREFLIGHT = "preflight"
    CAPTURED = "captured"
    TAKEN = "taken"
    UP = "up"
    CONFIGURED = "configured"
    RUNNING = "running"
    RESTORING = "restoring"
    RESTING = "resting"
    STOPPED = "stopped"


class Event(Enum):
    """What may happen."""

    DONE = "done"  # the state's action has succeeded
    FAILED = "failed"  # it has failed
    LATE = "late"  # it has not ended in time
    VPP_ENDED = "vpp_ended"
    STOP = "stop"


FORWARD = {
    State.PREFLIGHT: State.CAPTURED,
    State.CAPTURED: State.TAKEN,
    State.TAKEN: State.UP,
    State.UP: State.CONFIGURED,
    State.CONFIGURED: State.RUNNING,
    State.RESTING: State.PREFLIGHT,
}
HOLDING = (State.CAPTURED, State.TAKEN, State.UP, State.CONFIGURED, State.RUNNING)  # something may need undoing


@dataclass(frozen=True)
class Life:
    """The state, and what is remembered from one to the next."""

    state: State = State.PREFLIGHT
    failures: int = 0  # in a row
    running_since: float | None = None
    stopping: bool = False


def step(life: Life, event: Event, now: float) -> Life:
    """The life after an event."""
    if event is Event.STOP:
        return _stop(life)
    if life.state is State.RESTORING:
        return _restored(life, event)
    if event is Event.DONE and life.state in FORWARD:
        state = FORWARD[life.state]
        return replace(life, state=state, running_since=now if state is State.RUNNING else None)
    if life.state in HOLDING:
        return replace(life, state=State.RESTORING, failures=_failures(life, now), running_since=None)
    if life.state is State.PREFLIGHT and event in (Event.FAILED, Event.LATE):
        return replace(life, state=State.RESTING, failures=life.failures + 1)
    return life


def _stop(life: Life) -> Life:
    """Restore, whatever the state; from rest there is nothing to restore."""
    if life.state in (State.RESTING, State.PREFLIGHT, State.STOPPED):
        return replace(life, state=State.STOPPED, stopping=True)
    return replace(life, state=State.RESTORING, stopping=True)


def _restored(life: Life, event: Event) -> Life:
    """Restoring ends in plain Linux; if it failed it is tried again, for nothing matters more."""
    if event is Event.DONE:
        return replace(life, state=State.STOPPED if life.stopping else State.RESTING)
    if event in (Event.FAILED, Event.LATE):
        return replace(life, failures=life.failures + 1, state=State.STOPPED if life.stopping else State.RESTORING)
    return life


def _failures(life: Life, now: float) -> int:
    """A long stable run starts the count anew."""
    if life.running_since is not None and now - life.running_since >= STABLE_S:
        return 1
    return life.failures + 1


def rest_s(life: Life) -> float:
    """How long to stay on plain Linux: nothing after the first failure, longer with each that follows."""
    return BACKOFF_S[min(max(life.failures - 1, 0), len(BACKOFF_S) - 1)]
