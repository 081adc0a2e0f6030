"""The broker's decisions: every message in, the frames out. Pure; time is an argument.

| in | out |
|---|---|
| BusHello | BusWelcome; the sender's row of word `process`; or BusRefusal |
| CheckpointPart | PublisherCredit, and the checkpoint to its subscribers once whole; or ResendCheckpoint |
| SubscribeWords | nothing |
| SubscriberCredit | what waits for the sender |
| Fetch | SnapshotPart, one after another as the sender reads |
| Ask | the Ask to its service, or an Answer with the error |
| Answer | the Answer to the asker |
| BusTraceEvent | the event to its subscribers |
| time | Beacon; answers for what is overdue; `process` rows of the silent and of the stuck; subscribers cut off |
| malformed | nothing; after `_MALFORMED_IN_A_ROW_MAX` of them their sender is not read for `_MUTED_S` |
"""

from collections import Counter
from collections.abc import Iterable

from bus.calls import SERVICE_SILENT_S_MAX, BrokerOutgoingMessage, RequestSwitchboard
from bus.clients import BusClients, BusHelloRefused, BusNamesakeHeard
from bus.envelope import (
    BUS_PROTOCOL,
    REMOTE_TAP_PREFIX,
    BusAnswer,
    BusAsk,
    BusBeacon,
    BusHello,
    BusMessage,
    BusRefusal,
    BusTraceEvent,
    BusWelcome,
    CheckpointPart,
    FetchSnapshot,
    PublisherCredit,
    ResendCheckpoint,
    StreamRow,
    SubscriberCredit,
    SubscribeWords,
    frame_credit_bytes,
    unpack_bus_message,
)
from bus.fanout import BrokerOutgoingFrame, SubscriberFanout
from bus.resend_pacing import ResendPacing
from bus.stream import StreamCheckpoint
from bus.stream_store import CheckpointPartRefused, StreamRefused, StreamStore
from schemas import codec
from schemas.codec import MalformedBusMessage
from schemas.facts import ProcessFact

_BEACON_EVERY_S = 0.5
_STALLED_S_MAX = 5.0  # a loop that has not turned for so long is stuck; an idle one turns twice a second
_MALFORMED_IN_A_ROW_MAX = 10
_MUTED_S = 1.0
_SENDERS_COUNTED_MAX = 1000  # of malformed messages; whoever takes another identity for each is not worth more memory


