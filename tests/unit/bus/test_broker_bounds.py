"""What clients can make the broker keep or do: each bound, met by one who goes on and on."""

from collections import Counter
from typing import Any

import pytest

from bus import calls, clients, fanout, stream_store
from bus.broker import Broker
from bus.calls import RequestSwitchboard
from bus.envelope import (
    BUS_PROTOCOL,
    BusAnswer,
    BusAsk,
    BusHello,
    BusMessage,
    BusRefusal,
    BusWelcome,
    CheckpointPart,
    FetchSnapshot,
    PublisherCredit,
    ResendCheckpoint,
    StreamRow,
    SubscriberCredit,
    SubscribeWords,
    frame_credit_bytes,
    pack_bus_message,
    unpack_bus_message,
)
from bus.resend_pacing import RESEND_EVERY_S
from schemas import codec

CLIENT = b"routing:1"


class World:
    """A broker, and what it has sent."""

    def __init__(self) -> None:
        self.broker, self.now = Broker(session=1), 0.0
        self.sent: list[tuple[bytes, Any]] = []
        self.bytes_sent: Counter[bytes] = Counter()

    def say(self, identity: bytes, message: BusMessage) -> list[Any]:
        """Returns what the client is answered."""
        return self._take(self.broker.receive(identity, pack_bus_message(message), self.now), identity)

    def tick(self, identity: bytes, after_s: float = 0.1) -> list[Any]:
        self.now += after_s
        return self._take(self.broker.tick(self.now), identity)

    def _take(self, frames: Any, identity: bytes) -> list[Any]:
        new = [(to, unpack_bus_message(data)) for to, data in frames]
        for to, data in frames:
            self.bytes_sent[to] += frame_credit_bytes(data)
        self.sent += new
        return [message for to, message in new if to == identity]

    def hello(self, identity: bytes) -> list[Any]:
        name = identity.decode().rpartition(":")[0]
        return self.say(identity, BusHello(name=name, session=1, pid=7, protocol=BUS_PROTOCOL))

    def process_rows(self) -> dict[str, Any]:
        rows = self.broker.store.streams["process", "bus"].rows
        return {key: codec.decode_row_value("process", key, row.value or b"") for key, row in rows.items()}


@pytest.fixture
def world() -> World:
    world = World()
    assert isinstance(world.hello(CLIENT)[0], BusWelcome)
    return world


def part(**fields: Any) -> CheckpointPart:
    defaults: dict[str, Any] = {"sender": "routing", "word": "intent", "session": 1, "seq": 1, "full": True}
    return CheckpointPart(**{**defaults, **fields})


def test_a_checkpoint_that_never_ends_is_refused_by_name_and_the_sender_s_others_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_store, "OWNER_BYTES_MAX", 200_000)
    rows = [StreamRow(f"k{n}", b"x" * 1000) for n in range(10)]
    answers = [world.say(CLIENT, part(part=number, last=False, rows=rows)) for number in range(100)]
    refusals = [message for answer in answers for message in answer if isinstance(message, BusRefusal)]
    assert [refusal.word for refusal in refusals] == ["intent"], "once"
    assert "the rows of routing have more than 200000 bytes" in refusals[0].reason
    assert world.broker.counters["refused_parts"] > 50
    assert world.broker.store._bytes("routing") == 0
    [credit] = world.say(CLIENT, part(word="bgp-peer", rows=[StreamRow("p", b"x")]))
    assert isinstance(credit, PublisherCredit)
    world.tick(CLIENT, 0.6)
    assert any("intent" in reason for reason in world.process_rows()["bus"].waiting)
    answers = [world.say(CLIENT, part(seq=2, rows=rows))]
    assert isinstance(answers[0][0], PublisherCredit), "what fits is taken again"


def test_rows_that_replace_others_are_not_counted_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_store, "OWNER_BYTES_MAX", 20_000)
    for seq in range(1, 200):
        [answer] = world.say(CLIENT, part(seq=seq, full=seq == 1, rows=[StreamRow("k", b"x" * 5000)]))
        assert isinstance(answer, PublisherCredit), seq


def test_one_client_has_a_bounded_number_of_streams_whether_they_end_or_not(world: World) -> None:
    for number in range(stream_store.STREAMS_OF_ONE_MAX):
        [answer] = world.say(CLIENT, part(word=f"w{number}", last=number % 2 == 0))
        assert isinstance(answer, PublisherCredit)
    [refusal] = world.say(CLIENT, part(word="one-more"))
    assert isinstance(refusal, BusRefusal)
    assert "routing has 64 streams already" in refusal.reason


def test_a_publisher_is_asked_again_for_a_stream_once_a_second_at_most(world: World) -> None:
    """Of many streams, none of which can be placed, for as long as it goes on."""
    asked = 0
    for _ in range(10):
        for number in range(1000):
            answers = world.say(CLIENT, part(word=f"w{number}", seq=5, full=False))
            asked += sum(isinstance(message, ResendCheckpoint) for message in answers)
        asked += sum(isinstance(message, ResendCheckpoint) for message in world.tick(CLIENT))
    assert 0 < asked <= 2 * 64
    later = world.tick(CLIENT, RESEND_EVERY_S)
    assert any(isinstance(message, ResendCheckpoint) for message in later), "it is not forgotten"


