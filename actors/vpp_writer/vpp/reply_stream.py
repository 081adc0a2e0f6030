"""What VPP sends, cut into messages and given to the calls that wait for them. Pure; times are s, monotonic.

A frame is `0 u64, length u32, 0 u32` in network order, then the message.
"""

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

from actors.vpp_writer.vpp.pending import PendingVppCall, VppRetvalBatch
from actors.vpp_writer.vpp.replies import REPLY_CONTEXT_OFFSET, VppReplyReader

VPP_FRAME_HEADER = struct.Struct(">QII")
_REPLY = struct.Struct(">8xI4xHI")  # length, message number, context
_REPLY_CONTEXT = struct.Struct(">I")
_RETVAL = struct.Struct(">6xi")  # after message number and context
_RUN_MIN = 4  # fewer replies are read one by one
MESSAGE_BYTES_MAX = 64 << 20


class UnreadableVppReply(Exception):
    """VPP sends what is no message that we know; the text says what."""


class VppReplyStream:
    """The replies of one connection. `readers`, by message number: where the context is, and what reads the rest.

    `waiting`: calls by context. `dumps`, by context: the details so far, and the call that ends the dump.
    """

    def __init__(self, readers: Mapping[int, tuple[int, VppReplyReader]]) -> None:
        self._readers = readers
        self._unread = b""
        self.waiting: dict[int, PendingVppCall] = {}
        self.dumps: dict[int, tuple[list[Any], PendingVppCall]] = {}

    def give_up(self) -> dict[int, PendingVppCall]:
        """No more replies are expected. Returns the calls that still waited, by context."""
        waiting = dict(self.waiting)
        self.waiting.clear()
        return waiting

    def feed(self, data: bytes, now: float) -> None:
        """Takes in what VPP has sent. Raises UnreadableVppReply."""
        data = self._unread + data if self._unread else data
        at, end, frame, readers, waiting = 0, len(data), VPP_FRAME_HEADER.size, self._readers, self.waiting
        while end - at >= _REPLY.size:
            length, number, context = _REPLY.unpack_from(data, at)
            if length > MESSAGE_BYTES_MAX:
                raise UnreadableVppReply(f"{length} bytes in one message")
            begin, at_next = at + frame, at + frame + length
            if at_next > end:
                break
            reader = readers.get(number)
            if reader is not None:
                context_is_at, read = reader
                if context_is_at != REPLY_CONTEXT_OFFSET:
                    (context,) = _REPLY_CONTEXT.unpack_from(data, begin + context_is_at)
                waiter = waiting.get(context)
                if isinstance(waiter, VppRetvalBatch):
                    if run := self._take_run(data, at, length, context, waiter, now):
                        at += run * (frame + length)
                        continue
                    read = _read_retval
                self._take(data, begin, at_next, context, waiter, read, now)
            at = at_next
        self._unread = data[at:]

    def _take(
        self,
        data: bytes,
        begin: int,
        end: int,
        context: int,
        waiter: PendingVppCall | None,
        read: VppReplyReader,
        now: float,
    ) -> None:
        """Gives one message to whom it belongs: a call that waits, a dump under way, or nobody."""
        details = None
        if waiter is None:
            if context not in self.dumps:
                return
            details, waiter = self.dumps[context]
        try:
            reply = read(data, begin, end)
        except (ValueError, struct.error, IndexError) as error:
            raise UnreadableVppReply(f"what cannot be read: {error}") from None
        waiter.since = now
        if details is not None:
            details.append(reply)
        else:
            del self.waiting[context]
            waiter.take(context, reply)

    def _take_run(self, data: bytes, at: int, length: int, context: int, waiter: VppRetvalBatch, now: float) -> int:
        """Takes the replies of one batch that lie there one after another, all at once; how many they were, or 0."""
        size = VPP_FRAME_HEADER.size + length
        count = min((len(data) - at) // size, waiter.first + len(waiter.replies) - context)
        if count < _RUN_MIN or length < _RETVAL.size:
            return 0
        lengths, numbers, contexts, values = zip(*_runs(size).iter_unpack(data[at : at + count * size]), strict=True)
        expected, waiting = tuple(range(context, context + count)), self.waiting
        if contexts != expected or len({*lengths}) != 1 or len({*numbers}) != 1:
            return 0
        if not all(map(waiting.__contains__, expected)):  # one has been given up
            return 0
        for answered in expected:
            del waiting[answered]
        waiter.since = now
        waiter.take_all(context, values)
        return count


def _read_retval(data: bytes, begin: int, _end: int) -> int:
    return int(_RETVAL.unpack_from(data, begin)[0])


@cache
def _runs(size: int) -> struct.Struct:
    """Frames of that size, each a reply with its return value first: (length, message number, context, value)."""
    fields = struct.Struct(">8xI4xHIi")
    return struct.Struct(f"{fields.format}{size - fields.size}x")
