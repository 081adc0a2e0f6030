"""The broker's side of all hearers: who hears what, how much each has not read yet. Pure; time is an argument.

A hearer is in one of these states:

| state | what it is sent | leaves it when |
|---|---|---|
| reading | every checkpoint, at once | `WINDOW_BYTES` are unread: behind |
| behind | as it reads: what it asked for, then the rows that changed meanwhile | nothing waits: reading |
| cut off | nothing | it reads again: reading, and asks for what it missed |

Rows that change again while they wait are sent once; those of a stream leave as one checkpoint. A hearer is cut off
when it does not read for `UNREAD_S_MAX`, or when more than `KEYS_WAITING_MAX` rows wait. So one that never reads costs
`WINDOW_BYTES`, and one that reads slowly costs a key for each row that changed.

Passing hearers (taps, tools) come last: what is for them leaves only when the broker has nothing else to do. Nothing
is worked out for them meanwhile: the packed checkpoints wait as they are, the same bytes for all of them, up to
`TOOL_QUEUE_BYTES_MAX`; with more they are cut off.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from bus.envelope import (
    EVERY_WORD,
    TRACE_WORD,
    CheckpointPart,
    Message,
    Row,
    TraceEvent,
    frame_bytes,
    iter_parts,
    pack,
)
from bus.stream import Checkpoint
from bus.stream_store import StreamStore

WINDOW_BYTES = 1 << 20
UNREAD_S_MAX = 3.0
TOOL_PREFIX = "tool-"  # clients that come and go: taps, tools, people
KEYS_WAITING_MAX = 100_000
FEW_ROWS = 100  # of a stream leave between the parts of another's large checkpoint
TOOL_FRAMES_MAX = 20  # for a passing hearer at a time: others may have come meanwhile
TOOL_QUEUE_BYTES_MAX = 32 << 20
BUSY_BYTES = 64 << 10

StreamName = tuple[str, str]  # (word, owner)


class OutgoingFrame(NamedTuple):
    """Bytes for the client with that ZeroMQ identity."""

    to: bytes
    data: bytes


@dataclass
class _Changed:
    """The rows of a stream that have changed since a hearer was sent the last.

    At first they are the checkpoint's own, which all that hear it share: a large one is not copied.
    """

    rows: dict[str, Row]
    shared: bool = True

    def follow(self, later: dict[str, Row]) -> None:
        """More has changed."""
        if self.shared:
            self.rows, self.shared = dict(self.rows), False
        self.rows.update(later)


@dataclass
class _Hearer:
    identity: bytes
    name: str
    words: frozenset[str] = frozenset()
    sent: int = 0  # bytes, since this broker knows it
    heard: int = 0
    read_at: float = 0.0  # when it read last, or had nothing to read
    cut: str = ""  # why it is cut off
    waiting: "OrderedDict[StreamName, _Changed | None]" = field(default_factory=OrderedDict)  # None: all rows
    fetches: "OrderedDict[StreamName, None]" = field(default_factory=OrderedDict)
    sending: Iterator[Message] | None = None
    sending_of: StreamName = ("", "")
    later: "deque[bytes]" = field(default_factory=deque)  # for a passing one, when there is time
    later_bytes: int = 0
    at: dict[StreamName, tuple[int, int]] = field(default_factory=dict)  # (session, seq) that it was sent last

    @property
    def passing(self) -> bool:
        return self.name.startswith(TOOL_PREFIX)

    @property
    def unread(self) -> int:
        return max(0, self.sent - self.heard)

    @property
    def behind(self) -> bool:
        return self.sending is not None or bool(self.waiting or self.fetches)

    def hears(self, word: str) -> bool:
        return word in self.words or EVERY_WORD in self.words

    def forget(self) -> None:
        """Drops all that waits, and where it was in each stream: the beacon will tell it what it missed."""
        self.waiting.clear()
        self.fetches.clear()
        self.at.clear()
        self.later.clear()
        self.later_bytes = 0
        self.sending = None


class Fanout:
    """All hearers. What comes out is to be sent at once, in order."""

    def __init__(self, store: StreamStore, counters: Counter[str]) -> None:
        self._store, self._counters = store, counters
        self._hearers: dict[bytes, _Hearer] = {}

    def join(self, identity: bytes, name: str, now: float) -> bool:
        """A client is alive under `identity`; an earlier life of that name is forgotten. Was it known?"""
        if identity in self._hearers:
            return True
        self.leave(name)
        self._hearers[identity] = _Hearer(identity, name, read_at=now)
        return False

    def leave(self, name: str) -> None:
        """A client that will not come back."""
        for identity in [each.identity for each in self._hearers.values() if each.name == name]:
            del self._hearers[identity]

    def suspend(self, name: str, why: str) -> None:
        """A client that says nothing any more: nothing is kept for it until it does."""
        for hearer in self._hearers.values():
            if hearer.name == name:
                self._cut(hearer, why)

    def cut_off_reason(self, name: str) -> str:
        """Why that client gets nothing; empty: it does."""
        return next((each.cut for each in self._hearers.values() if each.name == name), "")

    def subscribe(self, identity: bytes, words: Iterable[str]) -> None:
        """These words are what it wants to hear, of all owners."""
        if hearer := self._hearers.get(identity):
            hearer.words = frozenset(words)

    def credit(self, identity: bytes, total: int, now: float) -> list[OutgoingFrame]:
        """It has read so many bytes since this broker knows it."""
        hearer = self._hearers.get(identity)
        if hearer is None or total <= hearer.heard:
            return []
        hearer.heard, hearer.read_at = min(total, hearer.sent), now
        hearer.cut = ""
        return [] if hearer.passing else list(self._pump(hearer))

    def fetch(self, identity: bytes, word: str, owner: str) -> list[OutgoingFrame]:
        """It asks for a stream's retained rows."""
        hearer = self._hearers.get(identity)
        if hearer is None or hearer.cut:
            return []
        hearer.fetches[word, owner] = None
        return [] if hearer.passing else list(self._pump(hearer))

    def unicast(self, identity: bytes, message: Message) -> OutgoingFrame:
        """A message to one client, whatever it has read."""
        frame = OutgoingFrame(identity, pack(message))
        if hearer := self._hearers.get(identity):
            self._count(hearer, frame.data)
        return frame

    def broadcast(self, message: Message) -> Iterator[OutgoingFrame]:
        """A message to all hearers that have been sent all that there is: a beacon speaks of nothing that waits."""
        data = pack(message)
        for hearer in self._hearers.values():
            if hearer.words and not hearer.cut and not hearer.behind:
                yield from self._now_or_later(hearer, data)

    @property
    def tapped(self) -> bool:
        """Does anybody listen to notes?"""
        return any(TRACE_WORD in each.words for each in self._hearers.values())

    def trace(self, event: TraceEvent) -> Iterator[OutgoingFrame]:
        """To those that listen to notes and have read most of what they were sent; the others miss it."""
        data = pack(event)
        for hearer in self._hearers.values():
            if TRACE_WORD not in hearer.words:
                continue
            if hearer.cut or hearer.unread + hearer.later_bytes > WINDOW_BYTES // 2:
                self._counters["notes_dropped"] += 1
                continue
            yield from self._now_or_later(hearer, data)

    def fan_out(self, whole: Checkpoint) -> Iterator[OutgoingFrame]:
        """A checkpoint that the ledger has taken, to all that hear its word."""
        first = whole[0]
        name, now_at = (first.word, first.sender), (first.session, first.seq)
        hearers = [each for each in self._hearers.values() if each.hears(first.word) and not each.cut]
        if not hearers:
            return
        packed, size, passing = list[bytes](), 0, any(each.passing for each in hearers)
        for part in whole:
            packed.append(pack(part))
            size += frame_bytes(packed[-1])
            if size > WINDOW_BYTES and not passing:
                break  # nobody gets it at once
        for hearer in hearers:
            if hearer.passing:
                self._later(hearer, packed)
            elif not hearer.behind and hearer.unread + size <= WINDOW_BYTES:
                hearer.at[name] = now_at
                yield from self._now(hearer, packed)
            else:
                self._wait(hearer, name, whole)
                yield from self._pump(hearer)

    def _now(self, hearer: _Hearer, packed: Iterable[bytes]) -> Iterator[OutgoingFrame]:
        for data in packed:
            self._count(hearer, data)
            yield OutgoingFrame(hearer.identity, data)

    def _later(self, hearer: _Hearer, packed: Iterable[bytes]) -> None:
        for data in packed:
            hearer.later.append(data)
            hearer.later_bytes += frame_bytes(data)
        if hearer.later_bytes > TOOL_QUEUE_BYTES_MAX:
            self._cut(hearer, f"more than {TOOL_QUEUE_BYTES_MAX} bytes wait for it to read")

    def _now_or_later(self, hearer: _Hearer, data: bytes) -> Iterator[OutgoingFrame]:
        if hearer.passing:
            self._later(hearer, [data])
        else:
            yield from self._now(hearer, [data])

    @property
    def backlogged(self) -> bool:
        """Has one that is not passing still much to read?"""
        return any(h.unread > BUSY_BYTES and not (h.passing or h.cut) for h in self._hearers.values())

    def serve_tools(self) -> Iterator[OutgoingFrame]:
        """There is nothing else to do: some of what is for passing hearers."""
        for hearer in self._hearers.values():
            if hearer.passing and not hearer.cut:
                yield from self._now(hearer, islice(self._passing(hearer), TOOL_FRAMES_MAX))

    def _passing(self, hearer: _Hearer) -> Iterator[bytes]:
        """In the order of the streams: the rest of a snapshot, what came after its beginning, the next snapshot."""
        while hearer.unread < WINDOW_BYTES // 2:
            if hearer.sending is not None:
                message = next(hearer.sending, None)
                if message is None:
                    hearer.sending = None
                else:
                    yield pack(message)
            elif hearer.later:
                data = hearer.later.popleft()
                hearer.later_bytes -= frame_bytes(data)
                yield data
            elif (sending := self._next(hearer)) is not None:
                hearer.sending = sending
            else:
                return

    def _wait(self, hearer: _Hearer, name: StreamName, whole: Checkpoint) -> None:
        if whole[0].full:
            hearer.waiting[name] = None
            return
        if name not in hearer.waiting:
            hearer.waiting[name] = _Changed(whole.rows)
        elif (changed := hearer.waiting[name]) is not None:
            changed.follow(whole.rows)
        if sum(len(some.rows) for some in hearer.waiting.values() if some) > KEYS_WAITING_MAX:
            self._cut(hearer, f"more than {KEYS_WAITING_MAX} changed rows wait for it to read")

    def tick(self, now: float) -> None:
        """Cuts off who does not read."""
        for hearer in self._hearers.values():
            if not hearer.unread:
                hearer.read_at = now
            elif not hearer.cut and hearer.unread >= WINDOW_BYTES // 2 and now - hearer.read_at > UNREAD_S_MAX:
                self._cut(hearer, f"{hearer.unread} bytes not read for {UNREAD_S_MAX:.0f} s")

    def _cut(self, hearer: _Hearer, why: str) -> None:
        if not hearer.cut:
            self._counters["hearers_cut_off"] += 1
        hearer.cut = why
        hearer.forget()

    def _pump(self, hearer: _Hearer) -> Iterator[OutgoingFrame]:
        """As much of what waits as there is room for; half of the window stays free for what is new."""
        while not hearer.cut and hearer.unread < WINDOW_BYTES // 2:
            if (message := self._between(hearer)) is None:
                hearer.sending = hearer.sending or self._next(hearer)
                if hearer.sending is None:
                    return
                message = next(hearer.sending, None)
            if message is None:
                hearer.sending = None
                continue
            data = pack(message)
            self._count(hearer, data)
            yield OutgoingFrame(hearer.identity, data)

    def _between(self, hearer: _Hearer) -> Message | None:
        """A few rows of another stream, that do not wait until a large one has been sent."""
        if hearer.sending is None or len(hearer.waiting) < 1 + (hearer.sending_of in hearer.waiting):
            return None
        for name, changed in hearer.waiting.items():
            (session, since), at = hearer.at.get(name, (0, 0)), self._store.position(*name)
            if name == hearer.sending_of or changed is None or len(changed.rows) > FEW_ROWS or session != at[0]:
                continue
            changes = list(self._changes(name, changed, since))
            if len(changes) == 1:  # parts of one checkpoint stay together
                del hearer.waiting[name]
                hearer.at[name] = at
                self._counters["caught_up"] += 1
                return changes[0]
        return None

    def _next(self, hearer: _Hearer) -> Iterator[Message] | None:
        """What it is sent next: what it asked for before what it may hear anyway."""
        while hearer.fetches:
            name, _ = hearer.fetches.popitem(last=False)
            hearer.waiting.pop(name, None)
            hearer.at[name], hearer.sending_of = self._store.position(*name), name
            self._counters["snapshots"] += 1
            return self._store.snapshot(*name)
        while hearer.waiting:
            name, changed = hearer.waiting.popitem(last=False)
            if changed is not None and hearer.at.get(name, (0, 0))[0] != self._store.position(*name)[0]:
                continue  # it has never been told of this stream: it asks when the beacon speaks of it
            since = hearer.at.get(name, (0, 0))[1]
            hearer.at[name], hearer.sending_of = self._store.position(*name), name
            self._counters["caught_up"] += 1
            return self._changes(name, changed, since)
        return None

    def _changes(self, name: StreamName, changed: _Changed | None, since: int) -> Iterator[Message]:
        """One checkpoint of these rows, or of all, as they are now, though it is made as it is sent."""
        rows = self._store.streams[name].copied_rows() if changed is None else changed.rows.values()
        session, seq = self._store.position(*name)
        for number, (some, last) in enumerate(iter_parts(rows)):
            yield CheckpointPart(
                sender=name[1],
                word=name[0],
                session=session,
                seq=seq,
                since=0 if changed is None else since,
                part=number,
                last=last,
                full=changed is None,
                rows=some,
            )

    @staticmethod
    def _count(hearer: _Hearer, data: bytes) -> None:
        hearer.sent += frame_bytes(data)
