"""The broker's decisions: every message in, the frames out. Pure; time is an argument.

| in | out |
|---|---|
| Hello | Welcome; the sender's row of word `process` |
| CheckpointPart | Credit, and the checkpoint to its subscribers once whole; or Resend |
| Subscribe | nothing |
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
from typing import NamedTuple

import msgspec

from bus.calls import SERVICE_SILENT_S_MAX, BrokerOutgoingMessage, RequestSwitchboard
from bus.envelope import (
    REMOTE_TAP_PREFIX,
    BusAnswer,
    BusAsk,
    BusBeacon,
    BusHello,
    BusMessage,
    BusTraceEvent,
    BusWelcome,
    CheckpointPart,
    FetchSnapshot,
    PublisherCredit,
    ResendCheckpoint,
    StreamRow,
    SubscriberCredit,
    SubscribeWords,
    unpack_bus_message,
)
from bus.fanout import TOOL_CLIENT_PREFIX, BrokerOutgoingFrame, SubscriberFanout
from bus.stream import StreamCheckpoint
from bus.stream_store import CheckpointPartRefused, StreamStore
from schemas import codec
from schemas.codec import MalformedBusMessage
from schemas.facts import ProcessFact

_BEACON_EVERY_S = 0.5
_STALLED_S_MAX = 5.0  # a loop that has not turned for so long is stuck; an idle one turns twice a second
_MALFORMED_IN_A_ROW_MAX = 10
_MUTED_S = 1.0


class _Client(NamedTuple):
    identity: bytes
    hello_at: float
    turned_at: float  # when its working loop was seen to have turned
    fact: ProcessFact


class Broker:
    """All that the broker knows. `session` tells a restarted broker from its predecessor."""

    def __init__(self, session: int, pid: int = 0) -> None:
        self.session = session
        self.counters: Counter[str] = Counter()
        self.store = StreamStore()
        self.fanout = SubscriberFanout(self.store, self.counters)
        self.switchboard = RequestSwitchboard()
        self.last_malformed = ""
        self._clients: dict[str, _Client] = {}
        self._malformed_in_a_row: Counter[bytes] = Counter()
        self._muted_until: dict[bytes, float] = {}
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
            frames = self._handle(identity, unpack_bus_message(data), now)
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
        self._malformed_in_a_row[identity] += 1
        if self._malformed_in_a_row[identity] >= _MALFORMED_IN_A_ROW_MAX:
            del self._malformed_in_a_row[identity]
            self._muted_until[identity] = now + _MUTED_S
            self.counters["senders_muted"] += 1
            self.last_malformed += f"; it is not read for {_MUTED_S:.0f} s"

    def _handle(self, identity: bytes, message: BusMessage, now: float) -> list[BrokerOutgoingFrame]:
        if identity.startswith(REMOTE_TAP_PREFIX) and not isinstance(
            message, BusHello | SubscribeWords | SubscriberCredit | FetchSnapshot
        ):
            raise MalformedBusMessage(
                "bus message", "m", f"{type(message).__name__} is not for a tap from elsewhere to say"
            )
        match message:
            case BusHello():
                return self._hello(identity, message, now)
            case CheckpointPart():
                return self._checkpoint_part(identity, message)
            case SubscribeWords():
                self.fanout.subscribe(identity, message.words)
                return []
            case SubscriberCredit():
                return self.fanout.credit(identity, message.bytes, now)
            case FetchSnapshot():
                return self.fanout.fetch(identity, message.word, message.owner)
            case BusAsk():
                self.counters["requests"] += 1
                return self._pack(self.switchboard.ask(identity, message, now))
            case BusAnswer():
                return self._pack(self.switchboard.answer(message))
            case BusTraceEvent():
                _check_name("note", "sender", message.sender, identity)
                return list(self.fanout.trace(message))
            case _:
                raise MalformedBusMessage("bus message", "m", f"{type(message).__name__} is not for the broker")

    def _hello(self, identity: bytes, hello: BusHello, now: float) -> list[BrokerOutgoingFrame]:
        _check_name("hello", "name", hello.name, identity)
        before = self._clients.get(hello.name)
        turned = before is None or before.identity != identity or before.fact.progress != hello.progress
        fact = ProcessFact(
            session=hello.session,
            pid=hello.pid,
            progress=hello.progress,
            ready=hello.ready,
            waiting=hello.waiting,
            counters=hello.counters,
        )
        turned_at = before.turned_at if before and not turned else now
        self._clients[hello.name] = _Client(identity, now, turned_at, fact)
        remembered = self.fanout.join(identity, hello.name, now)
        frames = self._pack(self.switchboard.join(hello.name, identity))
        floor = self.store.newest_session(hello.name)
        welcome = BusWelcome(broker_session=self.session, floor=floor, known=remembered)
        return [self.fanout.unicast(identity, welcome), *frames]

    def _checkpoint_part(self, identity: bytes, part: CheckpointPart) -> list[BrokerOutgoingFrame]:
        _check_name(f"rows of {part.word}", "sender", part.sender, identity)
        credit = PublisherCredit(word=part.word, session=part.session, seq=part.seq, part=part.part)
        try:
            checkpoint = self.store.accept(part)
        except CheckpointPartRefused as refused:
            self.counters["resends"] += 1
            return [self.fanout.unicast(identity, ResendCheckpoint(word=part.word, reason=str(refused)))]
        self.counters["rows"] += len(part.rows)
        frames = [self.fanout.unicast(identity, credit)]
        return [*frames, *self.fanout.fan_out(checkpoint)] if checkpoint else frames

    def tick(self, now: float) -> list[BrokerOutgoingFrame]:
        """What time itself brings. To be called a few times a second."""
        frames = self._pack(self.switchboard.expire(now)) + self._declare_silent_dead(now)
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
        for name, client in list(self._clients.items()):
            if now - client.hello_at >= SERVICE_SILENT_S_MAX and client.fact.alive:
                self.counters["silent_processes"] += 1
                frames += self._declare_dead(name, client, f"{name}: silent for {SERVICE_SILENT_S_MAX:.0f} s")
        return frames

    def connection_lost(self, identity: bytes) -> list[BrokerOutgoingFrame]:
        """The connection of that client has ended; if it lives, it says hello again."""
        for name, client in list(self._clients.items()):
            if client.identity == identity and client.fact.alive:
                self.counters["lost_connections"] += 1
                return self._declare_dead(name, client, f"{name}: has gone")
        return []

    def _declare_dead(self, name: str, client: _Client, why: str) -> list[BrokerOutgoingFrame]:
        """The requests to it fail; nothing waits for it any more. A tool is forgotten, a process stays as dead."""
        self.fanout.suspend(name, why)
        if name.startswith(TOOL_CLIENT_PREFIX):
            self.fanout.leave(name)
            del self._clients[name]
        else:
            dead = ProcessFact(session=client.fact.session, pid=client.fact.pid, alive=False)
            self._clients[name] = client._replace(fact=dead)
        return self._pack(self.switchboard.leave(name, why))

    def _process_checkpoint(self, now: float) -> StreamCheckpoint:
        """The next checkpoint of the broker's own stream: one row for each process, the broker included."""
        broker = ProcessFact(
            session=self.session,
            pid=self._pid,
            progress=self._turns,
            ready=True,
            counters={**self.counters, "streams": len(self.store.streams)},
        )
        facts = {"bus": broker} | {
            name: self._process_fact(name, client, now) for name, client in self._clients.items()
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

    def _process_fact(self, name: str, client: _Client, now: float) -> ProcessFact:
        """What the process says of itself, and what only the broker sees: that it is stuck, or cut off."""
        idle_s = round(now - client.turned_at, 1)
        stalled_s = idle_s if client.fact.alive and client.fact.progress and idle_s > _STALLED_S_MAX else 0.0
        cut_off = self.fanout.cut_off_reason(name)
        if not (stalled_s or cut_off):
            return client.fact
        return msgspec.structs.replace(client.fact, stalled_s=stalled_s, cut_off=cut_off)

    def _pack(self, messages: Iterable[BrokerOutgoingMessage]) -> list[BrokerOutgoingFrame]:
        return [self.fanout.unicast(to, message) for to, message in messages]


def _check_name(message: str, field: str, name: str, identity: bytes) -> None:
    """A client speaks for itself alone: its identity is `<name>:<session>`. Raises MalformedBusMessage."""
    sender = identity.decode(errors="replace").rpartition(":")[0]
    if name != sender:
        raise MalformedBusMessage(message, field, f"{name!r} is said by {sender!r}")
