"""A change of Linux, as data: what must be so before, what is done, what must be so after, and how it is undone.

`run` is the only way by which the guard changes Linux during a takeover. The undo record is on disk before the
change begins; success is the effect (`holds`), never a return code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vppd_guard.undo import Record


class StepFailed(Exception):
    """A step was not possible, or had not the effect that it should have; the text names both."""


def fine() -> str:
    """Nothing to object to."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change. `needs` and `holds` return "" or what is wrong, in words; all of them block."""

    what: str  # in words: "move eth0 to the namespace calico-vpp-ns"
    do: Callable[[], None]
    holds: Callable[[], str]
    needs: Callable[[], str] = fine
    undo: Callable[[], Record | None] = lambda: None  # read just before the change; None: nothing to undo
    timeout_s: float = 5.0
