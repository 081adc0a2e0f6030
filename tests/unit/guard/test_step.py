"""A change of Linux: noted before it is made, believed by its effect."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from vppd_guard.undo.executor import LinuxStepExecutor
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import KernelSetRecord
from vppd_guard.undo.step import LinuxStep, LinuxStepFailed, run_undoable_step

RECORD = KernelSetRecord("/proc/sys/x", "1")


def make(step: LinuxStep, journal: UndoJournal) -> None:
    executor = LinuxStepExecutor()
    try:
        asyncio.run(run_undoable_step(step, journal, executor))
    finally:
        executor.close()


def step(do: Callable[[], None], *, needs: str = "", wrong: str = "", timeout_s: float = 5.0) -> LinuxStep:
    return LinuxStep(
        title="set x", do=do, needs=lambda: needs, holds=lambda: wrong, undo=lambda: RECORD, timeout_s=timeout_s
    )


def test_the_undo_record_is_on_disk_when_the_change_begins(tmp_path: Path) -> None:
    journal, journals = UndoJournal(tmp_path), []
    make(step(lambda: journals.append(journal.read())), journal)
    assert journals == [[RECORD]]


def test_what_cannot_be_noted_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    changes: list[int] = []
    with pytest.raises(OSError, match="file"):
        make(step(lambda: changes.append(1)), UndoJournal(tmp_path / "file"))
    assert changes == []


def test_a_step_whose_precondition_does_not_hold_leaves_no_trace(tmp_path: Path) -> None:
    journal, changes = UndoJournal(tmp_path), list[int]()
    with pytest.raises(LinuxStepFailed, match="set x: there is no x"):
        make(step(lambda: changes.append(1), needs="there is no x"), journal)
    assert (changes, journal.read()) == ([], [])


def test_success_is_the_effect(tmp_path: Path) -> None:
    with pytest.raises(LinuxStepFailed, match="set x: x is still 1"):
        make(step(lambda: None, wrong="x is still 1"), UndoJournal(tmp_path))


def test_what_the_kernel_refuses_is_said_with_the_step(tmp_path: Path) -> None:
    def refuse() -> None:
        raise OSError(1, "Operation not permitted")

    with pytest.raises(LinuxStepFailed, match="set x: Operation not permitted"):
        make(step(refuse), UndoJournal(tmp_path))


def test_a_change_that_is_cut_short_ends_before_the_next_begins() -> None:
    order, release = list[str](), threading.Event()

    def slow() -> None:
        release.wait(10)
        order.append("slow")

    async def main() -> None:
        executor = LinuxStepExecutor()
        first = asyncio.create_task(executor.run(10.0, slow))
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.create_task(executor.run(10.0, order.append, "restore"))
        await asyncio.sleep(0)
        release.set()
        await second

    asyncio.run(main())
    assert order == ["slow", "restore"]


def test_hands_that_hang_in_the_kernel_are_given_up_so_that_linux_can_be_restored() -> None:
    release = threading.Event()

    async def main() -> str:
        executor = LinuxStepExecutor()
        with pytest.raises(TimeoutError):
            await executor.run(0.01, release.wait, 10)
        try:
            return await executor.run(5.0, lambda: "restored")
        finally:
            release.set()

    assert asyncio.run(main()) == "restored"
