"""Processes of the version before and of the one after on the same bus; the bytes of messages are pinned."""

import json
from pathlib import Path

import msgpack
import msgspec
import pytest

from bus import envelope
from bus.broker import Broker
from bus.envelope import (
    BUS_PROTOCOL,
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
    SnapshotPart,
    StreamHead,
    StreamRow,
    SubscriberCredit,
    SubscribeWords,
    pack_bus_message,
    unpack_bus_message,
)
from schemas import codec
from schemas.codec import MalformedBusMessage
from schemas.facts import NodeFact, ProcessFact
from tests.unit.bus.sim import Wire

SAMPLES = Path(codec.__file__).parent / "samples" / "messages.json"
MESSAGES: dict[str, BusMessage] = {
    "hello": BusHello(
        name="cni", session=1, pid=2, progress=3, ready=True, waiting=("a",), counters={"b": 4}, protocol=9
    ),
    "welcome": BusWelcome(broker_session=1, floor=2, known=True, protocol=9, sent=3),
    "refused": BusRefusal(reason="why", word="node"),
    "listen": SubscribeWords(words=("node",)),
    "heard": SubscriberCredit(bytes=1, echo=2),
    "rows": CheckpointPart(
        sender="cni",
        word="node",
        session=1,
        seq=2,
        since=1,
        part=3,
        last=False,
        full=True,
        time=4.0,
        rows=[StreamRow("k", b"v", "c"), StreamRow("gone")],
    ),
    "credit": PublisherCredit(word="node", session=1, seq=2, part=3),
    "resend": ResendCheckpoint(word="node", reason="why"),
    "fetch": FetchSnapshot(word="node", owner="kube-watch"),
    "snapshot": SnapshotPart(
        word="node", owner="kube-watch", session=1, seq=2, part=3, last=False, rows=[StreamRow("k", b"v")]
    ),
    "beacon": BusBeacon(broker_session=1, heads=[StreamHead("node", "kube-watch", 1, 2)], tapped=True),
    "note": BusTraceEvent(sender="cni", what="cni-add", key="k", cause="c", time=1.0, took_s=2.0, fields={"a": 1}),
    "ask": BusAsk(id="1", service="cni", within_s=1.0, body=b"b", cause="c", asked_at=2.0, again=True),
    "answer": BusAnswer(id="1", body=b"b", error="e"),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_bytes_of_every_message_are_those_of_the_golden_samples(kind: str) -> None:
    golden = json.loads(SAMPLES.read_text())
    assert pack_bus_message(MESSAGES[kind]).hex() == golden[kind]
    assert unpack_bus_message(bytes.fromhex(golden[kind])) == MESSAGES[kind]


def test_every_message_has_a_sample_with_every_field_set() -> None:
    kinds = {type(message) for message in MESSAGES.values()}
    assert kinds == set(envelope.AnyBusMessage.__args__)
    for message in MESSAGES.values():
        fields_on_the_wire = msgpack.unpackb(pack_bus_message(message))
        assert {field.encode_name for field in msgspec.structs.fields(message)} <= fields_on_the_wire.keys(), message


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_of_the_next_version_with_a_new_field_is_read(kind: str) -> None:
    fields_on_the_wire = msgpack.unpackb(pack_bus_message(MESSAGES[kind]))
    assert unpack_bus_message(msgpack.packb({**fields_on_the_wire, "invented": [1, {"a": 2}]})) == MESSAGES[kind]


def test_a_message_of_a_kind_that_is_not_known_yet_is_counted_and_loses_nothing_else() -> None:
    broker = Broker(session=1)
    broker.receive(b"cni:1", pack_bus_message(BusHello(name="cni", session=1, protocol=BUS_PROTOCOL)), 0.0)
    assert broker.receive(b"cni:1", msgpack.packb({"m": "shout", "text": "hey"}), 0.0) == []
    assert broker.counters["malformed_messages"] == 1
    assert "shout" in broker.last_malformed
    assert broker.receive(b"cni:1", pack_bus_message(SubscribeWords(words=("node",))), 0.0) == []
    assert broker.fanout.cut_off_reason("cni") == ""


def test_a_row_of_the_next_version_with_a_new_field_is_read() -> None:
    fields_on_the_wire = msgpack.unpackb(codec.encode_row_value(NodeFact(asn=7)))
    assert codec.decode_row_value("node", "n1", msgpack.packb({**fields_on_the_wire, "colour": "blue"})) == NodeFact(
        asn=7
    )


def test_a_row_of_a_kind_of_intent_that_is_not_known_yet_is_refused_by_name() -> None:
    with pytest.raises(MalformedBusMessage, match="intent tunnel/x"):
        codec.decode_row_value("intent", "tunnel/x", msgpack.packb({"kind": "quantum-tunnel", "name": "x"}))
    with pytest.raises(MalformedBusMessage, match="unknown word"):
        codec.decode_row_value("weather", "x", b"\x80")


def test_a_process_of_the_version_before_reads_what_is_said_now() -> None:
    """It lacks the fields that have come since; and what it says, without them, is read."""
    old = msgspec.defstruct(
        "OldProcess", [("session", int), ("pid", int), ("progress", int, 0), ("alive", bool, True)], frozen=True
    )
    now = ProcessFact(session=1, pid=2, progress=3, stalled_s=7.5, cut_off="why", counters={"a": 1})
    assert msgspec.msgpack.decode(codec.encode_row_value(now), type=old) == old(1, 2, 3)
    assert codec.decode_row_value("process", "cni", msgspec.msgpack.encode(old(1, 2, 3))) == ProcessFact(
        session=1, pid=2, progress=3
    )


def test_a_word_that_the_broker_has_never_heard_of_is_carried_all_the_same() -> None:
    wire = Wire()
    assert wire.broker
    for name in ("newer", "subscriber"):
        wire.send(f"{name}:1".encode(), BusHello(name=name, session=1, protocol=BUS_PROTOCOL))
    wire.send(b"subscriber:1", SubscribeWords(words=("weather",)))
    wire.send(
        b"newer:1",
        CheckpointPart(sender="newer", word="weather", session=1, seq=1, full=True, rows=[StreamRow("x", b"\x80")]),
    )
    wire.turn()
    received = [unpack_bus_message(data) for data in wire.to_client[b"subscriber:1"]]
    assert [message.rows for message in received if isinstance(message, CheckpointPart)] == [[StreamRow("x", b"\x80")]]
