"""Calls that wait for their replies."""

from collections.abc import Callable, Sequence
from typing import Any


class PendingVppCall:
    """One call. `since`: when it was sent, or VPP last sent something that belongs to it (s, monotonic)."""

    __slots__ = ("message", "on_reply", "since")

    def __init__(self, message: str, on_reply: Callable[[Any], None]) -> None:
        self.message, self.on_reply, self.since = message, on_reply, 0.0

    def take(self, _context: int, reply: Any) -> None:
        """The reply, or the exception that stands for it."""
        self.on_reply(reply)


class PendingVppBatch(PendingVppCall):
    """Calls of one message that are sent together. `on_reply` gets all replies, in order."""

    __slots__ = ("first", "outstanding", "replies")

    def __init__(self, message: str, number: int, on_reply: Callable[[list[Any]], None]) -> None:
        super().__init__(message, on_reply)
        self.replies: list[Any] = [None] * number
        self.outstanding, self.first = number, 0

    def take(self, context: int, reply: Any) -> None:
        self.replies[context - self.first] = reply
        self.outstanding -= 1
        if not self.outstanding:
            self.on_reply(self.replies)


class VppRetvalBatch(PendingVppBatch):
    """A batch of whose replies only the return values matter, which stand for them."""

    __slots__ = ()

    def take_all(self, context: int, retvals: Sequence[int]) -> None:
        """Return values of calls that follow one another, the first of them that of `context`."""
        at = context - self.first
        self.replies[at : at + len(retvals)] = retvals
        self.outstanding -= len(retvals)
        if not self.outstanding:
            self.on_reply(self.replies)
