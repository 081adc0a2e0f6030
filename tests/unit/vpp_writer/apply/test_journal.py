"""The writer's journal: what it tells, and what it tells when it is torn, damaged, or of another life."""

import errno
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.apply import journal
from actors.vpp_writer.apply.journal import (
    JOURNAL_FRAME_RECORDS,
    ObjectRemovedRecord,
    VppLifeRecord,
    WriterJournal,
    WriterJournalContents,
    object_held_record,
    read_writer_journal,
    write_begun_record,
)
from actors.vpp_writer.reconcile.held import HeldObject, SuspectIntent
from schemas.intents import LoopbackIntent, RouteIntent, RoutePath
from tests.unit.bus.test_whole_files import FAILURES, failing

LIFE = VppLifeRecord(3, 17, 4711, {"route/x": SuspectIntent(5, 1)})
LOOP = HeldObject("cni", LoopbackIntent("loop/a", "02:00:00:00:00:0a", "loop-a"), {"sw_if_index": 4})
ROUTE = HeldObject("routing", RouteIntent("default", "10.0.0.0/24", (RoutePath(),)))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[WriterJournal]:
    book = WriterJournal(tmp_path / "writer" / "journal")
    book.start(LIFE, {})
    yield book
    book.close()


def test_what_was_done_is_recalled_with_its_details(book: WriterJournal) -> None:
    book.append(write_begun_record("a", LOOP), object_held_record("a", LOOP))
    assert read_writer_journal(book.path) == WriterJournalContents(LIFE, {"a": LOOP}, {})


def test_what_was_begun_and_not_done_is_unknown(book: WriterJournal) -> None:
    book.append(object_held_record("a", LOOP), write_begun_record("b", ROUTE))
    recalled = read_writer_journal(book.path)
    assert recalled.objects == {"a": LOOP}
    assert recalled.unfinished == {"b": ROUTE}


def test_what_is_gone_is_neither(book: WriterJournal) -> None:
    book.append(
        write_begun_record("a", LOOP),
        object_held_record("a", LOOP),
        write_begun_record("a", LOOP),
        ObjectRemovedRecord("a"),
    )
    assert read_writer_journal(book.path) == WriterJournalContents(LIFE, {}, {})


def test_a_new_life_forgets_the_old_one_in_one_step(book: WriterJournal) -> None:
    book.append(object_held_record("a", LOOP))
    book.start(VppLifeRecord(4, 18, 4712), {"b": ROUTE})
    assert read_writer_journal(book.path) == WriterJournalContents(VppLifeRecord(4, 18, 4712), {"b": ROUTE}, {})


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_tail_ends_the_reading(book: WriterJournal, cut: int) -> None:
    book.append(object_held_record("a", LOOP))
    whole = book.path.stat().st_size
    book.append(object_held_record("b", ROUTE))
    data = book.path.read_bytes()
    book.path.write_bytes(data[: max(whole, len(data) - cut)])
    assert read_writer_journal(book.path).objects == {"a": LOOP}


def test_a_damaged_record_ends_the_reading(book: WriterJournal) -> None:
    book.append(object_held_record("a", LOOP))
    whole = book.path.stat().st_size
    book.append(object_held_record("b", ROUTE), object_held_record("c", LOOP))
    data = bytearray(book.path.read_bytes())
    data[whole + 12] ^= 0xFF
    book.path.write_bytes(data)
    assert read_writer_journal(book.path).objects == {"a": LOOP}


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff" * 64])
def test_a_file_that_is_no_journal_tells_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "journal"
    assert read_writer_journal(path) == WriterJournalContents()
    path.write_bytes(data)
    assert read_writer_journal(path) == WriterJournalContents()


def test_it_asks_to_be_compacted_only_when_it_has_grown_far(book: WriterJournal) -> None:
    assert not book.wants_rewrite(objects=1)
    for _ in range(600):
        book.append(object_held_record("a", LOOP), ObjectRemovedRecord("a"))
    assert book.wants_rewrite(objects=1)


