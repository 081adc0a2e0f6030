"""What the broker knows of one subscriber: what it wants, has been sent and has read, and what waits for it. Pure."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bus.clients import TOOL_CLIENT_PREFIX
from bus.envelope import SUBSCRIBE_EVERY_WORD, BusMessage, StreamRow
from bus.stream import StreamName


@dataclass
class ChangedStreamRows:
    """The rows of a stream that have changed since a subscriber was sent the last.

    At first they are the checkpoint's own, which all its subscribers share: a large one is not copied.
    """

    rows: dict[str, StreamRow]
    shared: bool = True

    def merge(self, newer: dict[str, StreamRow]) -> None:
        """A later checkpoint."""
        if self.shared:
            self.rows, self.shared = dict(self.rows), False
        self.rows.update(newer)


@dataclass
class BusSubscriber:
    """A client of the broker's, which may be sent something."""

    identity: bytes
    name: str
    words: frozenset[str] = frozenset()
    bytes_sent: int = 0  # since this broker knows it
    bytes_read: int = 0
    bytes_proven: int = 0  # it has echoed a Welcome before which so much was sent
    welcomes: "deque[int]" = field(default_factory=deque)  # how much was sent before each, not echoed yet
    read_at: float = 0.0  # when it read last, or had nothing to read
    cut_off: str = ""  # why it is sent nothing; empty: it is not cut off
    changed: "OrderedDict[StreamName, ChangedStreamRows | None]" = field(default_factory=OrderedDict)  # None: all rows
    fetches: "OrderedDict[StreamName, None]" = field(default_factory=OrderedDict)
    sending: Iterator[BusMessage] | None = None  # the rest of a checkpoint or snapshot that has begun to leave
    sending_of: StreamName = ("", "")
    queue: "deque[bytes]" = field(default_factory=deque)  # of a tool
    queue_bytes: int = 0
    positions: dict[StreamName, tuple[int, int]] = field(default_factory=dict)  # (session, seq) that it was sent last

    @property
    def is_tool(self) -> bool:
        """Is it a tap, a benchmark, somebody's command?"""
        return self.name.startswith(TOOL_CLIENT_PREFIX)

    @property
    def unread(self) -> int:
        """Bytes that it was sent and has not said to have read."""
        return max(0, self.bytes_sent - self.bytes_read)

    @property
    def behind(self) -> bool:
        """Does anything wait that it has not been sent?"""
        return self.sending is not None or bool(self.changed or self.fetches)

    def wants(self, word: str) -> bool:
        """Does it subscribe to that word?"""
        return word in self.words or SUBSCRIBE_EVERY_WORD in self.words

    def forget(self) -> None:
        """Drops all that waits and all positions: the next beacon tells the subscriber what it missed."""
        self.changed.clear()
        self.fetches.clear()
        self.positions.clear()
        self.queue.clear()
        self.queue_bytes = 0
        self.sending = None
