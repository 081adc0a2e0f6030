"""Frames as a broker sends them, for taps."""

from typing import Any

from bus.envelope import BusBeacon, BusTraceEvent, CheckpointPart, SnapshotPart, StreamHead, StreamRow, pack_bus_message
from schemas import codec
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.facts import NodeFact
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, PendingStatus

SERVICES, CAUSE = "services", "kube/services/d/web#mwq0zwyv"
BEFORE = TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.48.0.1", 8080),))
AFTER = TranslationIntent(
    "10.96.0.1", 80, 6, (TranslationBackend("10.48.0.1", 8080), TranslationBackend("10.48.0.2", 8080))
)


def rows(word: str, sender: str, seq: int, values: dict[str, Any], cause: str = "", time: float = 0.0) -> bytes:
    """A checkpoint; the first is a full one."""
    packed = [
        StreamRow(key, None if value is None else codec.encode_row_value(value), cause) for key, value in values.items()
    ]
    return pack_bus_message(
        CheckpointPart(sender=sender, word=word, session=1, seq=seq, full=seq == 1, rows=packed, time=time)
    )


def intents(seq: int, *desired: Intent, time: float = 0.0) -> bytes:
    """Intents of the services manager."""
    return rows("intent", SERVICES, seq, {intent.key: intent for intent in desired}, CAUSE, time)


def note(what: str, key: str = "", time: float = 0.0, took_s: float = 0.0, **fields: Any) -> bytes:
    """A note of the writer, of the same cause."""
    event = BusTraceEvent(sender="vpp-writer", what=what, key=key, cause=CAUSE, time=time, took_s=took_s, fields=fields)
    return pack_bus_message(event)


def snapshot(word: str, owner: str, seq: int, values: dict[str, Any]) -> bytes:
    """A stream as it is retained."""
    packed = [StreamRow(key, codec.encode_row_value(value)) for key, value in values.items()]
    return pack_bus_message(SnapshotPart(word=word, owner=owner, session=1, seq=seq, rows=packed))


def beacon(*streams: tuple[str, str, int]) -> bytes:
    """How far the streams have come."""
    return pack_bus_message(
        BusBeacon(broker_session=1, heads=[StreamHead(word, owner, 1, seq) for word, owner, seq in streams])
    )


STORY = (
    (100.0, beacon(("node", "kube-watch", 1), ("intent", SERVICES, 0))),
    (100.1, snapshot("node", "kube-watch", 1, {"n1": NodeFact(asn=1)})),
    (100.2, rows("status.services", "vpp-writer", 1, {})),
    (101.0, intents(1, BEFORE, time=101.0)),
    (102.0, intents(2, AFTER, time=102.0)),
    (102.004, note("vpp-call", AFTER.key, 102.003, 0.001, message="cnat_translation_update", retval=0)),
    (102.005, rows("status.services", "vpp-writer", 2, {AFTER.key: AppliedStatus(7, 1)}, CAUSE, 102.005)),
    (103.0, rows("status.services", "vpp-writer", 3, {"x": PendingStatus(7, ("table/red",))}, "", 103.0)),
)
