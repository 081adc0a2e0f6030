"""The guard's files on a disk that is full or read-only: what must be undone is on it whole, or is never done."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import lock
from tests.file_systems import BLOCK, SmallFileSystem, small_file_system
from vppd_guard.report.history import GuardHistory
from vppd_guard.report.history_line import GuardHistoryLine
from vppd_guard.states.checks import state_directory_problem
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import KernelSetRecord


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallFileSystem]:
    with small_file_system(tmp_path / "guard") as disk:
        yield disk


def record(number: int) -> KernelSetRecord:
    return KernelSetRecord(f"/proc/sys/net/{number}", before="x" * 300)


def fill_with_records(journal: UndoJournal) -> list[KernelSetRecord]:
    """Those that the journal took until there was no room for the next."""
    records: list[KernelSetRecord] = []
    while (refused := refusal(journal, record(len(records)))) is None:
        records.append(record(len(records)))
    assert (refused.errno, refused.filename) == (errno.ENOSPC, str(journal.path))
    return records


def refusal(journal: UndoJournal, refused: KernelSetRecord) -> OSError | None:
    """Why the journal does not take the record."""
    try:
        journal.append(refused)
    except OSError as error:
        return error
    return None


def test_the_journal_tells_all_that_it_took_and_nothing_of_what_it_refused(disk: SmallFileSystem) -> None:
    journal = UndoJournal(disk.path)
    journal.append(record(0))
    disk.fill()
    more = fill_with_records(journal)
    assert 0 < len(more) < BLOCK // 300, "the last block of the file had room for some, and for a part of the next"
    taken = [record(0), *more]
    assert journal.read() == taken
    disk.empty()
    journal.append(record(99))
    assert journal.read() == [*taken, record(99)]


def test_a_torn_end_on_a_read_only_disk_hides_no_later_record(disk: SmallFileSystem) -> None:
    journal = UndoJournal(disk.path)
    journal.append(record(0))
    with journal.path.open("ab") as file:
        file.write(b"0badc0de {half a rec")
    with disk.read_only():
        with pytest.raises(OSError, match=r"Read-only file system.*undo\.journal"):
            journal.append(record(1))
        assert journal.read() == [record(0)]
    journal.append(record(2))
    assert journal.read() == [record(0), record(2)]


def test_a_preflight_says_why_nothing_can_be_taken(disk: SmallFileSystem) -> None:
    assert "bytes free" in state_directory_problem(disk.path)
    disk.fill()
    assert "No space left on device: nothing is taken" in state_directory_problem(disk.path)
    with disk.read_only():
        assert "Read-only file system: nothing is taken" in state_directory_problem(disk.path)


def test_a_history_for_which_there_is_no_room_loses_lines_and_stays_readable(disk: SmallFileSystem) -> None:
    history = GuardHistory(disk.path)
    history.add(GuardHistoryLine(at=0.0, what="first"))
    disk.fill()
    for number in range(100):
        history.add(GuardHistoryLine(at=float(number), what="x" * 300))
    disk.empty()
    history.add(GuardHistoryLine(at=1000.0, what="last"))
    texts = history.path.read_text().splitlines()
    assert [json.loads(text)["what"][:5] for text in texts] == ["first", *["xxxxx"] * (len(texts) - 2), "last"]


def test_the_guard_has_its_lock_although_its_number_cannot_be_told(disk: SmallFileSystem) -> None:
    disk.fill()
    path = disk.path / "lock"
    imports = "from pathlib import Path; from bus import lock"
    code = f"{imports}; lock.acquire_lock_file(Path({str(path)!r})); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "1\n"
        with pytest.raises(lock.LockFileHeld, match="unknown"):
            lock.acquire_lock_file(path)
        holder.communicate("\n")
