"""Requests that wait to be sent, as bytes: at most a window of them is on its way at a time.

Each has a context, by which its reply is known; contexts wrap and skip 0.
"""

import itertools
import struct
from collections import deque
from collections.abc import Iterable, Sequence

from actors.vpp_writer.vpp.message_table import VPP_REQUEST_HEAD_BYTES, VppMessageTable
from actors.vpp_writer.vpp.pending import PendingVppBatch, PendingVppCall

_REQUEST = struct.Struct(">QIIHII")  # a frame, and its message's number, client, context
_CONTEXT_MAX = 2**32 - 1


class VppRequestQueue:
    """The requests of one connection. `client`: the number that VPP has given it; 0 until then."""

    def __init__(self, table: VppMessageTable, window: int) -> None:
        self.window = window
        self.client = 0
        self._table = table
        self.last_context = 0
        self._queue: deque[tuple[range, bytes, PendingVppCall | None]] = deque()  # contexts, frames, who waits

    def __bool__(self) -> bool:
        return bool(self._queue)

    def next_context(self) -> int:
        """The context of a request that is about to be made."""
        self.last_context = self.last_context % _CONTEXT_MAX + 1
        return self.last_context

    def framed(self, message: str, context: int, body: bytes) -> bytes:
        """A request as it is sent. Raises KeyError for a message VPP lacks."""
        length, number = VPP_REQUEST_HEAD_BYTES + len(body), self._table.numbers[message]
        return _REQUEST.pack(0, length, 0, number, self.client, context) + body

    def add(self, context: int, message: str, body: bytes, waiter: PendingVppCall | None) -> None:
        """One request; None: nobody waits for a reply to it."""
        self._queue.append((range(context, context + 1), self.framed(message, context, body), waiter))

    def add_batch(self, message: str, bodies: Sequence[bytes], batch: PendingVppBatch) -> None:
        """Requests of one message, whose contexts follow one another."""
        if self.last_context + len(bodies) > _CONTEXT_MAX:
            self.last_context = 0
        batch.first = first = self.next_context()
        self.last_context = first + len(bodies) - 1
        number, client, pack = self._table.numbers[message], self.client, _REQUEST.pack
        half = max(self.window // 2, 1)  # VPP works at one while the next is on its way
        for at in range(0, len(bodies), half):
            pieces: list[bytes] = []
            for context, body in enumerate(bodies[at : at + half], first + at):
                pieces += (pack(0, VPP_REQUEST_HEAD_BYTES + len(body), 0, number, client, context), body)
            contexts = range(first + at, first + at + len(pieces) // 2)
            self._queue.append((contexts, b"".join(pieces), batch))

    def take_sendable(self, waiting: dict[int, PendingVppCall], now: float) -> list[bytes]:
        """What may leave now. Those that wait for its replies are entered into `waiting`, by context."""
        frames = []
        while self._queue and (not waiting or len(waiting) + len(self._queue[0][0]) <= self.window):
            contexts, frame, waiter = self._queue.popleft()
            frames.append(frame)
            if waiter is not None:
                waiter.since = now
                waiting.update(dict.fromkeys(contexts, waiter))
        return frames

    def give_up(self) -> Iterable[tuple[int, PendingVppCall]]:
        """Those that wait for what has not been sent, by context; nothing is sent any more."""
        queue, self._queue = self._queue, deque()
        waiters = (zip(contexts, itertools.repeat(waiter)) for contexts, _, waiter in queue if waiter is not None)
        return itertools.chain.from_iterable(waiters)