@given(st.lists(st.tuples(st.sampled_from(["done", "gone", "begin", "go on"]), st.integers(0, 40)), max_size=60))
def test_while_it_is_written_anew_it_tells_the_same(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as directory, patch.object(journal, "JOURNAL_FRAME_RECORDS", 7):
        book = WriterJournal(Path(directory, "journal"))
        expected = WriterJournalContents(LIFE, {str(number): ROUTE for number in range(30)}, {"3": ROUTE})
        book.start(LIFE, expected.objects, expected.unfinished)
        book.compact(LIFE, expected.objects, expected.unfinished)
        for step, number in steps:
            key = str(number)
            if step == "done":
                book.append(object_held_record(key, LOOP))
                expected.objects[key] = LOOP
            elif step == "gone":
                book.append(ObjectRemovedRecord(key))
                expected.objects.pop(key, None)
            elif step == "begin":
                book.append(write_begun_record(key, ROUTE))
                expected.unfinished[key] = ROUTE
            else:
                book.write_some()
            if step in ("done", "gone"):
                expected.unfinished.pop(key, None)
            assert read_writer_journal(book.path) == expected
        while book.compacting:
            book.write_some()
        assert read_writer_journal(book.path) == expected
        assert not book.path.with_suffix(".new").exists()
        book.close()


def test_a_life_that_ends_while_it_is_written_anew_loses_nothing(book: WriterJournal) -> None:
    objects = {str(number): ROUTE for number in range(3 * JOURNAL_FRAME_RECORDS)}
    book.start(LIFE, objects)
    book.compact(LIFE, objects)
    book.write_some()
    book.append(ObjectRemovedRecord("0"))
    book.close()
    recalled = read_writer_journal(book.path)
    assert recalled.objects.keys() == objects.keys() - {"0"}
    again = WriterJournal(book.path)
    again.start(LIFE, recalled.objects)
    again.close()
    assert read_writer_journal(book.path).objects.keys() == objects.keys() - {"0"}


STEPS = st.sampled_from(["done", "gone", "begin", "go on", "compact", "start"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 40)), max_size=40), FAILURES)
def test_a_journal_that_could_not_be_written_whole_is_none_until_it_is_written_anew(
    steps: list[tuple[str, int]], failures: list[Any]
) -> None:
    with (
        TemporaryDirectory() as directory,
        patch.object(journal, "JOURNAL_FRAME_RECORDS", 7),
        failing("write", failures),
    ):
        book = WriterJournal(Path(directory, "journal"))
        expected = WriterJournalContents(LIFE, {str(number): ROUTE for number in range(30)})
        book.start(LIFE, expected.objects)
        for step, number in steps:
            take_step(book, expected, step, str(number))
            recalled = WriterJournal(book.path)
            assert recalled.recall() == (WriterJournalContents() if book.trouble else expected)
            recalled.close()
            assert not book.trouble or not book.compacting or not book.path.exists()
        book.start(LIFE, expected.objects, expected.unfinished)
        while book.trouble:  # the failures end
            book.start(LIFE, expected.objects, expected.unfinished)
        assert book.recall() == expected
        book.close()


def take_step(book: WriterJournal, expected: WriterJournalContents, step: str, key: str) -> None:
    """One step of the journal, and what a next life should be told then."""
    match step:
        case "done":
            book.append(object_held_record(key, LOOP))
            expected.objects[key] = LOOP
            expected.unfinished.pop(key, None)
        case "gone":
            book.append(ObjectRemovedRecord(key))
            expected.objects.pop(key, None)
            expected.unfinished.pop(key, None)
        case "begin" if key in expected.objects:
            book.append(write_begun_record(key, expected.objects[key]))
            expected.unfinished[key] = expected.objects[key]
        case "go on":
            book.write_some()
        case "compact":
            book.compact(LIFE, expected.objects, expected.unfinished)
        case "start":
            book.start(LIFE, expected.objects, expected.unfinished)


def test_one_that_was_dropped_is_asked_for_again_after_a_while(
    book: WriterJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing("write", [OSError(errno.ENOSPC, "No space left on device")]):
        book.append(object_held_record("a", LOOP))
    assert book.trouble == f"{book.path}: No space left on device"
    assert not book.wants_rewrite(objects=1)
    book.append(object_held_record("b", LOOP))
    later = time.monotonic() + journal.JOURNAL_AGAIN_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert book.wants_rewrite(objects=2)
    book.compact(LIFE, {"a": LOOP, "b": LOOP})
    book.append(ObjectRemovedRecord("a"))
    while book.compacting:
        book.write_some()
    assert not book.trouble
    assert book.recall() == WriterJournalContents(LIFE, {"b": LOOP})


def test_one_that_has_no_room_to_be_compacted_goes_on_as_it_is(book: WriterJournal) -> None:
    book.append(object_held_record("a", LOOP))
    with failing("write", [3, OSError(errno.ENOSPC, "No space left on device")]):
        book.compact(LIFE, {"a": LOOP})
        book.write_some()
    book.append(object_held_record("b", LOOP))
    assert not book.trouble
    assert not book.compacting
    assert book.recall() == WriterJournalContents(LIFE, {"a": LOOP, "b": LOOP})
    assert list(book.path.parent.iterdir()) == [book.path]


def test_what_cannot_be_written_any_more_is_not_believed(tmp_path: Path) -> None:
    """A file system that has become read-only still shows a journal that tells of an earlier time."""
    earlier = WriterJournal(tmp_path / "journal")
    earlier.start(LIFE, {"a": LOOP})
    earlier.close()
    with patch.object(Path, "open", side_effect=OSError(errno.EROFS, "Read-only file system")):
        later = WriterJournal(tmp_path / "journal")
    assert later.trouble == f"{later.path}: Read-only file system"
    assert later.recall() == WriterJournalContents()
