"""A change of Linux, as data: what must be so before, what is done, what must be so after, and how it is undone.

`run` is the only way by which the guard changes Linux during a takeover. The undo record is on disk before the
change begins; success is the effect (`holds`), never a return code.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from pyroute2.netlink.exceptions import NetlinkError

from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import Record


class StepFailed(Exception):
    """A step was not possible, or had not the effect that it should have; the text names both."""


def no_objection() -> str:
    """Nothing to object to."""
    return ""


@dataclass(frozen=True, kw_only=True)
class LinuxStep:
    """One change. `needs` and `holds` return "" or what is wrong, in words; all of them block."""

    title: str  # in words: "move eth0 to the namespace calico-vpp-ns"
    do: Callable[[], None]
    holds: Callable[[], str]
    needs: Callable[[], str] = no_objection
    undo: Callable[[], Record | None] = lambda: None  # read just before the change; None: nothing to undo
    timeout_s: float = 5.0


async def run_step(step: LinuxStep, journal: UndoJournal, hands: Executor) -> None:
    """Makes the change in `hands`, whose one thread makes all changes: one that is cut short ends before the next.

    Raises StepFailed, TimeoutError, and OSError if the undo record could not be written: then nothing has been done.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(step.timeout_s):
        await loop.run_in_executor(hands, _run, step, journal)


def _run(step: LinuxStep, journal: UndoJournal) -> None:
    if problem := step.needs():
        raise StepFailed(f"{step.title}: {problem}")
    record = step.undo()
    if record is not None:
        journal.append(record)
    try:
        step.do()
    except (OSError, NetlinkError) as error:
        raise StepFailed(f"{step.title}: {getattr(error, 'strerror', None) or error}") from error
    if problem := step.holds():
        raise StepFailed(f"{step.title}: {problem}")
