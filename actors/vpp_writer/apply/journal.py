"""What VPP holds, for the next life of this process: append-only records on tmpfs, tied to one life of VPP.

No fsync: the file outlives this process, not the machine, and neither does VPP. An object is noted before its first
call (`begin`), so that after a crash in the middle its outcome counts as unknown and it is written again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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

JOURNAL_FRAME_RECORDS = 1000  # at most, of what is written anew
_COMPACT_AT = 4  # times more records than objects


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
    """All that the journal at `path` tells; nothing if there is none or it does not begin with a life."""
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
    """The file that is to replace the journal: the objects of its start, and after them what was appended since."""

    def __init__(
        self, path: Path, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str]
    ) -> None:
        self.path, self.records = path, len(objects)
        self._keys, self._objects = deque(objects), deque(objects.values())
        # An unconfirmed object stays so until it has been written or deleted.
        self._since = [writer_journal_frame([write_begun_record(key, objects[key]) for key in unconfirmed])]
        self._file = path.open("wb", buffering=0)
        self._file.write(writer_journal_frame([life]))

    def append(self, data: bytes, records: int) -> None:
        """This frame has been appended to the journal meanwhile."""
        self._since.append(data)
        self.records += records

    def write_some(self) -> bool:
        """Writes some more; True: that was all."""
        number = min(len(self._keys), JOURNAL_FRAME_RECORDS)
        self._file.write(
            writer_journal_frame(
                [object_held_record(self._keys.popleft(), self._objects.popleft()) for _ in range(number)]
            )
        )
        if self._keys:
            return False
        self._file.write(b"".join(self._since))
        self._file.close()
        return True

    def close(self) -> None:
        self._file.close()


class WriterJournal:
    """The journal that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = None if not path.exists() else path.open("ab", buffering=0)
        self._records = 0
        self._rewrite: _Rewrite | None = None

    def start(self, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """Begins anew: this life of VPP, what it holds, what of that is unconfirmed. Replaces the file in one step."""
        self.compact(life, objects, unconfirmed)
        while self.compacting:
            self.write_some()

    def compact(self, life: VppLifeRecord, objects: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """As `start`, a part with each `write_some`; until the last of them the old file tells everything."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._rewrite is not None:
            self._rewrite.close()
        self._rewrite = _Rewrite(self.path.with_suffix(".new"), life, objects, unconfirmed)

    @property
    def compacting(self) -> bool:
        """Is the file being written anew?"""
        return self._rewrite is not None

    def write_some(self) -> None:
        """Writes some more of the new file."""
        rewrite = self._rewrite
        if rewrite is not None and rewrite.write_some():
            rewrite.path.replace(self.path)
            self.close()
            self._file = self.path.open("ab", buffering=0)
            self._records = rewrite.records

    def append(self, *records: WriterRecord) -> None:
        """Appends records, all of them or none."""
        if self._file is None:
            raise RuntimeError("the journal has not been started")
        if records:
            data, number = writer_journal_frame(records), number_of_recorded_objects(records)
            self._file.write(data)
            self._records += number
            if self._rewrite is not None:
                self._rewrite.append(data, number)

    def wants_compaction(self, objects: int) -> bool:
        """Has the file grown far beyond what it tells?"""
        return not self.compacting and self._records > 1000 + _COMPACT_AT * objects

    def close(self) -> None:
        for file in (self._file, self._rewrite):
            if file is not None:
                file.close()
        self._file = self._rewrite = None
