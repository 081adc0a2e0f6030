"""Edge: the undo journal on disk. Each record is synced before the change that it undoes.

One checksummed line a record. A torn or damaged last line belongs to a change that was never made. The journal is
removed once everything is undone; a guard that finds one at its start has a predecessor to clean up after, or a VPP to
adopt.
"""

import errno
import os
from pathlib import Path

import msgspec

from bus import whole_files
from schemas.checksummed_json import decode_checksummed_line, encode_checksummed_line
from vppd_guard.undo.records import UndoRecord, UplinkCapturedRecord

_decoder: msgspec.json.Decoder[UndoRecord] = msgspec.json.Decoder(UndoRecord)


class UndoJournal:
    """The journal in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "undo.journal"

    def append(self, record: UndoRecord) -> None:
        """Appends a record and waits until the disk has it. Raises OSError: the journal does not tell of it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._cut_torn_end(handle)
            whole_files.append_file_whole(handle, encode_checksummed_line(record), self.path, sync=True)
        finally:
            os.close(handle)
        whole_files.sync_directory(self.path.parent)

    def replace_captured(self, record: UplinkCapturedRecord) -> None:
        """Replaces what the journal has of that uplink, in its place, and waits until the disk has it.

        The journal is written aside and renamed: a crash leaves the old one or the new one. Raises OSError: it is as
        it was.
        """
        records = self.read()
        if not any(_is_of(record.uplink.name, old) for old in records):
            raise FileNotFoundError(errno.ENOENT, f"does not tell of {record.uplink.name}", str(self.path))
        newer = (record if _is_of(record.uplink.name, old) else old for old in records)
        whole_files.replace_file_whole(self.path, b"".join(map(encode_checksummed_line, newer)))

    def read(self) -> list[UndoRecord]:
        """All records, oldest first; none without a journal. Raises OSError."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        records: list[UndoRecord] = []
        for line in lines[:-1]:
            record = decode_checksummed_line(line, _decoder)
            if record is None:
                break
            records.append(record)
        return records

    def clear(self) -> None:
        """Removes the journal: everything is undone. Raises OSError."""
        whole_files.remove_file_synced(self.path)

    def _cut_torn_end(self, handle: int) -> None:
        """Cuts off what a power failure, or a disk that was full, has left: records after it could not be read."""
        lines = self.path.read_bytes().split(b"\n")
        whole = sum(len(line) + 1 for line in lines[: len(self.read())])
        if os.fstat(handle).st_size > whole:
            os.ftruncate(handle, whole)


def _is_of(uplink: str, record: UndoRecord) -> bool:
    """Is it the capture of that uplink?"""
    return isinstance(record, UplinkCapturedRecord) and record.uplink.name == uplink
