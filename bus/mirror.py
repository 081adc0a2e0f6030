"""The subscriber's side of one stream: gaps, snapshots, changes. Pure.

Subscribe first, ask for a snapshot, drop what is older (ZeroMQ guide, the Clone pattern). While a snapshot is awaited,
parts are deferred; if more come than are kept, the next beacon shows the gap.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from bus.envelope import CheckpointPart, SnapshotPart, StreamHead, StreamRow
from bus.stream import BusStream, CheckpointPartOrder, StreamGap

_DEFERRED_PARTS_MAX = 1000
_FETCH_AGAIN_S = 1.0
STEP_ROWS = 100  # that are decoded and compared before other tasks run


class RowChange(Struct, frozen=True, gc=False):
    """A row that differs from before; `value` None: it is deleted; `before` None: it is new."""

    key: str
    value: bytes | None
    cause: str
    before: bytes | None = None


C = TypeVar("C")
# what a change becomes, made from `RowChange`'s fields; None: its value cannot be read
_MakeChange = Callable[[str, bytes | None, str, bytes | None], C | None]

MirrorSteps = Generator[None, None, dict[str, C]]


def _run(steps: MirrorSteps[C]) -> dict[str, C]:
    """All steps at once."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        changes: dict[str, C] = end.value
        return changes


class _StagedRows(Generic[C]):
    """The rows of a checkpoint's parts, compared as they come, so that the last part of a large one costs little."""

    def __init__(self, make_change: _MakeChange[C]) -> None:
        self.rows: dict[str, StreamRow] = {}
        self.deleted: set[str] = set()
        self.changes: dict[str, C] = {}
        self.parts = 0
        self._make_change = make_change

    def add(self, part: CheckpointPart | SnapshotPart, before: dict[str, StreamRow], *, whole: bool) -> Iterator[None]:
        """One more part, against the rows `before` the checkpoint. `whole`: its parts name all rows there are."""
        self.parts += 1
        for first in range(0, len(part.rows), STEP_ROWS):
            if first:
                yield
            self._compare(part.rows[first : first + STEP_ROWS], before, whole)

    def _compare(self, batch: list[StreamRow], before: dict[str, StreamRow], whole: bool) -> None:
        rows, deleted = self.rows, self.deleted
        for row in batch:
            key, value, cause = row.key, row.value, row.cause
            old = before.get(key)
            if value is not None:
                rows[key] = row
                if old is None or old.value != value:
                    self._change(key, value, cause, old.value if old is not None else None)
            elif old is not None and not whole:
                deleted.add(key)
                self._change(key, None, cause, old.value)

    def _change(self, key: str, value: bytes | None, cause: str, before: bytes | None) -> None:
        change = self._make_change(key, value, cause, before)
        if change is not None:
            self.changes[key] = change

    def delete_unnamed(self, before: dict[str, StreamRow]) -> None:
        """All rows have been named: those of `before` that were not are deleted."""
        for key in before.keys() - self.rows.keys():
            self._change(key, None, "", before[key].value)


def merge_row_changes(earlier: dict[str, C], later: Mapping[str, C]) -> None:
    """Adds later changes to earlier ones, by key; a key that changes again comes last."""
    for key in earlier.keys() & later.keys():
        del earlier[key]
    earlier.update(later)


