"""Frames from the broker become events: which row changed, from what to what, by whom, with which cause. Pure.

Values are read without their schemas (MessagePack maps), so that a tap of any version can read a bus of any version.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
from msgspec import Struct

from bus.envelope import (
    BusBeacon,
    BusTraceEvent,
    CheckpointPart,
    FetchSnapshot,
    SnapshotPart,
    StreamHead,
    rows_to_parts,
    unpack_bus_message,
)
from bus.mirror import RowChange, StreamMirror
from bus.stream import StreamName
from schemas.codec import MalformedBusMessage

NOTE = "note"


class TapEvent(Struct, frozen=True, omit_defaults=True):
    """A changed row, or a note.

    A row of `word` changed from `old` to `new` (None: was not there, is gone); or, with word `note`, `what` happened
    and took `took_s`. `time`: s since 1970, of the publication. `load`: the row was there before the tap came.
    """

    time: float
    process: str
    word: str
    key: str
    cause: str = ""
    old: Any = None
    new: Any = None
    what: str = ""
    took_s: float = 0.0
    load: bool = False


class Observer:
    """All streams as heard so far, and the events of each frame."""

    def __init__(self) -> None:
        self.mirrors: dict[StreamName, StreamMirror[RowChange]] = {}
        self.heads: dict[StreamName, StreamHead] = {}
        self.bytes: dict[StreamName, int] = {}
        self.malformed = 0
        self.last_malformed = ""

    def feed(self, data: bytes, now: float) -> list[TapEvent]:
        """One frame, heard at `now` (s since 1970)."""
        try:
            message = unpack_bus_message(data)
        except MalformedBusMessage as error:
            self.malformed += 1
            self.last_malformed = str(error)
            return [TapEvent(now, "?", NOTE, "", what="malformed", new={"why": str(error)})]
        match message:
            case CheckpointPart():
                name = (message.word, message.sender)
                self.bytes[name] = self.bytes.get(name, 0) + len(data)
                mirror = self._mirror(name)
                was_in_sync = mirror.in_sync
                changes = mirror.apply(message)
                return list(_row_events(name, changes, message.time or now, load=not was_in_sync))
            case SnapshotPart():
                name = (message.word, message.owner)
                changes = self._mirror(name).apply_snapshot(message)
                return list(_row_events(name, changes, now, load=True))
            case BusBeacon():
                self.heads = {(head.word, head.owner): head for head in message.heads}
                for name, head in self.heads.items():
                    self._mirror(name).compare_head(head)
            case BusTraceEvent():
                return [_trace_event(message)]
        return []

    def fetches(self, now: float) -> list[FetchSnapshot]:
        """The snapshots to be asked for now. `now`: s of any clock that does not go back."""
        due = [name for name, mirror in self.mirrors.items() if mirror.fetch_due(now)]
        return [FetchSnapshot(word=word, owner=owner) for word, owner in due]

    @property
    def complete(self) -> bool:
        """Is every stream of the beacon in sync?"""
        return bool(self.heads) and all(self._mirror(name).in_sync for name in self.heads)

    def rows(self, word: str) -> Iterator[tuple[str, str, Any, str]]:
        """(owner, key, value, cause) of the rows of a word as they are now."""
        for (stream_word, owner), mirror in sorted(self.mirrors.items()):
            if stream_word == word:
                for key, row in sorted(mirror.stream.rows.items()):
                    yield owner, key, decode_value(row.value), row.cause

    def snapshots(self) -> Iterator[SnapshotPart]:
        """All streams as they are now, in the form of the broker's answers to a newcomer."""
        for (word, owner), mirror in self.mirrors.items():
            stream = mirror.stream
            cut = rows_to_parts(stream.copied_rows()) if mirror.in_sync else []
            for number, rows in enumerate(cut):
                yield SnapshotPart(
                    word=word,
                    owner=owner,
                    session=stream.session,
                    seq=stream.seq,
                    part=number,
                    last=number == len(cut) - 1,
                    rows=rows,
                )

    def gaps(self) -> int:
        """How often it has missed something and fetched a stream anew."""
        return sum(mirror.gaps for mirror in self.mirrors.values())

    def _mirror(self, name: StreamName) -> StreamMirror[RowChange]:
        if name not in self.mirrors:
            self.mirrors[name] = StreamMirror(RowChange)
            self.mirrors[name].request_snapshot()
        return self.mirrors[name]


def _row_events(name: StreamName, changes: Mapping[str, RowChange], time: float, *, load: bool) -> Iterator[TapEvent]:
    for change in changes.values():
        old, new = decode_value(change.before), decode_value(change.value)
        yield TapEvent(time, name[1], name[0], change.key, change.cause, old, new, load=load and old is None)


def _trace_event(trace: BusTraceEvent) -> TapEvent:
    return TapEvent(
        trace.time, trace.sender, NOTE, trace.key, trace.cause, new=trace.fields, what=trace.what, took_s=trace.took_s
    )


def decode_value(data: bytes | None) -> Any:
    """A row's value without its schema; None if there is none."""
    return None if data is None else msgpack.unpackb(data, strict_map_key=False)


def field_differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(field, old, new) where two values differ, field by field; a field that is missing is None."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from field_differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path, old, new
