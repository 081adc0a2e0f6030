"""What VPP holds, for the next life of this process: append-only records on tmpfs, tied to one life of VPP.

Records that are noted together are one frame: `length u32, crc32 u32`, MessagePack list. No fsync: the file outlives
this process, not the machine, and neither does VPP. A torn frame ends the reading. An object is noted before its
first call (`begin`), so that after a crash in the middle its outcome counts as unknown and it is written again.
"""

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from actors.vpp_writer.kinds.indices import NO_DETAILS
from actors.vpp_writer.reconcile.held import HeldObject, Suspect
from schemas.intents import AnyIntent

_HEADER = struct.Struct("<II")
FRAME_BYTES_MAX = 256 << 20
FRAME_RECORDS = 1000  # at most, of what is written anew
COMPACT_AT = 4  # times more records than objects


class VppLife(Struct, frozen=True, tag="life"):
    """One life of VPP, and the objects that were being written when an earlier one ended."""

    epoch: int
    pid: int
    started: int  # clock ticks since boot, /proc/<pid>/stat: tells a reused pid
    suspects: dict[str, Suspect] = {}


class Begin(Struct, frozen=True, gc=False, omit_defaults=True, tag="begin"):
    """The object's calls begin: to write it, or to delete it."""

    key: str
    owner: str
    intent: AnyIntent


class BeginBatch(Struct, frozen=True, gc=False, tag="all-begin"):
    """The calls of many objects of one owner begin."""

    owner: str
    keys: list[str]
    intents: list[AnyIntent]


class Holds(Struct, frozen=True, gc=False, omit_defaults=True, tag="done"):
    """VPP holds the object."""

    key: str
    owner: str
    intent: AnyIntent
    details: dict[str, int | str] = {}


class Succeeded(Struct, frozen=True, gc=False, omit_defaults=True, tag="ended"):
    """The calls of an object that had begun ended well: VPP holds it."""

    key: str
    details: dict[str, int | str] = {}


class SucceededBatch(Struct, frozen=True, gc=False, tag="all-ended"):
    """The same of many of which there is nothing to know."""

    keys: list[str]


class Removed(Struct, frozen=True, gc=False, omit_defaults=True, tag="gone"):
    """VPP does not hold the object any more; `failed`: its calls ended without success."""

    key: str


Record = VppLife | Begin | BeginBatch | Holds | Succeeded | SucceededBatch | Removed
_decoder: msgspec.msgpack.Decoder[list[Record]] = msgspec.msgpack.Decoder(list[Record])


@dataclass
class JournalContents:
    """What a journal tells."""

    life: VppLife | None = None
    held: dict[str, HeldObject] = field(default_factory=dict)
    unknown: dict[str, HeldObject] = field(default_factory=dict)  # objects whose calls began and did not end


def read(path: Path) -> JournalContents:
    """All that the journal at `path` tells; nothing if there is none or it does not begin with a life."""
    recalled = JournalContents()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return recalled
    for record in _records(data):
        match record:
            case VppLife():
                recalled = JournalContents(life=record)
            case Begin(key=key):
                recalled.unknown[key] = HeldObject(record.owner, record.intent)
            case BeginBatch():
                begun = zip(record.keys, record.intents, strict=True)
                recalled.unknown.update({key: HeldObject(record.owner, intent) for key, intent in begun})
            case Holds():
                recalled.held[record.key] = HeldObject(record.owner, record.intent, dict(record.details))
                recalled.unknown.pop(record.key, None)
            case Succeeded(key=key):
                if (one := recalled.unknown.pop(key, None)) is not None:
                    recalled.held[key] = HeldObject(one.owner, one.intent, dict(record.details))
            case SucceededBatch():
                for key in record.keys:
                    if (one := recalled.unknown.pop(key, None)) is not None:
                        recalled.held[key] = one
            case Removed(key=key):
                recalled.held.pop(key, None)
                recalled.unknown.pop(key, None)
    return recalled if recalled.life else JournalContents()


