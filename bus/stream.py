"""One stream's rows, and the assembly of its checkpoints from parts. Pure.

Laws: rows change only by whole checkpoints; a checkpoint follows the one that it names, or its
predecessor by one; a full checkpoint replaces everything, whichever session it is of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bus.envelope import CheckpointPart, StreamRow

StreamName = tuple[str, str]  # (word, owner)


@dataclass
class BusStream:
    """Rows by key as of checkpoint `seq` of `session` (0: none yet); all of them have values."""

    session: int = 0
    seq: int = 0
    rows: dict[str, StreamRow] = field(default_factory=dict)
    bytes: int = 0  # that the rows cost in memory, at most

    def follows(self, message: CheckpointPart) -> bool:
        """May this part's checkpoint be applied to the rows as they are?"""
        if message.full:
            return message.session != self.session or message.seq > self.seq
        return message.session == self.session and (message.since or message.seq - 1) == self.seq

    def includes(self, message: CheckpointPart) -> bool:
        """Has this checkpoint been applied already?"""
        return message.session == self.session and message.seq <= self.seq

    def copied_rows(self) -> Iterator[StreamRow]:
        """All rows as they are now; later changes do not touch them."""
        return iter(list(self.rows.values()))


class StreamCheckpoint(list[CheckpointPart]):
    """All parts of one checkpoint, and their rows by key. Not to be changed."""

    def __init__(self, parts: Iterable[CheckpointPart], rows: dict[str, StreamRow]) -> None:
        super().__init__(parts)
        self.rows = rows


class CheckpointPartOrder:
    """Checks that the parts of one checkpoint come one after another."""

    def __init__(self) -> None:
        self._previous: CheckpointPart | None = None

    def add(self, message: CheckpointPart) -> bool:
        """Is the checkpoint complete with this part? Raises StreamGap."""
        previous = self._previous
        expected = previous.part + 1 if previous is not None and _same_checkpoint(previous, message) else 0
        self._previous = None
        if message.part != expected:
            raise StreamGap(f"part {message.part} where {expected} was due")
        if not message.last:
            self._previous = message
        return message.last


class CheckpointAssembly:
    """Collects the parts of one checkpoint as they come, so that the last part costs little more than the others."""

    def __init__(self) -> None:
        self.bytes = 0  # that its parts cost in memory
        self._order = CheckpointPartOrder()
        self._parts: list[CheckpointPart] = []
        self._rows: dict[str, StreamRow] = {}
        self._deleted: set[str] = set()

    def add(self, message: CheckpointPart) -> StreamCheckpoint | None:
        """The whole checkpoint once its last part is there; None before. Raises StreamGap."""
        complete = self._order.add(message)
        if message.part == 0:
            self.bytes = 0
            self._parts, self._rows, self._deleted = [], {}, set()
        self._parts.append(message)
        rows = self._rows
        for row in message.rows:
            rows[row.key] = row
            if row.value is None:
                self._deleted.add(row.key)
        return StreamCheckpoint(self._parts, rows) if complete else None

    def apply(self, checkpoint: StreamCheckpoint, stream: BusStream) -> None:
        """Changes the stream by the checkpoint that was collected last."""
        first, rows = checkpoint[0], stream.rows
        if first.full:
            rows = stream.rows = {}
        rows.update(checkpoint.rows)
        for key in self._deleted:
            if rows[key].value is None:
                del rows[key]
        stream.session, stream.seq = first.session, first.seq


class StreamGap(Exception):
    """A part or a checkpoint is missing."""


def _same_checkpoint(a: CheckpointPart, b: CheckpointPart) -> bool:
    return (a.session, a.seq, a.full) == (b.session, b.seq, b.full)
