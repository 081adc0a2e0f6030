"""The hearer's side of one stream: gaps, snapshots, changes. Pure.

Subscribe first, ask for a snapshot, drop what is older (ZeroMQ guide, the Clone pattern). While a
snapshot is awaited, parts are kept; what overflows is found again by the next beacon.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from bus.envelope import Head, Rows, Snapshot
from bus.stream import Assembly, Gap, Held, Stream

KEPT_PARTS_MAX = 1000
FETCH_AGAIN_S = 1.0


class RowChange(Struct, frozen=True, gc=False):
    """A row of the mirrored stream that differs from before; value None: gone; before None: new."""

    key: str
    value: bytes | None
    cause: str
    before: bytes | None = None


C = TypeVar("C")
Make = Callable[[str, bytes | None, str, bytes | None], C | None]  # of RowChange's fields; None: nobody can read it


class _Staged(Generic[C]):
    """What the parts of a checkpoint bring, worked out as they come: a large one costs little when it is whole."""

    def __init__(self, make: Make[C]) -> None:
        self.rows: dict[str, Held] = {}
        self.gone: set[str] = set()
        self.changes: list[C] = []
        self._make = make

    def take(self, part: Rows, before: dict[str, Held]) -> None:
        """One more part, upon the rows as they were before the checkpoint."""
        rows, gone = self.rows, self.gone
        for row in part.rows:
            key, value, cause = row.key, row.value, row.cause
            old = before.get(key)
            if value is not None:
                rows[key] = Held(value, cause)
                if old is None or old.value != value:
                    self.change(key, value, cause, old.value if old is not None else None)
            elif old is not None and not part.full:
                gone.add(key)
                self.change(key, None, cause, old.value)

    def change(self, key: str, value: bytes | None, cause: str, before: bytes | None) -> None:
        """One row is different."""
        change = self._make(key, value, cause, before)
        if change is not None:
            self.changes.append(change)


class Mirror(Generic[C]):
    """A copy of one stream, always equal to one whole checkpoint of the publisher. `make`: what a change is told as."""

    def __init__(self, make: Make[C]) -> None:
        self._make = make
        self.stream = Stream()
        self._assembly = Assembly()
        self._staged = _Staged(self._make)
        self._awaiting = False
        self._asked_at = float("-inf")
        self._kept: list[Rows] = []
        self._snapshot: list[Snapshot] = []
        self.gaps = 0

    @property
    def in_sync(self) -> bool:
        """Has a complete load been heard?"""
        return self.stream.session != 0

    def feed(self, message: Rows) -> list[C]:
        """A part from the fan-out. A gap sets the wish for a snapshot (`fetch_due`)."""
        if self._awaiting and not message.full:
            if len(self._kept) < KEPT_PARTS_MAX:
                self._kept.append(message)
            return []
        return self._place(message)

    def _place(self, message: Rows) -> list[C]:
        if self.stream.known(message):
            return []
        try:
            if not self.stream.follows(message):
                raise Gap(f"checkpoint {message.seq} after {self.stream.seq}")
            checkpoint = self._assembly.add(message)
        except Gap:
            self._miss()
            return []
        if message.part == 0:
            self._staged = _Staged(self._make)
        self._staged.take(message, self.stream.rows)
        return self._commit(message) if checkpoint else []

    def _commit(self, message: Rows) -> list[C]:
        """The checkpoint of this last part counts. Returns what is different now."""
        stream, staged = self.stream, self._staged
        if message.full:
            self._awaiting = False
            for key, old in stream.rows.items():
                if key not in staged.rows:
                    staged.change(key, None, "", old.value)
            stream.rows = staged.rows
        else:
            stream.rows.update(staged.rows)
            for key in staged.gone:
                del stream.rows[key]
        stream.session, stream.seq = message.session, message.seq
        self._staged = _Staged(self._make)
        return staged.changes

    def _miss(self) -> None:
        self.gaps += 1
        self._awaiting = True
        self._kept = []

    def heard_head(self, head: Head) -> None:
        """A beacon's word on this stream: am I behind?"""
        behind = head.session != self.stream.session or head.seq > self.stream.seq
        if behind and not self._awaiting:
            self._miss()

    def want(self) -> None:
        """Asks for a first snapshot."""
        if not self.in_sync:
            self._awaiting = True

    def fetch_due(self, now: float) -> bool:
        """Must a Fetch be sent now? True at most once in FETCH_AGAIN_S."""
        if not self._awaiting or now - self._asked_at < FETCH_AGAIN_S:
            return False
        self._asked_at = now
        self._snapshot = []
        return True

    def take_snapshot(self, message: Snapshot) -> list[C]:
        """A part of the snapshot that was asked for."""
        if not self._awaiting or message.part != len(self._snapshot):
            return []
        self._snapshot.append(message)
        if not message.last:
            return []
        whole, self._snapshot = self._snapshot, []
        if message.session == 0:
            return []  # the broker does not know the stream (yet): keep what we have
        return self._replace(whole)

    def _replace(self, whole: list[Snapshot]) -> list[C]:
        before, last = self.stream.rows, whole[-1]
        rows = {r.key: Held(r.value, r.cause) for s in whole for r in s.rows if r.value is not None}
        self.stream = Stream(last.session, last.seq, rows)
        self._awaiting, self._assembly = False, Assembly()
        kept, self._kept = self._kept, []
        changes = self._differences(before, rows)
        for message in kept:
            if self._awaiting:
                break
            changes += self._place(message)
        return changes

    def _differences(self, before: dict[str, Held], after: dict[str, Held]) -> list[C]:
        staged = _Staged(self._make)
        for key, old in before.items():
            if key not in after:
                staged.change(key, None, "", old.value)
        for key, held in after.items():
            was = before.get(key)
            if was is None or was.value != held.value:
                staged.change(key, held.value, held.cause, was.value if was is not None else None)
        return staged.changes
