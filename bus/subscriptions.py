"""Edge: the streams that a process subscribes to: a view of each, and the changes that it has not taken yet.

A view outlives brokers: it stays as it is until something newer is known.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from bus.connection import BusConnection
from bus.envelope import CheckpointPart, FetchSnapshot, SnapshotPart, StreamHead, SubscribeWords
from bus.mirror import MirrorSteps, StreamMirror, merge_row_changes
from bus.stream import StreamName
from schemas import codec
from schemas.codec import MalformedBusMessage
from schemas.words import BUS_WORDS

STREAM_BATCH_EVENTS_MAX = 10_000
_SYNCED = "\0synced"  # no key of a row


class StreamChange(Struct, frozen=True, gc=False):
    """One row of a stream changed; `value` None: the row is deleted."""

    word: str
    owner: str
    key: str
    value: Any | None
    cause: str = ""


class StreamSynced(Struct, frozen=True, gc=False):
    """A stream's first complete load has arrived."""

    word: str
    owner: str


StreamEvent = StreamChange | StreamSynced


class StreamSubscriptions:
    """All streams that one process subscribes to."""

    def __init__(self, connection: BusConnection) -> None:
        self._connection = connection
        self._owners: dict[str, set[str | None]] = {}  # by word; None: every owner
        self._mirrors: dict[StreamName, StreamMirror[StreamChange]] = {}
        self._views: defaultdict[StreamName, dict[str, Any]] = defaultdict(dict)  # as of the events taken
        self._synced: set[StreamName] = set()
        self._events: defaultdict[StreamName, dict[str, StreamEvent]] = defaultdict(dict)  # not taken yet, by key
        self._has_events = asyncio.Event()

    def subscribe(self, word: str, owner: str | None) -> None:
        """To `word` of `owner`; None: of its only owner, or of every owner if there are several."""
        owner = owner or BUS_WORDS[word].owner
        self._owners.setdefault(word, set()).add(owner)
        if owner is not None:
            self._mirror(word, owner).request_snapshot()
        if self._connection.broker_session is not None:
            self.resubscribe()

    def resubscribe(self) -> None:
        """Tells the broker all words at once."""
        self._connection.send_later(SubscribeWords(words=tuple(sorted(self._owners))))

    async def changes(self, timeout_s: float | None, at_most: int) -> list[StreamEvent]:
        """The events since the last call: at least one, or [] at the timeout or after `interrupt`."""
        # Not wait_for: in Python 3.11 it may swallow a cancellation that comes with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._has_events.wait()
        batch: list[StreamEvent] = []
        # The shortest first, each with an equal share of what is left: a long stream does not keep a short one waiting.
        pending = sorted(self._events.items(), key=lambda item: len(item[1]))
        for number, (stream, events) in enumerate(pending):
            share = (at_most - len(batch)) // (len(pending) - number)
            taken_now = [events.pop(key) for key in list(islice(events, share))]
            _apply(self._views[stream], taken_now)
            batch += taken_now
            if not events:
                del self._events[stream]
        if not self._events:
            self._has_events.clear()
        return batch

    def interrupt(self) -> None:
        """Lets `changes` return now, with whatever there is."""
        self._has_events.set()

    def rows(self, word: str, owner: str | None) -> dict[str, Any]:
        """The rows of `word` of `owner` with the events not taken yet; None: of all owners together."""
        rows: dict[str, Any] = {}
        for stream in sorted(self._views.keys() | self._events.keys()):
            if stream[0] == word and owner in (None, stream[1]):
                view = dict(self._views.get(stream, ()))
                _apply(view, self._events.get(stream, {}).values())
                rows |= view
        return rows

    def view(self, word: str, owner: str) -> Mapping[str, Any]:
        """The rows of a stream as of the last event that `changes` returned. It follows them; costs nothing."""
        return MappingProxyType(self._views[word, owner])

    def in_sync(self, word: str, owner: str) -> bool:
        """Has the stream's first complete load arrived?"""
        return (word, owner) in self._synced

    # --- from the broker

    async def apply_part(self, part: CheckpointPart) -> None:
        """A part of a checkpoint; that of a stream not subscribed to is ignored."""
        if self._wants(part.word, part.sender):
            await self._apply_in_steps(part.word, part.sender, lambda mirror: mirror.apply_in_steps(part))

    async def apply_snapshot(self, part: SnapshotPart) -> None:
        """A part of a snapshot that was asked for."""
        await self._apply_in_steps(part.word, part.owner, lambda mirror: mirror.apply_snapshot_in_steps(part))

    def compare_heads(self, heads: Iterable[StreamHead]) -> None:
        """A beacon's word on how far each stream has come: what is behind asks for a snapshot."""
        for head in heads:
            if self._wants(head.word, head.owner):
                self._mirror(head.word, head.owner).compare_head(head)

    def fetches(self, now: float) -> Iterator[FetchSnapshot]:
        """The snapshots to be asked for now."""
        for (word, owner), mirror in list(self._mirrors.items()):
            if mirror.fetch_due(now):
                yield FetchSnapshot(word=word, owner=owner)

    def _wants(self, word: str, owner: str) -> bool:
        owners = self._owners.get(word, ())
        return owner in owners or None in owners

    def _mirror(self, word: str, owner: str) -> StreamMirror[StreamChange]:
        mirror = self._mirrors.get((word, owner))
        if mirror is None:
            mirror = self._mirrors[word, owner] = StreamMirror(partial(self._change, word, owner))
        return mirror

    async def _apply_in_steps(
        self, word: str, owner: str, apply: Callable[[StreamMirror[StreamChange]], MirrorSteps[StreamChange]]
    ) -> None:
        """Applies a message to the stream's mirror and queues what changed. Other tasks run between its steps."""
        mirror = self._mirror(word, owner)
        steps = apply(mirror)
        changes: dict[str, StreamChange] | None = None
        while changes is None:
            try:
                next(steps)
                await asyncio.sleep(0)
            except StopIteration as end:
                changes = end.value
        self._connection.counters["bus_gaps"] = sum(m.gaps for m in self._mirrors.values())
        if changes:
            merge_row_changes(self._events[word, owner], changes)
        if mirror.in_sync and (word, owner) not in self._synced:
            self._synced.add((word, owner))
            self._events[word, owner][_SYNCED] = StreamSynced(word, owner)
        if self._events:
            self._has_events.set()

    def _change(
        self, word: str, owner: str, key: str, value: bytes | None, cause: str, _before: bytes | None = None
    ) -> StreamChange | None:
        """The event of a changed row; None for one that cannot be read."""
        try:
            return StreamChange(
                word, owner, key, None if value is None else codec.decode_row_value(word, key, value), cause
            )
        except MalformedBusMessage as error:
            self._connection.malformed(str(error))
            return None


def _apply(view: dict[str, Any], events: Iterable[StreamEvent]) -> None:
    for event in events:
        if isinstance(event, StreamSynced):
            continue
        if event.value is None:
            view.pop(event.key, None)
        else:
            view[event.key] = event.value