def test_a_subscriber_that_lies_about_what_it_has_read_is_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "UNPROVEN_BYTES_MAX", 1 << 20)
    liar = b"cni:1"
    world.hello(liar)
    world.say(liar, SubscribeWords(words=("intent",)))
    rows = [StreamRow(f"k{n}", b"x" * 1000) for n in range(100)]
    for seq in range(1, 400):
        world.say(CLIENT, part(seq=seq, full=seq == 1, rows=rows))
        world.say(liar, SubscriberCredit(bytes=1 << 60))
        world.hello(liar)
        world.hello(CLIENT)
        world.tick(liar, 0.02)
    assert world.bytes_sent[liar] < 3 << 20, f"of {400 * 100_000} bytes"
    assert "not read" in world.process_rows()["cni"].cut_off


def test_one_that_reads_and_echoes_is_sent_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "UNPROVEN_BYTES_MAX", 1 << 20)
    reader, echo = b"cni:1", 0
    world.hello(reader)
    world.say(reader, SubscribeWords(words=("intent",)))
    for seq in range(1, 200):
        world.say(CLIENT, part(seq=seq, full=seq == 1, rows=[StreamRow(f"k{seq}", b"x" * 100_000)]))
        for message in world.hello(reader):
            echo = message.sent if isinstance(message, BusWelcome) else echo
        world.say(reader, SubscriberCredit(bytes=world.bytes_sent[reader], echo=echo))
        world.hello(CLIENT)
        world.tick(reader, 0.02)
    seen = {
        row.key
        for to, message in world.sent
        if to == reader and isinstance(message, CheckpointPart)
        for row in message.rows
    }
    assert seen == {f"k{seq}" for seq in range(1, 200)}


def test_names_are_forgotten_and_living_ones_bounded() -> None:
    world = World()
    for number in range(1000):
        world.hello(f"visitor-{number}:1".encode())
        world.tick(b"", 0.02)
    world.hello(CLIENT)
    world.tick(CLIENT, 0.6)
    assert len(world.process_rows()) <= 1 + clients._CLIENTS_MAX + clients._DEAD_MAX
    for number in range(1000):
        world.hello(f"crowd-{number}:1".encode())
    refused = [message for _, message in world.sent if isinstance(message, BusRefusal)]
    assert "there are 256 clients already" in refused[-1].reason
    world.hello(CLIENT)
    world.tick(CLIENT, 0.6)
    assert "routing" in world.process_rows(), "who was there before stays"
    assert len(world.process_rows()) <= 1 + clients._CLIENTS_MAX + clients._DEAD_MAX


def test_dead_names_that_own_rows_are_remembered_before_others() -> None:
    world = World()
    world.hello(CLIENT)
    world.say(CLIENT, part(rows=[StreamRow("k", b"x")]))
    for number in range(300):
        world.hello(f"visitor-{number}:1".encode())
        world.tick(b"", 0.05)
    world.hello(b"cni:1")
    assert ("intent", "routing") in world.broker.store.streams


def test_open_requests_are_bounded_in_number_and_bytes_for_each_asker_and_each_service() -> None:
    board = RequestSwitchboard()
    board.join("cni", b"cni:1")
    board.join("policy", b"policy:1")

    def errors(asker: bytes, service: str, body: bytes, count: int) -> list[str]:
        asks = [BusAsk(id=f"{asker!r}{service}{n}", service=service, within_s=1e300, body=body) for n in range(count)]
        sent = [message for ask in asks for _, message in board.ask(asker, ask, 0.0)]
        return [message.error for message in sent if isinstance(message, BusAnswer)]

    assert "open requests have more than" in errors(b"a:1", "cni", b"x" * (1 << 20), 20)[0]
    assert errors(b"b:1", "policy", b"x" * (1 << 20), 1) == [], "others are not touched"
    assert f"policy: {calls.OPEN_MAX} requests are open" in errors(b"b:1", "policy", b"", calls.OPEN_MAX + 1)[0]
    assert f"b:1: {calls.OPEN_MAX} requests are open" in errors(b"b:1", "cni", b"", 1)[0]
    assert len(board.expire(10_000.0)) > calls.OPEN_MAX, "no deadline is for ever"


def test_nobody_answers_for_another() -> None:
    board = RequestSwitchboard()
    board.join("cni", b"cni:1")
    board.ask(b"a:1", BusAsk(id="1", service="cni", within_s=1.0, body=b""), 0.0)
    assert board.answer(b"routing:1", BusAnswer(id="1", body=b"forged")) == []
    assert len(board.answer(b"cni:1", BusAnswer(id="1", body=b"true"))) == 1


@pytest.mark.parametrize(
    "message",
    [
        FetchSnapshot(word="w" * 100, owner="cni"),
        BusHello(name="routing", session=1, waiting=("x" * 200_000,)),
        BusHello(name="routing", session=-1),
        SubscribeWords(words=("w" * 65,)),
        part(rows=[StreamRow("é" * 300, b"")]),
        part(rows=[StreamRow("k", b"", "c" * 2000)]),
        part(rows=[StreamRow(str(n)) for n in range(501)]),
        part(session=2**63),
        BusAsk(id="i" * 200, service="cni", within_s=1.0, body=b""),
        BusAsk(id="i", service="cni", within_s=1.0, body=b"x" * (2 << 20)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_words_keys_beacons_and_parts_beyond_their_bounds_are_malformed(world: World, message: BusMessage) -> None:
    assert world.say(CLIENT, message) == []
    assert world.broker.counters["malformed_messages"] == 1
