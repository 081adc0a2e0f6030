"""What every process but the broker uses: say, hear, ask, answer.

A Peer may start before the broker and outlives it: what it has said is said again to the next
broker, what it has heard stays until something newer is known.
"""

import asyncio
import contextlib
import os
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import msgspec
from msgspec import Struct

from bus.calls import AnswerCache
from bus.envelope import (
    FRAME_OVERHEAD_BYTES,
    Answer,
    Ask,
    Beacon,
    CheckpointPart,
    Credit,
    Fetch,
    Head,
    Hello,
    Message,
    ReadCredit,
    Resend,
    SnapshotPart,
    Subscribe,
    TraceEvent,
    Welcome,
    pack,
    unpack,
)
from bus.mirror import Steps, StreamMirror, merge_changes
from bus.outbox import Outbox
from bus.sockets import ClientSocket, broker_address
from schemas import codec
from schemas.codec import Malformed
from schemas.requests import REPLY_OF, AnyRequest, Request
from schemas.topics import WORDS

HELLO_EVERY_S = 0.5
TICK_S = 0.1
BATCH_EVENTS_MAX = 10_000
TELL_HEARD_BYTES = 128 << 10
TRACES_WAITING_MAX = 1000  # that wait to be sent
SYNCED = "\0synced"  # no key of a row


class StreamChange(Struct, frozen=True, gc=False):
    """One row of a heard stream changed; `value` None: gone."""

    word: str
    owner: str
    key: str
    value: Any | None
    cause: str = ""


class StreamSynced(Struct, frozen=True, gc=False):
    """A heard stream's first complete load has arrived."""

    word: str
    owner: str


StreamEvent = StreamChange | StreamSynced


