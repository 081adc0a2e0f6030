"""The broker's side of all subscribers: their words, and how much each has not read yet. Pure; time is an argument.

A subscriber is in one of these states:

| state | what it is sent | leaves it when |
|---|---|---|
| reading | every checkpoint, at once | `WINDOW_BYTES` are unread: behind |
| behind | as it reads: the snapshots it asked for, then the rows that changed meanwhile | nothing waits: reading |
| cut off | nothing | it reads again: reading, and asks for what it missed |

Rows that change again while they wait are sent once; those of a stream leave as one checkpoint. A subscriber is cut off
when it does not read for `UNREAD_S_MAX`, or when more than `KEYS_WAITING_MAX` rows wait. So one that never reads costs
`WINDOW_BYTES`, and one that reads slowly costs a key for each row that changed.

Tools (taps, benchmarks, people's commands) come last: their frames leave only when the broker has nothing else to do.
Nothing is computed for them meanwhile: packed checkpoints are queued as they are, the same bytes for all tools, up to
`TOOL_QUEUE_BYTES_MAX`; with more queued a tool is cut off.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from bus.catch_up import SubscriberCatchUp
from bus.envelope import (
    TRACE_WORD,
    BusMessage,
    BusTraceEvent,
    frame_credit_bytes,
    pack_bus_message,
)
from bus.stream import StreamCheckpoint, StreamName
from bus.stream_store import StreamStore
from bus.subscriber import BusSubscriber, ChangedStreamRows

WINDOW_BYTES = 1 << 20
UNREAD_S_MAX = 3.0
KEYS_WAITING_MAX = 100_000
_TOOL_FRAMES_MAX = 20  # to one tool at a time: messages may have come meanwhile
TOOL_QUEUE_BYTES_MAX = 32 << 20
_BACKLOG_BYTES = 64 << 10
UNPROVEN_BYTES_MAX = 32 << 20  # that a subscriber may say it has read beyond what it has shown to have read
_WELCOMES_MAX = 16  # without an echo yet
_UNANSWERED_BYTES_MAX = 8 << 20  # unread by a client that sends, and is sent nothing more


class BrokerOutgoingFrame(NamedTuple):
    """Bytes for the client with that ZeroMQ identity."""

    to: bytes
    data: bytes


class SubscriberFanout:
    """All subscribers. The frames that come out are to be sent at once, in order."""

    def __init__(self, store: StreamStore, counters: Counter[str]) -> None:
        self._counters = counters
        self._catch_up = SubscriberCatchUp(store, counters)
        self._subscribers: dict[bytes, BusSubscriber] = {}

    # --- who there is

    def join(self, identity: bytes, name: str, now: float) -> bool:
        """A client is alive under `identity`; an earlier life of that name is forgotten. Was it known?"""
        if identity in self._subscribers:
            return True
        self.leave(name)
        self._subscribers[identity] = BusSubscriber(identity, name, read_at=now)
        return False

    def leave(self, name: str) -> None:
        """A client will not come back."""
        for identity in [subscriber.identity for subscriber in self._subscribers.values() if subscriber.name == name]:
            del self._subscribers[identity]

    def suspend(self, name: str, why: str) -> None:
        """A client is silent: it is cut off until it reads again."""
        for subscriber in self._subscribers.values():
            if subscriber.name == name:
                self._cut_off(subscriber, why)

    def cut_off_reason(self, name: str) -> str:
        """Why that client is sent nothing; empty: it is not cut off."""
        return next((subscriber.cut_off for subscriber in self._subscribers.values() if subscriber.name == name), "")

    def subscribe(self, identity: bytes, words: Iterable[str]) -> None:
        """These are all the words that it wants, of all owners."""
        if subscriber := self._subscribers.get(identity):
            subscriber.words = frozenset(words)

    @property
    def tapped(self) -> bool:
        """Does anybody subscribe to trace events?"""
        return any(TRACE_WORD in subscriber.words for subscriber in self._subscribers.values())

    @property
    def backlogged(self) -> bool:
        """Has a subscriber that is no tool much to read?"""
        return any(
            subscriber.unread > _BACKLOG_BYTES and not (subscriber.is_tool or subscriber.cut_off)
            for subscriber in self._subscribers.values()
        )

    def tick(self, now: float) -> None:
        """Cuts off subscribers that do not read."""
        for subscriber in self._subscribers.values():
            if not subscriber.unread:
                subscriber.read_at = now
            elif (
                not subscriber.cut_off
                and subscriber.unread >= WINDOW_BYTES // 2
                and now - subscriber.read_at > UNREAD_S_MAX
            ):
                self._cut_off(subscriber, f"{subscriber.unread} bytes not read for {UNREAD_S_MAX:.0f} s")

    def _cut_off(self, subscriber: BusSubscriber, why: str) -> None:
        if not subscriber.cut_off:
            self._counters["hearers_cut_off"] += 1
        subscriber.cut_off = why
        subscriber.forget()

    # --- what a subscriber asks for

    def welcomed(self, identity: bytes) -> int:
        """A Welcome is about to leave. How much was sent before it?"""
        if (subscriber := self._subscribers.get(identity)) is None:
            return 0
        subscriber.welcomes.append(subscriber.bytes_sent)
        if len(subscriber.welcomes) > _WELCOMES_MAX:
            subscriber.welcomes.popleft()
        return subscriber.bytes_sent

    def credit(self, identity: bytes, bytes_read: int, echo: int, now: float) -> list[BrokerOutgoingFrame]:
        """It says that it has read so many bytes since this broker knows it. Believed as far as its echoes go."""
        subscriber = self._subscribers.get(identity)
        if subscriber is None:
            return []
        if echo in subscriber.welcomes:
            subscriber.bytes_proven = echo
            while subscriber.welcomes and subscriber.welcomes[0] <= echo:
                subscriber.welcomes.popleft()
        claimed = min(bytes_read, subscriber.bytes_sent)
        believed = min(claimed, subscriber.bytes_proven + UNPROVEN_BYTES_MAX)
        if bytes_read <= subscriber.bytes_read or (believed < claimed and believed <= subscriber.bytes_read):
            return []
        subscriber.bytes_read, subscriber.read_at = believed, now
        subscriber.cut_off = ""
        return [] if subscriber.is_tool else list(self._pump(subscriber))

    def fetch(self, identity: bytes, word: str, owner: str) -> list[BrokerOutgoingFrame]:
        """It asks for a stream's retained rows."""
        subscriber = self._subscribers.get(identity)
        if subscriber is None or subscriber.cut_off:
            return []
        subscriber.fetches[word, owner] = None
        return [] if subscriber.is_tool else list(self._pump(subscriber))

    # --- what there is to send

    def unicast(self, identity: bytes, message: BusMessage) -> Iterator[BrokerOutgoingFrame]:
        """A message to one client; it misses it, as whoever waits for an answer in vain, if it reads nothing at all."""
        data = pack_bus_message(message)
        if subscriber := self._subscribers.get(identity):
            if subscriber.unread > _UNANSWERED_BYTES_MAX:
                self._counters["undeliverable"] += 1
                return
            self._count(subscriber, data)
        yield BrokerOutgoingFrame(identity, data)

    def broadcast(self, message: BusMessage) -> Iterator[BrokerOutgoingFrame]:
        """A beacon, to subscribers that have been sent everything: it must not speak of what still waits."""
        data = pack_bus_message(message)
        for subscriber in self._subscribers.values():
            if subscriber.words and not subscriber.cut_off and not subscriber.behind:
                yield from self._send_or_queue(subscriber, data)

    def trace(self, event: BusTraceEvent) -> Iterator[BrokerOutgoingFrame]:
        """To those that subscribe to trace events and have read most of what they were sent; the others miss it."""
        data = pack_bus_message(event)
        for subscriber in self._subscribers.values():
            if TRACE_WORD not in subscriber.words:
                continue
            if subscriber.cut_off or subscriber.unread + subscriber.queue_bytes > WINDOW_BYTES // 2:
                self._counters["notes_dropped"] += 1
                continue
            yield from self._send_or_queue(subscriber, data)

    def fan_out(self, checkpoint: StreamCheckpoint) -> Iterator[BrokerOutgoingFrame]:
        """A checkpoint that the store has accepted, to all subscribers of its word."""
        first = checkpoint[0]
        stream, position = (first.word, first.sender), (first.session, first.seq)
        subscribers = [s for s in self._subscribers.values() if s.wants(first.word) and not s.cut_off]
        if not subscribers:
            return
        packed, size = _pack_parts(checkpoint, all_of_them=any(subscriber.is_tool for subscriber in subscribers))
        for subscriber in subscribers:
            if subscriber.is_tool:
                self._queue(subscriber, packed)
            elif not subscriber.behind and subscriber.unread + size <= WINDOW_BYTES:
                subscriber.positions[stream] = position
                yield from self._send(subscriber, packed)
            else:
                self._wait(subscriber, stream, checkpoint)
                yield from self._pump(subscriber)

    def _send(self, subscriber: BusSubscriber, packed: Iterable[bytes]) -> Iterator[BrokerOutgoingFrame]:
        for data in packed:
            self._count(subscriber, data)
            yield BrokerOutgoingFrame(subscriber.identity, data)

    def _wait(self, subscriber: BusSubscriber, stream: StreamName, checkpoint: StreamCheckpoint) -> None:
        """The subscriber is behind: only the keys of what changed wait, and one that changes again waits once."""
        if checkpoint[0].full:
            subscriber.changed[stream] = None
            return
        if stream not in subscriber.changed:
            subscriber.changed[stream] = ChangedStreamRows(checkpoint.rows)
        elif (changed := subscriber.changed[stream]) is not None:
            changed.merge(checkpoint.rows)
        if sum(len(changed.rows) for changed in subscriber.changed.values() if changed) > KEYS_WAITING_MAX:
            self._cut_off(subscriber, f"more than {KEYS_WAITING_MAX} changed rows wait for it to read")

    # --- to a subscriber that is behind

    def _pump(self, subscriber: BusSubscriber) -> Iterator[BrokerOutgoingFrame]:
        """Sends what waits until half of the window is unread.

        The other half stays free: without it a subscriber that has just caught up would be behind again with the
        next checkpoint. Messages are made one at a time as there is room (`sending` is a generator), so that a large
        stream that waits for many subscribers is in memory once, not once for each of them.
        """
        while not subscriber.cut_off and subscriber.unread < WINDOW_BYTES // 2:
            message = self._catch_up.interleaved(subscriber)
            if message is None:
                subscriber.sending = subscriber.sending or self._catch_up.next_to_send(subscriber)
                if subscriber.sending is None:
                    return  # nothing waits: from now on it is sent every checkpoint at once
                message = next(subscriber.sending, None)
            if message is None:
                subscriber.sending = None  # this stream has left whole; the next turn of the loop begins another
                continue
            data = pack_bus_message(message)
            self._count(subscriber, data)
            yield BrokerOutgoingFrame(subscriber.identity, data)

    # --- tools

    def serve_tools(self) -> Iterator[BrokerOutgoingFrame]:
        """Some of what waits for tools; to be called when the broker has nothing else to do."""
        for subscriber in self._subscribers.values():
            if subscriber.is_tool and not subscriber.cut_off:
                yield from self._send(subscriber, islice(self._for_tool(subscriber), _TOOL_FRAMES_MAX))

    def _for_tool(self, subscriber: BusSubscriber) -> Iterator[bytes]:
        """In the order of the streams: the rest of a snapshot, what came after its beginning, the next snapshot."""
        while subscriber.unread < WINDOW_BYTES // 2:
            if subscriber.sending is not None:
                message = next(subscriber.sending, None)
                if message is None:
                    subscriber.sending = None
                else:
                    yield pack_bus_message(message)
            elif subscriber.queue:
                data = subscriber.queue.popleft()
                subscriber.queue_bytes -= frame_credit_bytes(data)
                yield data
            elif (sending := self._catch_up.next_to_send(subscriber)) is not None:
                subscriber.sending = sending
            else:
                return

    def _queue(self, subscriber: BusSubscriber, packed: Iterable[bytes]) -> None:
        for data in packed:
            subscriber.queue.append(data)
            subscriber.queue_bytes += frame_credit_bytes(data)
        if subscriber.queue_bytes > TOOL_QUEUE_BYTES_MAX:
            self._cut_off(subscriber, f"more than {TOOL_QUEUE_BYTES_MAX} bytes wait for it to read")

    def _send_or_queue(self, subscriber: BusSubscriber, data: bytes) -> Iterator[BrokerOutgoingFrame]:
        if subscriber.is_tool:
            self._queue(subscriber, [data])
        else:
            yield from self._send(subscriber, [data])

    @staticmethod
    def _count(subscriber: BusSubscriber, data: bytes) -> None:
        subscriber.bytes_sent += frame_credit_bytes(data)


def _pack_parts(checkpoint: StreamCheckpoint, *, all_of_them: bool) -> tuple[list[bytes], int]:
    """The parts packed once for all subscribers, and their size. Stops, unless all are wanted, at what exceeds the
    window: nobody is sent so much at once.
    """
    packed, size = list[bytes](), 0
    for part in checkpoint:
        packed.append(pack_bus_message(part))
        size += frame_credit_bytes(packed[-1])
        if size > WINDOW_BYTES and not all_of_them:
            break
    return packed, size
