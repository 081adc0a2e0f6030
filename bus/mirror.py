"""The hearer's side of one stream: gaps, snapshots, changes. Pure.

Subscribe first, ask for a snapshot, drop what is older (ZeroMQ guide, the Clone pattern). While a
snapshot is awaited, parts are kept; what overflows is found again by the next beacon.
"""

from collections.abc import Iterable

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


class Mirror:
    """A copy of one stream, always equal to one whole checkpoint of the publisher."""

    def __init__(self) -> None:
        self.stream = Stream()
        self._assembly = Assembly()
        self._awaiting = False
        self._asked_at = float("-inf")
        self._kept: list[Rows] = []
        self._snapshot: list[Snapshot] = []
        self.gaps = 0

    @property
    def in_sync(self) -> bool:
        """Has a complete load been heard?"""
        return self.stream.session != 0

    def feed(self, message: Rows) -> list[RowChange]:
        """A part from the fan-out. A gap sets the wish for a snapshot (`fetch_due`)."""
        if self._awaiting and not message.full:
            if len(self._kept) < KEPT_PARTS_MAX:
                self._kept.append(message)
            return []
        return self._place(message)

    def _place(self, message: Rows) -> list[RowChange]:
        if self.stream.known(message):
            return []
        try:
            if not self.stream.follows(message):
                raise Gap(f"checkpoint {message.seq} after {self.stream.seq}")
            checkpoint = self._assembly.add(message)
        except Gap:
            self._miss()
            return []
        return self._commit(checkpoint) if checkpoint else []

    def _commit(self, checkpoint: list[Rows]) -> list[RowChange]:
        before = dict(self.stream.rows) if checkpoint[0].full else None
        old = self.stream.rows
        if before is None:
            touched = [row for part in checkpoint for row in part.rows]
            before = {row.key: old[row.key] for row in touched if row.key in old}
            causes = {row.key: row.cause for row in touched}
            self.stream.apply(checkpoint)
            return _changes(before, {k: self.stream.rows[k] for k in causes if k in self.stream.rows}, causes)
        self.stream.apply(checkpoint)
        self._awaiting = False
        return _changes(before, self.stream.rows, {})

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

    def take_snapshot(self, message: Snapshot) -> list[RowChange]:
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

    def _replace(self, whole: list[Snapshot]) -> list[RowChange]:
        before, last = self.stream.rows, whole[-1]
        rows = {r.key: Held(r.value, r.cause) for s in whole for r in s.rows if r.value is not None}
        self.stream = Stream(last.session, last.seq, rows)
        self._awaiting, self._assembly = False, Assembly()
        kept, self._kept = self._kept, []
        changes = {c.key: c for c in _changes(before, rows, {})}
        for message in kept:
            if self._awaiting:
                break
            changes |= {c.key: c for c in self._place(message)}
        return list(changes.values())


def _changes(before: dict[str, Held], after: dict[str, Held], causes: dict[str, str]) -> list[RowChange]:
    gone: Iterable[str] = (key for key in before if key not in after)
    return [RowChange(key, None, causes.get(key, ""), before[key].value) for key in gone] + [
        RowChange(key, held.value, held.cause, old.value if old else None)
        for key, held in after.items()
        if (old := before.get(key)) is None or old.value != held.value
    ]
