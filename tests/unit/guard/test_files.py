"""The journal of what must be undone."""

import os
from pathlib import Path

import pytest

from vppd_guard.linux.captured import CapturedLink, LinuxAddress
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import LinkMoved, UplinkCaptured, VppStarted, captured_uplinks, last_vpp

CAPTURED = CapturedLink(
    name="eth0", mac="02:90:00:00:00:01", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),)
)
RECORDS = [UplinkCaptured(CAPTURED), LinkMoved("eth0", "calico-vpp-ns"), VppStarted(17, 4711)]


def test_the_journal_gives_back_what_was_noted(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "guard")
    assert journal.read() == []
    for record in RECORDS:
        journal.append(record)
    assert UndoJournal(tmp_path / "guard").read() == RECORDS
    assert captured_uplinks(RECORDS) == [UplinkCaptured(CAPTURED)]
    assert last_vpp(RECORDS) == VppStarted(17, 4711)
    journal.clear()
    assert journal.read() == []


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_record_is_a_change_that_was_never_made(tmp_path: Path, cut: int) -> None:
    journal = UndoJournal(tmp_path)
    for record in RECORDS:
        journal.append(record)
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    assert journal.read() == RECORDS[:2]


def test_what_is_noted_after_a_torn_record_can_be_read(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    journal.append(RECORDS[0])
    with journal.path.open("ab") as handle:
        handle.write(b"0badc0de {half a rec")
    journal.cut_torn_end()
    journal.append(RECORDS[1])
    assert journal.read() == RECORDS[:2]


def test_a_record_for_which_there_is_no_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = UndoJournal(tmp_path)
    journal.append(RECORDS[0])
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
    with pytest.raises(OSError, match="no space"):
        journal.append(RECORDS[1])
    monkeypatch.undo()
    journal.append(RECORDS[2])
    assert journal.read() == [RECORDS[0], RECORDS[2]]


def test_a_damaged_record_ends_the_reading(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    for record in RECORDS:
        journal.append(record)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + lines[1].replace(b"eth0", b"eth1") + lines[2])
    assert journal.read() == RECORDS[:1]
