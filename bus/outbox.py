"""The publisher's side of one stream: changed rows that wait, and the broker's credit. Pure.

Rows that change while the broker has not given credit coalesce by key: a slow broker costs this process one row a key,
never a queue.
"""

from collections import deque
from collections.abc import Mapping

from bus.envelope import CheckpointPart, PublisherCredit, StreamRow, rows_to_parts

PARTS_IN_FLIGHT_MAX = 8
_REFUSED_AGAIN_S = 60.0
_CREDIT_S_MAX = 10.0


class StreamOutbox:
    """One published stream: `publish` states all its rows, `update_row` one; `next_part` gives what may leave now."""

    def __init__(self, sender: str, word: str) -> None:
        self.sender, self.word = sender, word
        self.rows: dict[str, StreamRow] = {}
        self.published = False
        self._seq = 0
        self._dirty: dict[str, str] = {}  # key -> cause
        self._full = False  # must the next checkpoint hold all rows?
        self._parts: deque[CheckpointPart] = deque()  # of the checkpoint that is leaving
        self._in_flight = 0  # parts without credit
        self._moved_at = 0.0  # when a part left, or its credit came
        self.refused = ""  # why the broker does not take the stream; empty: it does
        self._refused_at = 0.0

    def publish(self, rows: Mapping[str, bytes], cause: str = "") -> tuple[int, int]:
        """Makes `rows` the whole stream. Returns (keys set, keys deleted) against last time."""
        deleted = [key for key in self.rows if key not in rows]
        changed = [k for k, v in rows.items() if (row := self.rows.get(k)) is None or row.value != v]
        for key in deleted:
            self._change(key, None, cause)
        for key in changed:
            self._change(key, rows[key], cause)
        if not self.published:
            self.published = self._full = True
        return len(changed), len(deleted)

    def update_row(self, key: str, value: bytes | None, cause: str = "") -> None:
        """Changes one row of a published stream."""
        self.update_rows({key: value}, {key: cause})

    def update_rows(self, changes: Mapping[str, bytes | None], causes: Mapping[str, str]) -> None:
        """Changes rows of a published stream; None deletes. `causes`: of those keys that have any."""
        if not self.published:
            raise RuntimeError(f"{self.word}: updated before it was published")
        rows, dirty = self.rows, self._dirty
        for key, value in changes.items():
            cause, row = causes.get(key, ""), rows.get(key)
            if value is None:
                if row is None:
                    continue
                del rows[key]
            elif row is None or row.value != value:
                rows[key] = StreamRow(key, value, cause)
            else:
                continue
            dirty[key] = cause

    def _change(self, key: str, value: bytes | None, cause: str) -> None:
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = StreamRow(key, value, cause)
        self._dirty[key] = cause

    def resend_all(self) -> None:
        """The broker has no rows of ours: the next checkpoint is full."""
        self._full = self.published
        self.refused = ""
        self._parts.clear()
        self._in_flight = 0

    def refuse(self, reason: str, now: float) -> None:
        """The broker does not take the stream: nothing of it leaves until `is_due_again`."""
        self.resend_all()
        self.refused, self._refused_at = reason, now

    def is_due_again(self, now: float, answered_at: float) -> bool:
        """Must the stream leave whole, although nobody has asked for it?

        After a while of being refused; and if no credit comes from a broker that answers (`answered_at`): then parts or
        credit were lost with a connection.
        """
        if self.refused:
            return now - self._refused_at >= _REFUSED_AGAIN_S
        return bool(self._in_flight) and min(now, answered_at) - self._moved_at >= _CREDIT_S_MAX

    def credit(self, message: PublisherCredit, now: float) -> None:
        """The broker has taken a part."""
        self._in_flight = max(0, self._in_flight - 1)
        self._moved_at = now

    def next_part(self, session: int, now: float) -> CheckpointPart | None:
        """The next part, if the broker's credit allows one; `mark_sent` must follow if it left."""
        if self.refused or self._in_flight >= PARTS_IN_FLIGHT_MAX:
            return None
        if not self._parts and (self._dirty or self._full):
            self._checkpoint(session, now)
        return self._parts[0] if self._parts else None

    def mark_sent(self, now: float) -> None:
        """The part that `next_part` gave has left."""
        self._parts.popleft()
        self._in_flight += 1
        self._moved_at = now

    @property
    def idle(self) -> bool:
        """Does nothing wait, and has the broker taken all that left?"""
        return not (self._dirty or self._full or self._parts or self._in_flight)

    def _checkpoint(self, session: int, now: float) -> None:
        self._seq += 1
        if self._full:
            rows = list(self.rows.values())
        else:
            rows = [self.rows.get(key) or StreamRow(key, None, cause) for key, cause in self._dirty.items()]
        parts = rows_to_parts(rows)
        for number, part in enumerate(parts):
            self._parts.append(
                CheckpointPart(
                    sender=self.sender,
                    word=self.word,
                    session=session,
                    seq=self._seq,
                    part=number,
                    last=number == len(parts) - 1,
                    full=self._full,
                    time=now,
                    rows=part,
                )
            )
        self._dirty, self._full = {}, False
