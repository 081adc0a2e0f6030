"""Edge: the undo journal on disk. Each record is synced before the change that it undoes.

One checksummed line a record. A torn or damaged last line belongs to a change that was never made. The journal is
removed once everything is undone; a guard that finds one at its start has a predecessor to clean up after, or a VPP to
adopt.
"""

import os
from pathlib import Path

import msgspec

from schemas.checksummed_json import decode_line, encode_line
from vppd_guard.undo.records import UndoRecord

_decoder: msgspec.json.Decoder[UndoRecord] = msgspec.json.Decoder(UndoRecord)


class UndoJournal:
    """The journal in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "undo.journal"

    def append(self, record: UndoRecord) -> None:
        """Appends a record and waits until the disk has it. Raises OSError: nothing has been written."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = encode_line(record)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            end = os.fstat(handle).st_size
            try:
                if os.write(handle, line) != len(line):
                    raise OSError(28, "no space for the undo journal", str(self.path))
                os.fsync(handle)
            except OSError:
                # Half a line would hide every record after it.
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)
        self._sync_directory()

    def read(self) -> list[UndoRecord]:
        """All records, oldest first; none without a journal. Raises OSError."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        records: list[UndoRecord] = []
        for line in lines[:-1]:
            record = decode_line(line, _decoder)
            if record is None:
                break
            records.append(record)
        return records

    def cut_torn_end(self) -> None:
        """Cuts off the torn end that a power failure leaves: records after it could not be read."""
        if not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")
        whole = sum(len(line) + 1 for line in lines[: len(self.read())])
        if self.path.stat().st_size > whole:
            os.truncate(self.path, whole)

    def clear(self) -> None:
        """Removes the journal: everything is undone."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir():
            self._sync_directory()

    def _sync_directory(self) -> None:
        handle = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