def _records(data: bytes) -> Iterator[Record]:
    """Records up to the first frame that is torn or damaged."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + _HEADER.size + length]
        if length > FRAME_BYTES_MAX or len(body) < length or zlib.crc32(body) != checksum:
            return
        try:
            yield from _decoder.decode(body)
        except msgspec.DecodeError:
            return
        at += _HEADER.size + length


class _Rewrite:
    """The file that is to replace the journal: what was held when it was begun, and after it what was noted since."""

    def __init__(self, path: Path, life: VppLife, held: Mapping[str, HeldObject], unconfirmed: Iterable[str]) -> None:
        self.path, self.records = path, len(held)
        self._keys, self._held = deque(held), deque(held.values())
        begun = [
            begin_record(key, held[key]) for key in unconfirmed
        ]  # it stays so until it has been written or deleted
        self._since = [_frame(begun)]
        self._file = path.open("wb", buffering=0)
        self._file.write(_frame([life]))

    def note(self, frame: bytes, records: int) -> None:
        """This has been noted meanwhile."""
        self._since.append(frame)
        self.records += records

    def write_some(self) -> bool:
        """Writes some more; True: that was all."""
        number = min(len(self._keys), FRAME_RECORDS)
        self._file.write(_frame([holds_record(self._keys.popleft(), self._held.popleft()) for _ in range(number)]))
        if self._keys:
            return False
        self._file.write(b"".join(self._since))
        self._file.close()
        return True

    def close(self) -> None:
        self._file.close()


class Journal:
    """The journal that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = None if not path.exists() else path.open("ab", buffering=0)
        self._records = 0
        self._fresh: _Rewrite | None = None

    def start(self, life: VppLife, held: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """Begins anew: this life of VPP, what it holds, and what of that is unsure. Replaces the file in one step."""
        self.compact(life, held, unconfirmed)
        while self.compacting:
            self.write_some()

    def compact(self, life: VppLife, held: Mapping[str, HeldObject], unconfirmed: Iterable[str] = ()) -> None:
        """As `start`, a part with each `write_some`; until the last of them the old file tells everything."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._fresh is not None:
            self._fresh.close()
        self._fresh = _Rewrite(self.path.with_suffix(".new"), life, held, unconfirmed)

    @property
    def compacting(self) -> bool:
        """Is the file being written anew?"""
        return self._fresh is not None

    def write_some(self) -> None:
        """Writes some more of the new file."""
        fresh = self._fresh
        if fresh is not None and fresh.write_some():
            fresh.path.replace(self.path)
            self.close()
            self._file = self.path.open("ab", buffering=0)
            self._records = fresh.records

    def note(self, *records: Record) -> None:
        """Appends records, all of them or none."""
        if self._file is None:
            raise RuntimeError("the journal has not been started")
        if records:
            frame = _frame(records)
            self._file.write(frame)
            number = sum(len(r.keys) if isinstance(r, BeginBatch | SucceededBatch) else 1 for r in records)
            self._records += number
            if self._fresh is not None:
                self._fresh.note(frame, number)

    def wants_compaction(self, objects: int) -> bool:
        """Has the file grown far beyond what it tells?"""
        return not self.compacting and self._records > 1000 + COMPACT_AT * objects

    def close(self) -> None:
        for file in (self._file, self._fresh):
            if file is not None:
                file.close()
        self._file = self._fresh = None


def begin_record(key: str, held: HeldObject) -> Begin:
    """The record of an object whose calls begin."""
    return Begin(key, held.owner, held.intent)  # type: ignore[arg-type]


def begun(objects: Mapping[str, HeldObject], encoded: Sequence[bytes]) -> Iterator[BeginBatch]:
    """The records of objects whose calls begin, and whose intents' bytes are known."""
    owners = [held.owner for held in objects.values()]
    for owner in dict.fromkeys(owners):
        own = [owner == other for other in owners]
        yield BeginBatch(owner, list(compress(objects, own)), list(map(Raw, compress(encoded, own))))  # type: ignore[arg-type]


def success_record(key: str, held: HeldObject) -> Succeeded:
    """The record of an object whose calls have ended."""
    return Succeeded(key, dict(held.details)) if held.details is not NO_DETAILS else Succeeded(key)


def holds_record(key: str, held: HeldObject) -> Holds:
    """The record of a held object."""
    return Holds(key, held.owner, held.intent, dict(held.details))  # type: ignore[arg-type]


_encode = msgspec.msgpack.Encoder().encode


def _frame(records: Sequence[Record]) -> bytes:
    body = _encode(records)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body
