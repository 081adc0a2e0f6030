"""The publisher's side of one stream: what is not yet said, and credit. Pure.

Rows that change while the broker has not given credit coalesce by key; the broker's slowness
costs this process one row a key, never a queue.
"""

from collections import deque
from collections.abc import Mapping

from bus.envelope import CheckpointPart, Credit, Row, to_parts

PARTS_IN_FLIGHT_MAX = 8


class Outbox:
    """Rows of one word as this process says them.

    `publish` states the whole stream, `update_row` one row; `next_part` gives the parts that may leave now.
    """

    def __init__(self, sender: str, word: str) -> None:
        self.sender, self.word = sender, word
        self.rows: dict[str, Row] = {}
        self.published = False
        self._seq = 0
        self._dirty: dict[str, str] = {}  # key -> cause
        self._full = False
        self._cut: deque[CheckpointPart] = deque()
        self._in_flight = 0

    def publish(self, rows: Mapping[str, bytes], cause: str = "") -> tuple[int, int]:
        """Makes `rows` the whole stream. Returns (keys set, keys gone) against last time."""
        gone = [key for key in self.rows if key not in rows]
        changed = [k for k, v in rows.items() if (held := self.rows.get(k)) is None or held.value != v]
        for key in gone:
            self._change(key, None, cause)
        for key in changed:
            self._change(key, rows[key], cause)
        if not self.published:
            self.published = self._full = True
        return len(changed), len(gone)

    def update_row(self, key: str, value: bytes | None, cause: str = "") -> None:
        """Changes one row of a published stream."""
        self.update_rows({key: value}, {key: cause})

    def update_rows(self, changes: Mapping[str, bytes | None], causes: Mapping[str, str]) -> None:
        """Changes rows of a published stream; None: gone. `causes`: of those keys that have any."""
        if not self.published:
            raise RuntimeError(f"{self.word}: said before published")
        rows, dirty = self.rows, self._dirty
        for key, value in changes.items():
            cause, held = causes.get(key, ""), rows.get(key)
            if value is None:
                if held is None:
                    continue
                del rows[key]
            elif held is None or held.value != value:
                rows[key] = Row(key, value, cause)
            else:
                continue
            dirty[key] = cause

    def _change(self, key: str, value: bytes | None, cause: str) -> None:
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = Row(key, value, cause)
        self._dirty[key] = cause

    def resend_all(self) -> None:
        """The broker knows nothing (any more): the next checkpoint says everything."""
        self._full = self.published
        self._cut.clear()
        self._in_flight = 0

    def credit(self, message: Credit) -> None:
        """The broker has taken a part."""
        self._in_flight = max(0, self._in_flight - 1)

    def next_part(self, session: int, now: float) -> CheckpointPart | None:
        """The next part, if the broker's credit allows one; `mark_sent` must follow if it left."""
        if self._in_flight >= PARTS_IN_FLIGHT_MAX:
            return None
        if not self._cut and (self._dirty or self._full):
            self._checkpoint(session, now)
        return self._cut[0] if self._cut else None

    def mark_sent(self) -> None:
        """The part that `next_part` gave has left."""
        self._cut.popleft()
        self._in_flight += 1

    @property
    def idle(self) -> bool:
        """Nothing waits to be said and the broker has taken all that was."""
        return not (self._dirty or self._full or self._cut or self._in_flight)

    def _checkpoint(self, session: int, now: float) -> None:
        self._seq += 1
        if self._full:
            rows = list(self.rows.values())
        else:
            rows = [self.rows.get(key) or Row(key, None, cause) for key, cause in self._dirty.items()]
        cut = to_parts(rows)
        for number, some in enumerate(cut):
            self._cut.append(
                CheckpointPart(
                    sender=self.sender,
                    word=self.word,
                    session=session,
                    seq=self._seq,
                    part=number,
                    last=number == len(cut) - 1,
                    full=self._full,
                    time=now,
                    rows=some,
                )
            )
        self._dirty, self._full = {}, False