class AskFailed(Exception):
    """A request was not answered, or answered with an error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _view(values: dict[str, Any], events: Iterable[StreamEvent]) -> None:
    """What these events make of a view."""
    for event in events:
        if isinstance(event, StreamSynced):
            continue
        if event.value is None:
            values.pop(event.key, None)
        else:
            values[event.key] = event.value


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return (_base36(number // 36) if number >= 36 else "") + digits[number % 36]


Handler = Callable[[Any], Struct | Awaitable[Struct]]
_requests: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyRequest)


class Peer:
    """One process on the bus. Use as an async context manager; all methods on one event loop."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.session = time.time_ns()
        self.ready = False
        self.waiting: tuple[str, ...] = ()
        self.counters: Counter[str] = Counter()
        self.progress = 0
        self.broker_session: int | None = None
        self._notes: deque[TraceEvent] = deque()
        self.tapped = False  # does anybody listen to notes?
        self.last_malformed = ""
        self._directory = directory
        self._mirrors: dict[tuple[str, str], StreamMirror[StreamChange]] = {}
        self._values: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        self._synced: set[tuple[str, str]] = set()
        self._wanted_words: dict[str, set[str | None]] = {}
        self._events: defaultdict[tuple[str, str], dict[str, StreamChange | StreamSynced]] = defaultdict(
            dict
        )  # by stream and key
        self._has_events = asyncio.Event()
        self._outboxes: dict[str, Outbox] = {}
        self._said: dict[str, dict[str, tuple[Struct, bytes]]] = {}  # what was published last, and its bytes
        self._has_due = asyncio.Event()
        self._taken = asyncio.Event()
        self._handlers: dict[type[Request], Handler] = {}
        self._memory = AnswerCache()
        self._calls: dict[str, tuple[Ask, float, asyncio.Future[Answer]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[asyncio.Task[Any]] = set()
        self._hello_at = float("-inf")
        self._born = time.monotonic()
        self._heard = self._told_heard = 0  # bytes read of this broker
        self._sockets: ClientSocket | None = None

    async def __aenter__(self) -> Self:
        self._sockets = ClientSocket(broker_address(self._directory), f"{self.name}:{self.session}".encode())
        loops = (self._receive_loop(), self._say_loop(), self._tick_loop())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in (*self._tasks, *self._working):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._working, return_exceptions=True)
        if self._sockets:
            self._sockets.close()
        for _, _, future in self._calls.values():
            future.cancel()

    # --- hearing

    def subscribe(self, word: str, owner: str | None = None) -> None:
        """Hears `word` of `owner`, or of every owner (None)."""
        owner = owner or WORDS[word].owner
        self._wanted_words.setdefault(word, set()).add(owner)
        if owner is not None:
            self._mirror(word, owner).request_snapshot()
        if self.broker_session is not None:
            self._send_later(self._listen())

    def _listen(self) -> Subscribe:
        return Subscribe(words=tuple(sorted(self._wanted_words)))

    async def changes(self, timeout_s: float | None = None, at_most: int = BATCH_EVENTS_MAX) -> list[StreamEvent]:
        """What has changed since the last call: at least one event, or [] at the timeout."""
        # Not wait_for: in Python 3.11 it may swallow a cancellation that comes with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._has_events.wait()
        batch: list[StreamEvent] = []
        pending = sorted(self._events.items(), key=lambda item: len(item[1]))
        for number, (stream, events) in enumerate(pending):  # a long one does not keep a short one waiting
            share = (at_most - len(batch)) // (len(pending) - number)
            some = [events.pop(key) for key in list(islice(events, share))]
            _view(self._values[stream], some)
            batch += some
            if not events:
                del self._events[stream]
        if not self._events:
            self._has_events.clear()
        return batch

    def interrupt(self) -> None:
        """Lets `changes` return now, with whatever there is."""
        self._has_events.set()

    def rows(self, word: str, owner: str | None = None) -> dict[str, Any]:
        """The present view of `word` of `owner`; of all owners together for None."""
        found: dict[str, Any] = {}
        for stream in sorted(self._values.keys() | self._events.keys()):
            if stream[0] == word and owner in (None, stream[1]):
                values = dict(self._values.get(stream, ()))
                _view(values, self._events.get(stream, {}).values())
                found |= values
        return found

    def view(self, word: str, owner: str) -> Mapping[str, Any]:
        """The view of `word` of `owner` that all that `changes` has returned makes. Follows it; costs nothing."""
        return MappingProxyType(self._values[word, owner])

    def in_sync(self, word: str, owner: str) -> bool:
        """Has the stream's first complete load been heard?"""
        return (word, owner) in self._synced

    def _mirror(self, word: str, owner: str) -> StreamMirror[StreamChange]:
        mirror = self._mirrors.get((word, owner))
        if mirror is None:
            mirror = self._mirrors[(word, owner)] = StreamMirror(partial(self._changed, word, owner))
        return mirror

    def _hears(self, word: str, owner: str) -> bool:
        owners = self._wanted_words.get(word, ())
        return owner in owners or None in owners

    async def _feed(
        self, word: str, owner: str, steps: Callable[[StreamMirror[StreamChange]], Steps[StreamChange]]
    ) -> None:
        """Lets the stream's mirror take a message in, and queues what changed. Others have their turn meanwhile."""
        mirror = self._mirror(word, owner)
        pieces = steps(mirror)
        changes: dict[str, StreamChange] | None = None
        while changes is None:
            try:
                next(pieces)
                await asyncio.sleep(0)
            except StopIteration as end:
                changes = end.value
        self.counters["bus_gaps"] = sum(m.gaps for m in self._mirrors.values())
        if changes:
            merge_changes(self._events[word, owner], changes)
        if mirror.in_sync and (word, owner) not in self._synced:
            self._synced.add((word, owner))
            self._events[(word, owner)][SYNCED] = StreamSynced(word, owner)
        if self._events:
            self._has_events.set()

    def _changed(
        self, word: str, owner: str, key: str, value: bytes | None, cause: str, _before: bytes | None = None
    ) -> StreamChange | None:
        """What a row says now; None for what cannot be read."""
        try:
            return StreamChange(word, owner, key, None if value is None else codec.decode(word, key, value), cause)
        except Malformed as error:
            self._malformed(str(error))
            return None

    def _malformed(self, why: str) -> None:
        self.counters["malformed_messages"] += 1
        self.last_malformed = why

    # --- saying

    def publish(self, word: str, rows: Mapping[str, Struct], cause: str = "") -> tuple[int, int]:
        """States the whole stream `word` of ours; differences leave as one atomic checkpoint.

        The first call marks the stream in sync and replaces what an earlier life of this process
        had said. Returns (rows set, rows gone). A value that is the very object of last time costs next to
        nothing, so that large streams of which little changes are cheap to state whole.
        """
        done = self._outbox(word).publish(self._encoded(word, rows), cause)
        self._has_due.set()
        return done

    def _encoded(self, word: str, rows: Mapping[str, Struct]) -> dict[str, bytes]:
        """The rows as bytes; those of objects that were said last time are known."""
        said, now = self._said.get(word, {}), {}
        for key, value in rows.items():
            known = said.get(key)
            now[key] = known if known is not None and known[0] is value else (value, codec.encode(value))
        self._said[word] = now
        return {key: data for key, (_, data) in now.items()}

    def update_row(self, word: str, key: str, value: Struct | None, cause: str = "") -> None:
        """Changes one row of a stream that has been published."""
        self._outbox(word).update_row(key, None if value is None else codec.encode(value), cause)
        self._has_due.set()

    def update_rows(self, word: str, changes: Mapping[str, Struct | None], causes: Mapping[str, str]) -> None:
        """Changes rows of a stream that has been published; None: gone. `causes`: of those keys that have any."""
        encode = codec.encode
        rows = {key: None if value is None else encode(value) for key, value in changes.items()}
        self._outbox(word).update_rows(rows, causes)
        self._has_due.set()

    async def flush(self, timeout_s: float) -> bool:
        """Waits until the broker holds everything said so far."""
        deadline = time.monotonic() + timeout_s
        while not all(box.idle for box in self._outboxes.values()):
            self._taken.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._taken.wait()
            except TimeoutError:
                return False
        return True

    def _outbox(self, word: str) -> Outbox:
        if word not in self._outboxes:
            self._outboxes[word] = Outbox(self.name, word)
        return self._outboxes[word]

    async def _say_loop(self) -> None:
        while True:
            await self._has_due.wait()
            self._has_due.clear()
            if self.broker_session is None:
                continue
            for box in list(self._outboxes.values()):
                while (part := box.next_part(self.session, time.time())) is not None:
                    if not await self._send(part):
                        break
                    box.mark_sent()

    async def _send(self, message: Message) -> bool:
        return self._sockets is not None and await self._sockets.send(pack(message))

    # --- asking and answering

    async def ask(self, service: str, request: Request, timeout_s: float, cause: str = "") -> Any:
        """The service's one reply. Raises AskFailed at the deadline at the latest."""
        ask = Ask(
            id=uuid.uuid4().hex,
            service=service,
            within_s=timeout_s,
            body=codec.encode(request),
            cause=cause,
            asked_at=time.monotonic(),
        )
        self.trace("ask", service, cause, request=type(request).__name__, id=ask.id[:8])
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._calls[ask.id] = (ask, time.monotonic() + timeout_s, future)
        try:
            await self._send_call(ask.id)
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            away = "the bus is away" if self.broker_session is None else f"{service}: no answer in time"
            raise AskFailed(away) from None
        finally:
            del self._calls[ask.id]
        if answer.error or answer.body is None:
            raise AskFailed(answer.error or f"{service}: empty answer")
        return msgspec.msgpack.decode(answer.body, type=REPLY_OF[type(request)])

    async def _send_call(self, id_: str) -> bool:
        """Sends an open request; from then on it may have reached its service, and is sent again as such."""
        if id_ not in self._calls:
            return False
        ask, deadline, future = self._calls[id_]
        self._calls[id_] = (msgspec.structs.replace(ask, again=True), deadline, future)
        if await self._send(ask):
            return True
        if id_ in self._calls:
            self._calls[id_] = (ask, deadline, future)
        return False

    def serve(self, kind: type[Request], handler: Handler) -> None:
        """Requests of `kind` are answered by what `handler` returns; its exception is the error."""
        self._handlers[kind] = handler

    async def _answer(self, ask: Ask) -> None:
        if not self._memory.begin(ask.id):
            known = self._memory.lookup(ask.id)
            if known is not None:
                await self._send(known)
            return
        if ask.again and ask.asked_at < self._born:  # an earlier life of ours may have executed it
            await self._send(Answer(id=ask.id, error=f"{self.name}: restarted"))
            return
        began = time.monotonic()
        answer = await self._execute(ask)
        took_s = time.monotonic() - began
        self.trace("answer", "", ask.cause, took_s, id=ask.id[:8], error=answer.error)
        self._memory.store(answer)
        await self._send(answer)

    async def _execute(self, ask: Ask) -> Answer:
        try:
            request = _requests.decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._malformed(f"request to {self.name}: {error}")
            return Answer(id=ask.id, error=f"{self.name}: malformed request: {error}")
        handler = self._handlers.get(type(request))
        if handler is None:
            return Answer(id=ask.id, error=f"{self.name}: does not answer {type(request).__name__}")
        try:
            reply = handler(request)
            if not isinstance(reply, Struct):
                reply = await reply
        except Exception as error:  # a failing handler fails its request, not the process
            self.counters["failed_requests"] += 1
            return Answer(id=ask.id, error=f"{self.name}: {type(error).__name__}: {error}")
        return Answer(id=ask.id, body=codec.encode(reply))

    # --- loops

    async def _receive_loop(self) -> None:
        assert self._sockets
        while True:
            data = await self._sockets.receive()
            self._heard += len(data) + FRAME_OVERHEAD_BYTES
            await self._read(data)
            await asyncio.sleep(0)  # receiving what is there does not give way
            if self._heard - self._told_heard > TELL_HEARD_BYTES:
                await self._tell_heard()

    async def _tell_heard(self) -> None:
        """Credit for the broker."""
        if await self._send(ReadCredit(bytes=self._heard)):
            self._told_heard = self._heard

    async def _read(self, data: bytes) -> None:
        try:
            message = unpack(data)
        except Malformed as error:
            self._malformed(str(error))
            return
        match message:
            case CheckpointPart() if self._hears(message.word, message.sender):
                await self._feed(message.word, message.sender, lambda mirror: mirror.apply_in_steps(message))
            case SnapshotPart():
                await self._feed(message.word, message.owner, lambda mirror: mirror.apply_snapshot_in_steps(message))
            case Beacon():
                self.tapped = message.tapped
                self._heads(message.heads)
            case Welcome():
                self._welcome(message)
            case Credit() if message.word in self._outboxes:
                self._outboxes[message.word].credit(message)
                self._taken.set()
                self._has_due.set()
            case Resend() if message.word in self._outboxes:
                self._outboxes[message.word].resend_all()
                self._has_due.set()
            case Ask():
                self._begin(self._answer(message))
            case Answer() if message.id in self._calls:
                future = self._calls[message.id][2]
                if not future.done():
                    future.set_result(message)

    # --- for taps

    def new_cause(self, what: str) -> str:
        """A name for an event that begins here: what it is about, and when; one that has such a name keeps it."""
        return what if "#" in what else f"{what}#{_base36(time.time_ns() // 1_000_000)}"

    def trace(
        self, what: str, key: str = "", cause: str = "", took_s: float = 0.0, **fields: str | int | float
    ) -> None:
        """Tells taps of something that has just ended. Costs nothing while nobody listens, and may be lost."""
        if self.tapped:
            note = TraceEvent(sender=self.name, what=what, key=key, cause=cause, time=time.time(), took_s=took_s)
            note.fields = fields
            if len(self._notes) >= TRACES_WAITING_MAX:
                self.counters["notes_dropped"] += 1
                return
            self._notes.append(note)
            if len(self._notes) == 1:
                self._begin(self._send_notes())

    async def _send_notes(self) -> None:
        """One task for all that wait: a process that says many is not kept from its work."""
        while self._notes:
            await self._send(self._notes[0])
            self._notes.popleft()

    def _heads(self, heads: list[Head]) -> None:
        for head in heads:
            if self._hears(head.word, head.owner):
                self._mirror(head.word, head.owner).compare_head(head)

    def _welcome(self, welcome: Welcome) -> None:
        if not welcome.known:
            self._heard, self._told_heard = len(pack(welcome)) + FRAME_OVERHEAD_BYTES, 0
            self._send_later(self._listen())
        if welcome.broker_session == self.broker_session:
            return
        if self.broker_session is None:  # nothing has been said yet, so our number may still rise
            self.session = max(self.session, welcome.floor + 1)
        self.broker_session = welcome.broker_session
        self.counters["broker_sessions"] += 1
        for box in self._outboxes.values():
            box.resend_all()
        self._has_due.set()
        for id_ in list(self._calls):
            self._begin(self._send_call(id_))

    def _send_later(self, message: Message) -> None:
        self._begin(self._send(message))

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """As a task that ends with this peer at the latest."""
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _tick_loop(self) -> None:
        while True:
            now = time.monotonic()
            if now - self._hello_at >= (HELLO_EVERY_S if self.broker_session else TICK_S):
                self._hello_at = now
                await self._send(self._hello())
            for (word, owner), mirror in list(self._mirrors.items()):
                if self.broker_session and mirror.fetch_due(now):
                    await self._send(Fetch(word=word, owner=owner))
            if self._heard != self._told_heard:
                await self._tell_heard()
            self._has_due.set()
            await asyncio.sleep(TICK_S)

    def _hello(self) -> Hello:
        return Hello(
            name=self.name,
            session=self.session,
            pid=os.getpid(),
            progress=self.progress,
            ready=self.ready,
            waiting=self.waiting,
            counters=dict(self.counters),
        )
