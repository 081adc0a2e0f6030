"""The journal of what must be undone."""

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from vppd_guard.linux.captured import CapturedLink, CaptureTime, LinuxAddress, LinuxRoute
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.undo.records import (
    DriverBoundRecord,
    FileWrittenRecord,
    KernelSetRecord,
    LinkMovedRecord,
    UndoRecord,
    UplinkCapturedRecord,
    VppStartedRecord,
    last_vpp_in_undo_records,
    uplinks_in_undo_records,
)

CAPTURED = CapturedLink(
    name="eth0", mac="02:90:00:00:00:01", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),)
)
RECORDS = [UplinkCapturedRecord(CAPTURED), LinkMovedRecord("eth0", "calico-vpp-ns"), VppStartedRecord(17, 4711)]

# One record of each kind as the first guard wrote them, byte by byte. A guard of any version may have left these.
OF_FIRST_VERSION = rb"""
b75870bf {"type":"captured","uplink":{"name":"eth0","mac":"02:90:00:00:00:07","mtu":1500,"addresses":[{"address":"192.0.2.7/24","label":"eth0"}],"routes":[{"prefix":"0.0.0.0/0","gateway":"192.0.2.1","metrics":[[2,"FAUAAA=="]]}],"taken":{"boottime_s":10.0,"wall_s":20.0,"boot":"b"}},"driver":"af_xdp","answered":["192.0.2.1"]}
2d00137c {"type":"file-written","path":"/run/x","wrote":"bmV3","before":null,"mode":420,"then":["systemd-udevd"]}
5c07d0ec {"type":"kernel-set","path":"/proc/sys/x","before":"1"}
56d40486 {"type":"driver-bound","pci":"0000:00:05.0","before":"virtio-pci","link":"eth0"}
6e3a358d {"type":"link-moved","name":"eth0","netns":"calico-vpp-ns"}
2b5f7ba7 {"type":"vpp-started","pid":17,"started":4711}
""".lstrip()  # noqa: E501 # lines of the journal
RECORDS_OF_FIRST_VERSION: list[UndoRecord] = [
    UplinkCapturedRecord(
        CapturedLink(
            name="eth0",
            mac="02:90:00:00:00:07",
            mtu=1500,
            addresses=(LinuxAddress("192.0.2.7/24", label="eth0"),),
            routes=(LinuxRoute("0.0.0.0/0", gateway="192.0.2.1", metrics=((2, b"\x14\x05\0\0"),)),),
            taken=CaptureTime(boottime_s=10.0, wall_s=20.0, boot="b"),
        ),
        driver="af_xdp",
        answered=("192.0.2.1",),
    ),
    FileWrittenRecord("/run/x", wrote=b"new", then=("systemd-udevd",)),
    KernelSetRecord("/proc/sys/x", before="1"),
    DriverBoundRecord("0000:00:05.0", before="virtio-pci", link="eth0"),
    LinkMovedRecord("eth0", "calico-vpp-ns"),
    VppStartedRecord(17, 4711),
]


def test_a_journal_that_the_first_guard_has_left_is_read(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    journal.path.write_bytes(OF_FIRST_VERSION)
    assert journal.read() == RECORDS_OF_FIRST_VERSION


def test_the_journal_is_written_as_the_first_guard_wrote_it(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    for record in RECORDS_OF_FIRST_VERSION:
        journal.append(record)
    assert journal.path.read_bytes() == OF_FIRST_VERSION


def test_the_journal_gives_back_what_was_noted(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "guard")
    assert journal.read() == []
    for record in RECORDS:
        journal.append(record)
    assert UndoJournal(tmp_path / "guard").read() == RECORDS
    assert uplinks_in_undo_records(RECORDS) == [UplinkCapturedRecord(CAPTURED)]
    assert last_vpp_in_undo_records(RECORDS) == VppStartedRecord(17, 4711)
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
    journal.append(RECORDS[1])
    assert journal.read() == RECORDS[:2]


def test_a_record_for_which_there_is_no_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = UndoJournal(tmp_path)
    journal.append(RECORDS[0])
    write, room = os.write, [10]

    def write_some(handle: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "no space")
        return write(handle, data[: room.pop()])

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(OSError, match=r"no space.*undo\.journal"):
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


def test_a_newer_capture_takes_the_place_of_the_older_one_and_everything_else_stays(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    other = UplinkCapturedRecord(CapturedLink(name="eth1", mac="02:90:00:00:00:02", mtu=1500))
    for record in (RECORDS[0], other, *RECORDS[1:]):
        journal.append(record)
    newer = UplinkCapturedRecord(replace(CAPTURED, mtu=1400), tap_index=3)
    journal.replace_captured(newer)
    assert journal.read() == [newer, other, *RECORDS[1:]]
    journal.append(KernelSetRecord("/proc/sys/x", before="1"))
    assert journal.read()[-1] == KernelSetRecord("/proc/sys/x", before="1")
    assert [path.name for path in tmp_path.iterdir()] == [journal.path.name]


def test_a_newer_capture_that_cannot_be_written_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    for record in RECORDS:
        journal.append(record)
    newer = UplinkCapturedRecord(replace(CAPTURED, mtu=1400), tap_index=3)
    (tmp_path / f".{journal.path.name}.vppd-new").mkdir()
    with pytest.raises(OSError, match=r"undo\.journal"):
        journal.replace_captured(newer)
    assert journal.read() == RECORDS


def test_a_newer_capture_of_what_is_undone_already_makes_no_new_journal(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    journal.append(RECORDS[0])
    journal.clear()
    with pytest.raises(FileNotFoundError):
        journal.replace_captured(UplinkCapturedRecord(CAPTURED, tap_index=3))
    assert not journal.path.exists()