class Broker:
    """All that the broker knows. `session` tells a restarted broker from its predecessor."""

    def __init__(self, session: int, pid: int = 0) -> None:
        self.session = session
        self.counters: Counter[str] = Counter()
        self.store = StreamStore()
        self.fanout = SubscriberFanout(self.store, self.counters)
        self.switchboard = RequestSwitchboard()
        self.last_malformed = ""
        self.clients = BusClients(self.counters)
        self._malformed_in_a_row: Counter[bytes] = Counter()
        self._muted_until: dict[bytes, float] = {}
        self._resends = ResendPacing()
        self._seq = 0
        self._process_rows: dict[str, bytes] = {}  # as of the last checkpoint of the broker's own stream
        self._beacon_at = float("-inf")
        self._pid = pid
        self._turns = 0

    def receive(self, identity: bytes, data: bytes, now: float) -> list[BrokerOutgoingFrame]:
        """One message from a client. A malformed one is counted and dropped."""
        self._turns += 1
        if self._muted_until and self._is_muted(identity, now):
            return []
        try:
            frames = self._handle(identity, unpack_bus_message(data), frame_credit_bytes(data), now)
        except MalformedBusMessage as error:
            self._malformed(identity, error, now)
            return []
        if self._malformed_in_a_row:
            self._malformed_in_a_row.pop(identity, None)
        return frames

    def _is_muted(self, identity: bytes, now: float) -> bool:
        if self._muted_until.get(identity, now) <= now:
            self._muted_until.pop(identity, None)
            return False
        self.counters["muted_messages"] += 1
        return True

    def _malformed(self, identity: bytes, error: MalformedBusMessage, now: float) -> None:
        self.counters["malformed_messages"] += 1
        self.last_malformed = f"{identity.decode(errors='replace')}: {error}"
        if len(self._malformed_in_a_row) + len(self._muted_until) > _SENDERS_COUNTED_MAX:
            self._malformed_in_a_row.clear()
            self._muted_until.clear()
        self._malformed_in_a_row[identity] += 1
        if self._malformed_in_a_row[identity] >= _MALFORMED_IN_A_ROW_MAX:
            del self._malformed_in_a_row[identity]
            self._muted_until[identity] = now + _MUTED_S
            self.counters["senders_muted"] += 1
            self.last_malformed += f"; it is not read for {_MUTED_S:.0f} s"

    def _handle(self, identity: bytes, message: BusMessage, size: int, now: float) -> list[BrokerOutgoingFrame]:
        if identity.startswith(REMOTE_TAP_PREFIX) and not isinstance(
            message, BusHello | SubscribeWords | SubscriberCredit | FetchSnapshot
        ):
            raise MalformedBusMessage(
                "bus message", "m", f"{type(message).__name__} is not for a tap from elsewhere to say"
            )
        if not self.clients.is_present(identity) and not isinstance(message, BusHello):
            self.counters["unwelcome_messages"] += 1  # after its Welcome the client says all that counts
            return []
        match message:
            case BusHello():
                return self._hello(identity, message, now)
            case CheckpointPart():
                return self._checkpoint_part(identity, message, size, now)
            case SubscribeWords():
                self.fanout.subscribe(identity, message.words)
                return []
            case SubscriberCredit():
                return self.fanout.credit(identity, message.bytes, message.echo, now)
            case FetchSnapshot():
                return self.fanout.fetch(identity, message.word, message.owner)
            case BusAsk():
                self.counters["requests"] += 1
                return self._pack(self.switchboard.ask(identity, message, now))
            case BusAnswer():
                return self._pack(self.switchboard.answer(identity, message))
            case BusTraceEvent():
                _check_name("note", "sender", message.sender, identity)
                return list(self.fanout.trace(message))
            case _:
                raise MalformedBusMessage("bus message", "m", f"{type(message).__name__} is not for the broker")

    def _hello(self, identity: bytes, hello: BusHello, now: float) -> list[BrokerOutgoingFrame]:
        name = hello.name
        _check_name("hello", "name", name, identity)
        try:
            is_new = self.clients.hello(identity, hello, now)
        except BusNamesakeHeard as heard:  # if its connection has ended, this cannot be delivered: `connection_lost`
            return self._welcome(heard.elder, name, known=True)
        except BusHelloRefused as refused:
            return list(self.fanout.unicast(identity, BusRefusal(reason=str(refused))))
        known = self.fanout.join(identity, name, now)
        if is_new:
            self._forget_dead()
        return [*self._welcome(identity, name, known=known), *self._pack(self.switchboard.join(name, identity))]

    def _welcome(self, identity: bytes, name: str, *, known: bool) -> list[BrokerOutgoingFrame]:
        welcome = BusWelcome(
            broker_session=self.session,
            floor=self.store.newest_session(name),
            known=known,
            protocol=BUS_PROTOCOL,
            sent=self.fanout.welcomed(identity),
        )
        return list(self.fanout.unicast(identity, welcome))

    def _forget_dead(self) -> None:
        for name in self.clients.too_many_dead({owner for _, owner in self.store.streams}):
            self.clients.forget(name)
            self.fanout.leave(name)
            self.store.forget(name)

    def _checkpoint_part(
        self, identity: bytes, part: CheckpointPart, size: int, now: float
    ) -> list[BrokerOutgoingFrame]:
        _check_name(f"rows of {part.word}", "sender", part.sender, identity)
        credit = PublisherCredit(word=part.word, session=part.session, seq=part.seq, part=part.part)
        if self.store.is_refused(part):
            self.counters["refused_parts"] += 1
            return []
        try:
            checkpoint = self.store.accept(part, size)
        except StreamRefused as refused:
            return self._refuse_stream(identity, part, str(refused), now)
        except CheckpointPartRefused as refused:
            return self._resend(identity, part.word, str(refused), now)
        self.counters["rows"] += len(part.rows)
        frames = self.fanout.unicast(identity, credit)
        return [*frames, *self.fanout.fan_out(checkpoint)] if checkpoint else list(frames)

    def _refuse_stream(
        self, identity: bytes, part: CheckpointPart, reason: str, now: float
    ) -> list[BrokerOutgoingFrame]:
        self.store.refuse(part)
        self.clients.note_refusal(part.sender, f"{part.sender}: {part.word}: {reason}", now)
        return list(self.fanout.unicast(identity, BusRefusal(word=part.word, reason=reason)))

    def _resend(self, identity: bytes, word: str, reason: str, now: float) -> list[BrokerOutgoingFrame]:
        self.counters["resends"] += 1
        if not self._resends.request(identity, word, reason, now):
            return []
        return list(self.fanout.unicast(identity, ResendCheckpoint(word=word, reason=reason)))

    def tick(self, now: float) -> list[BrokerOutgoingFrame]:
        """What time itself brings. To be called a few times a second."""
        frames = self._pack(self.switchboard.expire(now)) + self._declare_silent_dead(now)
        for identity, word, reason in self._resends.due(now):
            frames += self.fanout.unicast(identity, ResendCheckpoint(word=word, reason=reason))
        self.fanout.tick(now)
        if now - self._beacon_at >= _BEACON_EVERY_S:
            self._beacon_at = now
            heads, tapped = self.store.heads(), self.fanout.tapped
            beacon = BusBeacon(broker_session=self.session, heads=heads, tapped=tapped)
            frames += self.fanout.fan_out(self._process_checkpoint(now))
            frames += self.fanout.broadcast(beacon)
        return frames

    def serve_tools(self) -> list[BrokerOutgoingFrame]:
        """Some of what waits for taps and tools; to be called when no message waits."""
        return list(self.fanout.serve_tools())

    def _declare_silent_dead(self, now: float) -> list[BrokerOutgoingFrame]:
        frames: list[BrokerOutgoingFrame] = []
        for name, _ in self.clients.silent(now):
            self.counters["silent_processes"] += 1
            frames += self._declare_dead(name, f"{name}: silent for {SERVICE_SILENT_S_MAX:.0f} s")
        return frames

    def connection_lost(self, identity: bytes) -> list[BrokerOutgoingFrame]:
        """The connection of that client has ended; if it lives, it says hello again."""
        if name := self.clients.living_at(identity):
            self.counters["lost_connections"] += 1
            return self._declare_dead(name, f"{name}: has gone")
        return []

    def _declare_dead(self, name: str, why: str) -> list[BrokerOutgoingFrame]:
        """The requests to it fail; nothing waits for it any more. A tool is forgotten, a process stays as dead."""
        self.fanout.suspend(name, why)
        self.store.drop_unfinished(name)
        self.clients.declare_dead(name)
        if name not in self.clients.by_name:
            self.fanout.leave(name)
        return self._pack(self.switchboard.leave(name, why))

    def _process_checkpoint(self, now: float) -> StreamCheckpoint:
        """The next checkpoint of the broker's own stream: one row for each process, the broker included."""
        refusals = self.clients.refusals(now)
        broker = ProcessFact(
            session=self.session,
            pid=self._pid,
            progress=self._turns,
            ready=not refusals,
            waiting=refusals,
            counters={**self.counters, "streams": len(self.store.streams)},
        )
        facts = {"bus": broker} | {
            name: self.clients.with_state(name, self.fanout.cut_off_reason(name), now, _STALLED_S_MAX)
            for name in self.clients.by_name
        }
        encoded = {name: codec.encode_row_value(fact) for name, fact in facts.items()}
        rows = [StreamRow(name, data) for name, data in encoded.items() if self._process_rows.get(name) != data]
        rows += [StreamRow(name) for name in self._process_rows if name not in encoded]
        full, self._process_rows = not self._seq, encoded
        self._seq += 1
        part = CheckpointPart(sender="bus", word="process", session=self.session, seq=self._seq, full=full, rows=rows)
        checkpoint = self.store.accept(part)
        assert checkpoint is not None
        return checkpoint

    def _pack(self, messages: Iterable[BrokerOutgoingMessage]) -> list[BrokerOutgoingFrame]:
        return [frame for to, message in messages for frame in self.fanout.unicast(to, message)]


def _check_name(message: str, field: str, name: str, identity: bytes) -> None:
    """A client speaks for itself alone: its identity is `<name>:<session>`. Raises MalformedBusMessage."""
    sender = identity.decode(errors="replace").rpartition(":")[0]
    if name != sender:
        raise MalformedBusMessage(message, field, f"{name!r} is said by {sender!r}")
