"""A change of Linux as data: precondition, undo record, change, effect.

`run_undoable_step` is the only way by which the guard changes Linux during a takeover. The undo record is on disk
before the change begins; success is the effect (`holds`), never a return code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyroute2.netlink.exceptions import NetlinkError

from vppd_guard.undo.executor import LinuxStepExecutor
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import UndoRecord


class LinuxStepFailed(Exception):
    """A step was impossible or had not its effect; the text names the step and the reason."""


def no_step_objection() -> str:
    """Nothing is wrong."""
    return ""


@dataclass(frozen=True, kw_only=True)
class LinuxStep:
    """A change of Linux. `needs` and `holds` return "" or what is wrong, in words. All callables may block."""

    title: str  # in words: "move eth0 to the namespace calico-vpp-ns"
    do: Callable[[], None]
    holds: Callable[[], str]
    needs: Callable[[], str] = no_step_objection
    undo: Callable[[], UndoRecord | None] = lambda: None  # read just before the change; None: nothing to undo
    timeout_s: float = 5.0


async def run_undoable_step(step: LinuxStep, journal: UndoJournal, executor: LinuxStepExecutor) -> None:
    """Makes the change.

    Raises LinuxStepFailed, TimeoutError, and OSError: the undo record could not be written; nothing is changed.
    """
    try:
        await executor.run(step.timeout_s, _make_change, step, journal)
    except TimeoutError as error:
        raise TimeoutError(f"{step.title}: not done within {step.timeout_s:g} s") from error


def _make_change(step: LinuxStep, journal: UndoJournal) -> None:
    if problem := step.needs():
        raise LinuxStepFailed(f"{step.title}: {problem}")
    record = step.undo()
    if record is not None:
        journal.append(record)
    try:
        step.do()
    except (OSError, NetlinkError) as error:
        raise LinuxStepFailed(f"{step.title}: {getattr(error, 'strerror', None) or error}") from error
    if problem := step.holds():
        raise LinuxStepFailed(f"{step.title}: {problem}")
