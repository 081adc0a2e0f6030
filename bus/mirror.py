"""The hearer's side of one stream: gaps, snapshots, changes. Pure.

Subscribe first, ask for a snapshot, drop what is older (ZeroMQ guide, the Clone pattern). While a
snapshot is awaited, parts are kept; what overflows is found again by the next beacon.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from bus.envelope import CheckpointPart, Head, Row, SnapshotPart
from bus.stream import Gap, PartOrder, Stream

KEPT_PARTS_MAX = 1000
FETCH_AGAIN_S = 1.0
STEP_ROWS = 100  # that are decoded and compared before others have their turn


class RowChange(Struct, frozen=True, gc=False):
    """A row of the mirrored stream that differs from before; value None: gone; before None: new."""

    key: str
    value: bytes | None
    cause: str
    before: bytes | None = None


C = TypeVar("C")
Make = Callable[[str, bytes | None, str, bytes | None], C | None]  # of RowChange's fields; None: nobody can read it

Steps = Generator[None, None, dict[str, C]]


def _whole(pieces: Steps[C]) -> dict[str, C]:
    """All pieces at once."""
    try:
        while True:
            next(pieces)
    except StopIteration as end:
        found: dict[str, C] = end.value
        return found


class _Staged(Generic[C]):
    """What the parts of a checkpoint bring, worked out as they come: a large one costs little when it is whole."""

    def __init__(self, make: Make[C]) -> None:
        self.rows: dict[str, Row] = {}
        self.gone: set[str] = set()
        self.changes: dict[str, C] = {}
        self.parts = 0
        self._make = make

    def take(self, part: CheckpointPart | SnapshotPart, before: dict[str, Row], *, whole: bool) -> Iterator[None]:
        """One more part, upon the rows as they were before the checkpoint; `whole`: it names all that there are."""
        self.parts += 1
        for first in range(0, len(part.rows), STEP_ROWS):
            if first:
                yield
            self._take(part.rows[first : first + STEP_ROWS], before, whole)

    def _take(self, some: list[Row], before: dict[str, Row], whole: bool) -> None:
        rows, gone = self.rows, self.gone
        for row in some:
            key, value, cause = row.key, row.value, row.cause
            old = before.get(key)
            if value is not None:
                rows[key] = row
                if old is None or old.value != value:
                    self.change(key, value, cause, old.value if old is not None else None)
            elif old is not None and not whole:
                gone.add(key)
                self.change(key, None, cause, old.value)

    def change(self, key: str, value: bytes | None, cause: str, before: bytes | None) -> None:
        """One row is different."""
        change = self._make(key, value, cause, before)
        if change is not None:
            self.changes[key] = change

    def end_whole(self, before: dict[str, Row]) -> None:
        """All rows have been named: the others are gone."""
        for key in before.keys() - self.rows.keys():
            self.change(key, None, "", before[key].value)


def merge_changes(before: dict[str, C], later: Mapping[str, C]) -> None:
    """Adds what changed later, by key; what changes again comes last."""
    for key in before.keys() & later.keys():
        del before[key]
    before.update(later)


class StreamMirror(Generic[C]):
    """A copy of one stream, always equal to one whole checkpoint of the publisher. `make`: what a change is told as.

    Rows are decoded and compared as their part arrives; what the last part costs besides is a few dictionary operations
    for all rows together.
    """

    def __init__(self, make: Make[C]) -> None:
        self._make = make
        self.stream = Stream()
        self._assembly = PartOrder()
        self._staged = _Staged(self._make)
        self._awaiting = False
        self._asked_at = float("-inf")
        self._comes = False  # has a part of what was asked for come since?
        self._kept: list[CheckpointPart] = []
        self._snapshot = _Staged(self._make)
        self.gaps = 0

    @property
    def in_sync(self) -> bool:
        """Has a complete load been heard?"""
        return self.stream.session != 0

    def apply(self, message: CheckpointPart) -> dict[str, C]:
        """A part from the fan-out. Returns what is different now, by key. A gap sets the wish for a snapshot."""
        return _whole(self.apply_in_steps(message))

    def apply_in_steps(self, message: CheckpointPart) -> Steps[C]:
        """The same in pieces, between which others may have their turn; it is to be ended before the next message."""
        if self._awaiting and not message.full:
            if len(self._kept) < KEPT_PARTS_MAX:
                self._kept.append(message)
            return {}
        return (yield from self._place(message))

    def _place(self, message: CheckpointPart) -> Steps[C]:
        if self.stream.includes(message):
            return {}
        try:
            if not self.stream.follows(message):
                raise Gap(f"checkpoint {message.seq} after {self.stream.seq}")
            complete = self._assembly.add(message)
        except Gap:
            self._miss()
            return {}
        if message.part == 0:
            self._staged = _Staged(self._make)
        yield from self._staged.take(message, self.stream.rows, whole=message.full)
        return self._commit(message) if complete else {}

    def _commit(self, message: CheckpointPart) -> dict[str, C]:
        """The checkpoint of this last part counts."""
        stream, staged = self.stream, self._staged
        if message.full:
            self._awaiting = False
            staged.end_whole(stream.rows)
            stream.rows = staged.rows
        else:
            for key in staged.gone:
                del stream.rows[key]
            stream.rows.update(staged.rows)
        stream.session, stream.seq = message.session, message.seq
        self._staged = _Staged(self._make)
        return staged.changes

    def _miss(self) -> None:
        self.gaps += 1
        self._awaiting = True
        self._kept = []

    def compare_head(self, head: Head) -> None:
        """A beacon's word on this stream: am I behind?"""
        behind = head.session != self.stream.session or head.seq > self.stream.seq
        if behind and not self._awaiting:
            self._miss()

    def request_snapshot(self) -> None:
        """Asks for a first snapshot."""
        if not self.in_sync:
            self._awaiting = True

    def fetch_due(self, now: float) -> bool:
        """Must a Fetch be sent now? True when for FETCH_AGAIN_S none was sent and nothing came of it."""
        if self._comes:
            self._comes, self._asked_at = False, now
        if not self._awaiting or now - self._asked_at < FETCH_AGAIN_S:
            return False
        self._asked_at = now
        self._snapshot = _Staged(self._make)
        return True

    def apply_snapshot(self, message: SnapshotPart) -> dict[str, C]:
        """A part of the snapshot that was asked for. Returns what is different, by key, once it is whole."""
        return _whole(self.apply_snapshot_in_steps(message))

    def apply_snapshot_in_steps(self, message: SnapshotPart) -> Steps[C]:
        """The same in pieces, as `apply_in_steps`."""
        staged = self._snapshot
        if not self._awaiting or message.part != staged.parts:
            return {}
        self._comes = True
        yield from staged.take(message, self.stream.rows, whole=True)  # while it is awaited the rows stay as they are
        if not message.last:
            return {}
        self._snapshot = _Staged(self._make)
        if message.session == 0:
            return {}  # the broker does not know the stream (yet): keep what we have
        return (yield from self._replace(message, staged))

    def _replace(self, last: SnapshotPart, staged: _Staged[C]) -> Steps[C]:
        staged.end_whole(self.stream.rows)
        self.stream = Stream(last.session, last.seq, staged.rows)
        self._awaiting, self._assembly = False, PartOrder()
        kept, self._kept = self._kept, []
        for message in kept:
            if self._awaiting:
                break
            merge_changes(staged.changes, (yield from self._place(message)))
        return staged.changes
