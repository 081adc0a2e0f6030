"""One stream's rows, and the assembly of its checkpoints from parts. Pure.

Laws: rows change only by whole checkpoints; a checkpoint follows the one that it names, or its
predecessor by one; a full checkpoint replaces everything, whichever session it is of.
"""

from dataclasses import dataclass, field

from msgspec import Struct

from bus.envelope import Row, Rows


class Held(Struct, frozen=True, gc=False):
    """A retained row: the value's bytes and what led to it."""

    value: bytes
    cause: str


@dataclass
class Stream:
    """Rows as of checkpoint `seq` of `session` (0: nothing heard yet)."""

    session: int = 0
    seq: int = 0
    rows: dict[str, Held] = field(default_factory=dict)

    def follows(self, message: Rows) -> bool:
        """May this part's checkpoint be applied to the rows as they are?"""
        if message.full:
            return message.session != self.session or message.seq > self.seq
        return message.session == self.session and (message.since or message.seq - 1) == self.seq

    def known(self, message: Rows) -> bool:
        """Has this checkpoint been applied already?"""
        return message.session == self.session and message.seq <= self.seq

    def apply(self, checkpoint: list[Rows]) -> None:
        """Applies all parts of one checkpoint."""
        first = checkpoint[0]
        if first.full:
            self.rows = {}
        for part in checkpoint:
            for row in part.rows:
                if row.value is None:
                    self.rows.pop(row.key, None)
                else:
                    self.rows[row.key] = Held(row.value, row.cause)
        self.session, self.seq = first.session, first.seq

    def as_rows(self) -> list[Row]:
        """All rows as messages carry them."""
        return [Row(key, held.value, held.cause) for key, held in self.rows.items()]


class Assembly:
    """Collects the parts of one checkpoint, in order."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []

    def add(self, message: Rows) -> list[Rows] | None:
        """The whole checkpoint once its last part is there; None before. Raises Gap."""
        expected = 0 if not self._parts else self._parts[-1].part + 1
        if self._parts and not _same_checkpoint(self._parts[0], message):
            self._parts, expected = [], 0
        if message.part != expected:
            self._parts = []
            raise Gap(f"part {message.part} where {expected} was due")
        self._parts.append(message)
        if not message.last:
            return None
        whole, self._parts = self._parts, []
        return whole


class Gap(Exception):
    """A part or a checkpoint is missing."""


def _same_checkpoint(a: Rows, b: Rows) -> bool:
    return (a.session, a.seq, a.full) == (b.session, b.seq, b.full)
