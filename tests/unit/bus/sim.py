"""A bus without sockets and without a clock: the real broker, handshakes, outboxes and mirrors; the wire is lists.

A client here does step by step what a `bus.peer.BusPeer` does around them, so that a schedule may interrupt it.
"""

from collections import deque
from random import Random
from typing import Any

from bus.broker import Broker
from bus.envelope import (
    BUS_PROTOCOL,
    BusBeacon,
    BusHello,
    BusMessage,
    BusWelcome,
    CheckpointPart,
    FetchSnapshot,
    PublisherCredit,
    ResendCheckpoint,
    SnapshotPart,
    SubscribeWords,
    pack_bus_message,
    unpack_bus_message,
)
from bus.handshake import BrokerHandshake
from bus.mirror import RowChange, StreamMirror
from bus.outbox import StreamOutbox

STEP_S = 0.1
WORD = "node"
State = frozenset[tuple[str, bytes]]


class Wire:
    """The broker, and all frames on their way to and from it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lives = 0
        self.broker: Broker | None = None
        self.to_broker: deque[tuple[bytes, bytes]] = deque()
        self.to_client: dict[bytes, deque[bytes]] = {}
        self.lives_of: dict[str, bytes] = {}  # client name -> identity of its present life
        self.start()

    def start(self) -> None:
        self.lives += 1
        self.broker = Broker(session=self.lives)

    def kill(self) -> None:
        """Frames on their way are lost with the broker, as are connections."""
        self.broker = None
        self.to_broker.clear()
        self.to_client = {identity: deque() for identity in self.to_client}

    def send(self, identity: bytes, message: BusMessage) -> bool:
        """False: nobody is there (ZeroMQ's IMMEDIATE)."""
        if self.broker is None:
            return False
        self.to_client.setdefault(identity, deque())
        self.to_broker.append((identity, pack_bus_message(message)))
        return True

    def turn(self, lose: Any = lambda _data: False) -> None:
        """The broker receives everything and ticks. `lose`: is this frame lost on its way to a client?"""
        if self.broker is None:
            return
        frames = []
        while self.to_broker:
            identity, data = self.to_broker.popleft()
            frames += self.broker.receive(identity, data, self.now)
        frames += self.broker.tick(self.now)
        while idle := self.broker.serve_tools():
            frames += idle
        pending = deque(frames)
        while pending:
            to, data = pending.popleft()
            name = to.decode().rpartition(":")[0]
            if self.lives_of.get(name, to) != to:
                pending.extend(self.broker.connection_lost(to))
            elif to in self.to_client and not lose(data):
                self.to_client[to].append(data)


class Client:
    """The conversation of every client with the broker, without its sockets: the real handshake."""

    def __init__(self, wire: Wire, name: str, session: int = 1) -> None:
        self.wire, self.name = wire, name
        self.handshake = BrokerHandshake(name, session)
        wire.lives_of[name] = self.identity

    @property
    def session(self) -> int:
        return self.handshake.session

    @property
    def welcome(self) -> bool:
        return self.handshake.broker_session is not None

    @property
    def identity(self) -> bytes:
        return self.handshake.identity

    def send(self, message: BusMessage) -> bool:
        return self.wire.send(self.identity, message)

    def tick(self) -> None:
        hello = BusHello(name=self.name, session=self.session, progress=1, protocol=BUS_PROTOCOL)
        if self.handshake.hello_due(self.wire.now) and self.send(hello):
            self.handshake.hello_sent(self.wire.now)
        if (credit := self.handshake.credit_due()) and self.send(credit):
            self.handshake.credited(credit)

    def read(self) -> None:
        """Reads all frames that have arrived."""
        pipe = self.wire.to_client.get(self.identity, deque())
        while pipe:
            data = pipe.popleft()
            self.handshake.count(data)
            message = unpack_bus_message(data)
            if isinstance(message, BusWelcome):
                greeting = self.handshake.greet(message, data)
                if greeting.forgotten:
                    self.resubscribe()
                    self.publish_again()
            else:
                self.take(message)

    def resubscribe(self) -> None: ...

    def publish_again(self) -> None: ...

    def take(self, message: Any) -> None: ...


class Publisher(Client):
    """One stream; `history` holds every whole state that it ever had, in any life."""

    def __init__(self, wire: Wire, name: str, session: int, history: set[State]) -> None:
        super().__init__(wire, name, session)
        self.outbox = StreamOutbox(name, WORD)
        self.history = history

    @property
    def state(self) -> State:
        return frozenset((key, held.value) for key, held in self.outbox.rows.items())

    def publish(self, rows: dict[str, bytes]) -> None:
        self.outbox.publish(rows)
        self.history.add(self.state)

    def update_row(self, key: str, value: bytes | None) -> None:
        if self.outbox.published:
            self.outbox.update_row(key, value)
            self.history.add(self.state)

    def publish_again(self) -> None:
        self.outbox.resend_all()

    def take(self, message: Any) -> None:
        if isinstance(message, PublisherCredit):
            self.outbox.credit(message, 0.0)
        elif isinstance(message, ResendCheckpoint):
            self.outbox.resend_all()

    def tick(self) -> None:
        super().tick()
        while self.welcome and (part := self.outbox.next_part(self.session, self.wire.now)) is not None:
            if not self.send(part):
                break
            self.outbox.mark_sent(0.0)


class Subscriber(Client):
    """A view of the publishers' streams, checked against their histories at every step."""

    def __init__(self, wire: Wire, name: str, histories: dict[str, set[State]], session: int = 1) -> None:
        super().__init__(wire, name, session)
        self.histories = histories
        self.mirrors = {owner: StreamMirror(RowChange) for owner in histories}
        for mirror in self.mirrors.values():
            mirror.request_snapshot()

    def view(self, owner: str) -> State:
        return frozenset((key, held.value) for key, held in self.mirrors[owner].stream.rows.items())

    def resubscribe(self) -> None:
        self.send(SubscribeWords(words=(WORD,)))

    def take(self, message: Any) -> None:
        match message:
            case CheckpointPart() if message.sender in self.mirrors:
                self.mirrors[message.sender].apply(message)
                self.check(message.sender)
            case SnapshotPart():
                self.mirrors[message.owner].apply_snapshot(message)
                self.check(message.owner)
            case BusBeacon():
                for head in message.heads:
                    if head.word == WORD and head.owner in self.mirrors:
                        self.mirrors[head.owner].compare_head(head)

    def check(self, owner: str) -> None:
        mirror = self.mirrors[owner]
        assert mirror.in_sync or not mirror.stream.rows, "nothing is known before all is"
        assert not mirror.in_sync or self.view(owner) in self.histories[owner], "a mixture that never existed"

    def tick(self) -> None:
        super().tick()
        for owner, mirror in self.mirrors.items():
            if self.welcome and mirror.fetch_due(self.wire.now):
                self.send(FetchSnapshot(word=WORD, owner=owner))


def losing(dice: Random, share: float) -> Any:
    """Loses that share of the checkpoints and snapshots on their way to subscribers."""
    return lambda data: dice.random() < share and isinstance(unpack_bus_message(data), CheckpointPart | SnapshotPart)