class StreamMirror(Generic[C]):
    """A copy of one stream, always equal to one whole checkpoint of the publisher.

    Rows are decoded and compared as their part arrives; what the last part costs besides is a few dictionary operations
    for all rows together.
    """

    def __init__(self, make_change: _MakeChange[C]) -> None:
        self._make_change = make_change
        self.stream = BusStream()
        self._order = CheckpointPartOrder()
        self._staged = _StagedRows(make_change)
        self._awaits_snapshot = False
        self._fetched_at = float("-inf")
        self._fetch_arrives = False  # has a part of the snapshot come since?
        self._deferred: list[CheckpointPart] = []
        self._snapshot = _StagedRows(make_change)
        self.gaps = 0

    @property
    def in_sync(self) -> bool:
        """Has a complete load arrived?"""
        return self.stream.session != 0

    def apply(self, part: CheckpointPart) -> dict[str, C]:
        """A part from the fan-out. Returns what differs now, by key. A gap makes a snapshot due."""
        return _run(self.apply_in_steps(part))

    def apply_in_steps(self, part: CheckpointPart) -> MirrorSteps[C]:
        """As `apply`, in steps between which other tasks may run; to be finished before the next message."""
        if self._awaits_snapshot and not part.full:
            if len(self._deferred) < _DEFERRED_PARTS_MAX:
                self._deferred.append(part)
            return {}
        return (yield from self._place(part))

    def _place(self, part: CheckpointPart) -> MirrorSteps[C]:
        if self.stream.includes(part):
            return {}
        try:
            if not self.stream.follows(part):
                raise StreamGap(f"checkpoint {part.seq} after {self.stream.seq}")
            complete = self._order.add(part)
        except StreamGap:
            self._note_gap()
            return {}
        if part.part == 0:
            self._staged = _StagedRows(self._make_change)
        yield from self._staged.add(part, self.stream.rows, whole=part.full)
        return self._commit(part) if complete else {}

    def _commit(self, last: CheckpointPart) -> dict[str, C]:
        """The checkpoint that this part completes is the stream's state now."""
        stream, staged = self.stream, self._staged
        if last.full:
            self._awaits_snapshot = False
            staged.delete_unnamed(stream.rows)
            stream.rows = staged.rows
        else:
            for key in staged.deleted:
                del stream.rows[key]
            stream.rows.update(staged.rows)
        stream.session, stream.seq = last.session, last.seq
        self._staged = _StagedRows(self._make_change)
        return staged.changes

    def _note_gap(self) -> None:
        self.gaps += 1
        self._awaits_snapshot = True
        self._deferred = []

    def compare_head(self, head: StreamHead) -> None:
        """A beacon's word on how far the stream has come: if the mirror is behind, a snapshot is due."""
        behind = head.session != self.stream.session or head.seq > self.stream.seq
        if behind and not self._awaits_snapshot:
            self._note_gap()

    def request_snapshot(self) -> None:
        """Makes a first snapshot due."""
        if not self.in_sync:
            self._awaits_snapshot = True

    def fetch_due(self, now: float) -> bool:
        """Must a Fetch be sent now? True if for `_FETCH_AGAIN_S` none was sent and no part of its snapshot came."""
        if self._fetch_arrives:
            self._fetch_arrives, self._fetched_at = False, now
        if not self._awaits_snapshot or now - self._fetched_at < _FETCH_AGAIN_S:
            return False
        self._fetched_at = now
        self._snapshot = _StagedRows(self._make_change)
        return True

    def apply_snapshot(self, part: SnapshotPart) -> dict[str, C]:
        """A part of the snapshot that was asked for. Returns what differs, by key, once it is whole."""
        return _run(self.apply_snapshot_in_steps(part))

    def apply_snapshot_in_steps(self, part: SnapshotPart) -> MirrorSteps[C]:
        """As `apply_snapshot`, in steps like those of `apply_in_steps`."""
        staged = self._snapshot
        if not self._awaits_snapshot or part.part != staged.parts:
            return {}
        self._fetch_arrives = True
        yield from staged.add(part, self.stream.rows, whole=True)  # the rows stay as they are while it is awaited
        if not part.last:
            return {}
        self._snapshot = _StagedRows(self._make_change)
        if part.session == 0:
            return {}  # the broker does not know the stream (yet): the rows stay
        return (yield from self._replace(part, staged))

    def _replace(self, last: SnapshotPart, staged: _StagedRows[C]) -> MirrorSteps[C]:
        staged.delete_unnamed(self.stream.rows)
        self.stream = BusStream(last.session, last.seq, staged.rows)
        self._awaits_snapshot, self._order = False, CheckpointPartOrder()
        deferred, self._deferred = self._deferred, []
        for part in deferred:
            if self._awaits_snapshot:
                break  # another gap, among what was deferred
            merge_row_changes(staged.changes, (yield from self._place(part)))
        return staged.changes
