"""A line of the guard's history. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from vppd_guard.life import GuardState


class GuardHistoryLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that happened."""

    at: float  # seconds since 1970
    pid: int = 0  # the guard's
    state: str = ""  # in which it was, or is now
    event: str = ""  # which ended it
    to: str = ""  # the state that followed
    what: str = ""  # a step or a finding, in words
    why: str = ""  # what was wrong
    took_ms: float = 0.0
    wait_s: float = 0.0  # how long the state that follows will wait
    uplinks: tuple[str, ...] = ()
    failures: int = 0  # in a row


def was_last_takeover_configured(lines: Sequence[GuardHistoryLine]) -> bool:
    """Had the takeover that came last, as far as the history goes, got as far as to the state CONFIGURED?"""
    states = [line.to for line in lines if line.to]
    begin = max((at for at, state in enumerate(states) if state == GuardState.CAPTURED.value), default=0)
    return GuardState.CONFIGURED.value in states[begin:]
