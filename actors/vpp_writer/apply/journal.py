"""Edge: what VPP holds, for the next life of this process: append-only records on tmpfs, tied to one life of VPP.

No fsync: the file outlives this process, not the machine, and neither does VPP. An object is noted before its first
call (`begin`), so that after a crash in the middle its outcome counts as unknown and it is written again.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from actors.vpp_writer.apply.records import (
    ObjectHeldRecord,
    ObjectRemovedRecord,
    VppLifeRecord,
    WriteBatchBegunRecord,
    WriteBatchSucceededRecord,
    WriteBegunRecord,
    WriterRecord,
    WriteSucceededRecord,
    number_of_recorded_objects,
    object_held_record,
    write_begun_record,
    writer_journal_frame,
    writer_records_in,
)
from actors.vpp_writer.reconcile.held import HeldObject
from bus import whole_files

JOURNAL_FRAME_RECORDS = 1000  # at most, of what is written anew
_COMPACT_AT = 4  # times more records than objects
JOURNAL_AGAIN_S = 5.0  # after it could not be written


@dataclass
class WriterJournalContents:
    """What a journal tells. `unfinished`: objects whose calls began and did not end."""

    life: VppLifeRecord | None = None
    objects: dict[str, HeldObject] = field(default_factory=dict)
    unfinished: dict[str, HeldObject] = field(default_factory=dict)

    def succeed(self, key: str, details: Mapping[str, int | str] | None = None) -> None:
        """The calls of an object ended well."""
        if (attempt := self.unfinished.pop(key, None)) is not None:
            self.objects[key] = attempt if details is None else HeldObject(attempt.owner, attempt.intent, dict(details))


def read_writer_journal(path: Path) -> WriterJournalContents:
    """All that the journal at `path` tells; nothing if it is missing or does not begin with a life. Raises OSError."""
    contents = WriterJournalContents()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return contents
    for record in writer_records_in(data):
        match record:
            case VppLifeRecord():
                contents = WriterJournalContents(life=record)
            case WriteBegunRecord(key=key):
                contents.unfinished[key] = HeldObject(record.owner, record.intent)
            case WriteBatchBegunRecord():
                for key, intent in zip(record.keys, record.intents, strict=True):
                    contents.unfinished[key] = HeldObject(record.owner, intent)
            case ObjectHeldRecord():
                contents.objects[record.key] = HeldObject(record.owner, record.intent, dict(record.details))
                contents.unfinished.pop(record.key, None)
            case WriteSucceededRecord(key=key):
                contents.succeed(key, record.details)
            case WriteBatchSucceededRecord():
                for key in record.keys:
                    contents.succeed(key)
            case ObjectRemovedRecord(key=key):
                contents.objects.pop(key, None)
                contents.unfinished.pop(key, None)
    return contents if contents.life else WriterJournalContents()


class _Rewrite:
    """The file that is to replace the journal: the objects of its start, and after them what was appended since.

    All raise OSError.
    """

    def __init__(
        self, path: Path, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str]
    ) -> None:
        self.path, self.records = path, len(objects)
        self._keys, self._objects = deque(objects), deque(objects.values())
        # An unconfirmed object stays so until it has been written or deleted.
        self._since = [writer_journal_frame([write_begun_record(key, objects[key]) for key in unconfirmed])]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        try:
            self._write(writer_journal_frame([life]))
        except OSError:
            self._file.close()
            raise

    def _write(self, data: bytes) -> None:
        whole_files.write_file_whole(self._file.fileno(), data, self.path)

    def append(self, data: bytes, records: int) -> None:
        """This frame has been appended to the journal meanwhile."""
        self._since.append(data)
        self.records += records

    def write_some(self) -> bool:
        """Writes some more; True: that was all."""
        number = min(len(self._keys), JOURNAL_FRAME_RECORDS)
        self._write(
            writer_journal_frame(
                [object_held_record(self._keys.popleft(), self._objects.popleft()) for _ in range(number)]
            )
        )
        if self._keys:
            return False
        self._write(b"".join(self._since))
        self._file.close()
        return True

    def close(self) -> None:
        self._file.close()


class WriterJournal:
    """The journal that is being written.

    Nothing here raises OSError: a journal that cannot be written is dropped, and written anew later. `trouble` says
    why; "": it is written. Without a journal the next life of this process knows only what VPP shows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        self._file: FileIO | None = None
        self._records = 0
        self._rewrite: _Rewrite | None = None
        self._failed_at = float("-inf")  # when it could not be written last
        try:
            self._file = path.open("ab", buffering=0) if path.exists() else None
        except OSError as error:  # then it may have been so before: what it tells is not what VPP holds
            self._drop(error)

    def recall(self) -> WriterJournalContents:
        """What an earlier life has left; nothing if that cannot be relied on."""
        try:
            return read_writer_journal(self.path) if not self.trouble else WriterJournalContents()
        except OSError as error:
            self._drop(error)
            return WriterJournalContents()

    def start(self, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """Begins anew: this life of VPP, what it holds, what of that is unconfirmed. Replaces the file in one step."""
        self.close()  # nothing of this life is added to the old file
        self.compact(life, objects, unconfirmed)
        while self.compacting:
            self.write_some()

    def compact(self, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """As `start`, a part with each `write_some`; until the last of them the old file tells everything."""
        if self._rewrite is not None:
            self._rewrite.close()
        try:
            self._rewrite = _Rewrite(self._new_path, life, objects, unconfirmed)
        except OSError as error:
            self._give_rewrite_up(error)

    @property
    def _new_path(self) -> Path:
        return self.path.with_suffix(".new")

    @property
    def compacting(self) -> bool:
        """Is the file being written anew?"""
        return self._rewrite is not None

    def write_some(self) -> None:
        """Writes some more of the new file."""
        rewrite = self._rewrite
        try:
            if rewrite is not None and rewrite.write_some():
                rewrite.path.replace(self.path)
                self.close()
                self._file = self.path.open("ab", buffering=0)
                self._records, self.trouble = rewrite.records, ""
        except OSError as error:
            self._give_rewrite_up(error)

    def append(self, *records: WriterRecord) -> None:
        """Appends records, all of them or none."""
        if self._file is None and self._rewrite is None and not self.trouble:
            raise RuntimeError("the journal has not been started")
        if not records or (self._file is None and self._rewrite is None):
            return
        data, number = writer_journal_frame(records), number_of_recorded_objects(records)
        if self._file is not None:
            try:
                whole_files.append_file_whole(self._file.fileno(), data, self.path)
            except OSError as error:
                self._drop(error)
                return
            self._records += number
        if self._rewrite is not None:
            self._rewrite.append(data, number)

    def wants_rewrite(self, objects: int) -> bool:
        """Has the file grown far beyond what it tells, or is there none?"""
        if self.compacting or time.monotonic() - self._failed_at < JOURNAL_AGAIN_S:
            return False
        return bool(self.trouble) or self._records > 1000 + _COMPACT_AT * objects

    def close(self) -> None:
        for file in (self._file, self._rewrite):
            if file is not None:
                file.close()
        self._file = self._rewrite = None

    def _give_rewrite_up(self, error: OSError) -> None:
        """The old file goes on, if there is one."""
        if self._file is None:
            self._drop(error)
            return
        self._failed_at = time.monotonic()
        if self._rewrite is not None:
            self._rewrite.close()
            self._rewrite = None
        with suppress(OSError):
            self._new_path.unlink(missing_ok=True)

    def _drop(self, error: OSError) -> None:
        """No journal is better than one that does not tell everything."""
        self.trouble, self._failed_at = f"{self.path}: {error.strerror or error}", time.monotonic()
        self.close()
        for path in (self.path, self._new_path):
            with suppress(OSError):
                path.unlink(missing_ok=True)
