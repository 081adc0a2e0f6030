"""The bus's messages: MessagePack maps, one struct a kind.

Unknown fields are ignored, so that a newer sender can be read. A field that is removed or retyped, and any other change
of how streams and requests travel, makes a new `BUS_PROTOCOL`: client and broker name theirs in the handshake, and
refuse one another by name. Golden samples in `schemas/samples/` pin the bytes.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from schemas.codec import MalformedBusMessage

BUS_PROTOCOL = 2  # 1, and 0 on the wire: the one before protocols were named
BUS_MESSAGE_BYTES_MAX = 8 << 20  # a larger message is refused unread
PART_ROWS_MAX = 500  # a checkpoint's part: small enough to keep the broker's turns short
PART_BYTES_MAX = 256 << 10
ROW_KEY_BYTES_MAX = 512
_CONTROL_BYTES_MAX = 128 << 10  # of a message that carries neither rows nor the body of a request
CAUSE_LENGTH_MAX = 1024
REQUEST_BYTES_MAX = 1 << 20  # of the body of a request, or of its answer
ERROR_LENGTH_MAX = 10_000
FRAME_OVERHEAD_BYTES = 128  # what a message counts against credit besides its own bytes
SUBSCRIBE_EVERY_WORD = "*"
REMOTE_TAP_PREFIX = b"tool-remote-"  # of the identity of a remote tap, which only listens
TRACE_WORD = "note"  # subscribed to like a word, for trace events


ProcessName = Annotated[str, Meta(max_length=128)]  # of a process
WordName = Annotated[str, Meta(max_length=64)]
SessionNumber = Annotated[int, Meta(ge=0, le=1 << 62)]  # of a session or a checkpoint: one more is a number too


class BusMessage(Struct, omit_defaults=True, tag_field="m", kw_only=True):
    """Base of all messages."""


class StreamRow(Struct, frozen=True, omit_defaults=True, gc=False):
    """A key set to a value (a struct of the word, packed), or (None) deleted. `cause` names what led to it."""

    key: str
    value: bytes | None = None
    cause: Annotated[str, Meta(max_length=CAUSE_LENGTH_MAX)] = ""


PartRows = Annotated[list[StreamRow], Meta(max_length=PART_ROWS_MAX)]


class BusHello(BusMessage, tag="hello"):
    """Heartbeat of a process: its name, how far its working loop has come, what it waits for."""

    name: ProcessName
    session: SessionNumber
    pid: int = 0
    progress: int = 0
    ready: bool = False
    waiting: tuple[str, ...] = ()
    counters: dict[str, int] = {}
    protocol: int = 0  # that the sender speaks; 0: the one before protocols were named


class BusWelcome(BusMessage, tag="welcome"):
    """The broker's answer to Hello. A new `broker_session` is a broker that knows nothing yet."""

    broker_session: int
    floor: int = 0  # newest session of that name whose rows the broker holds
    known: bool = False  # it remembers the client's subscriptions and counts its unread bytes
    protocol: int = 0  # that the sender speaks; 0: the one before protocols were named
    sent: SessionNumber = 0  # bytes that it has sent the client before, counted as for credit


class BusRefusal(BusMessage, tag="refused"):
    """The broker does not take what the client says: of one stream (`word`), or (empty) anything at all.

    This message stays as it is, whatever the protocol: also a client of another one must be able to read it.
    """

    reason: str
    word: str = ""


class CheckpointPart(BusMessage, tag="rows"):
    """One part of a checkpoint of the stream (`sender`, `word`).

    A checkpoint is applied whole, when its `last` part is there. `full`: its rows are all rows of the stream. The first
    checkpoint of a session is full; by it the stream is in sync.
    """

    sender: ProcessName
    word: WordName
    session: SessionNumber
    seq: SessionNumber  # number of the checkpoint, rising by one in a session
    part: int = 0
    last: bool = True
    full: bool = False
    since: SessionNumber = 0  # it holds all changes after that checkpoint; 0: after the one before
    time: float = 0.0  # seconds since 1970, when it was published
    rows: PartRows = []


class PublisherCredit(BusMessage, tag="credit"):
    """The broker has taken a part: the publisher may send another."""

    word: str
    session: int
    seq: int
    part: int


class ResendCheckpoint(BusMessage, tag="resend"):
    """The broker cannot place a part: the publisher is to send a full checkpoint."""

    word: str
    reason: str


class SubscribeWords(BusMessage, tag="listen"):
    """All words that the sender subscribes to, of all owners; `*`: every word."""

    words: tuple[WordName, ...]


class SubscriberCredit(BusMessage, tag="heard"):
    """Credit for the broker: how much the sender has read of it (`FRAME_OVERHEAD_BYTES` more for each message).

    `echo`: `sent` of the last Welcome, which nobody knows who does not read.
    """

    bytes: SessionNumber
    echo: SessionNumber = 0


class FetchSnapshot(BusMessage, tag="fetch"):
    """A subscriber asks for a stream's retained rows."""

    word: WordName
    owner: ProcessName


class SnapshotPart(BusMessage, tag="snapshot"):
    """One part of a stream's retained rows, as of (`session`, `seq`). Session 0: no such stream."""

    word: str
    owner: str
    session: int
    seq: int
    part: int = 0
    last: bool = True
    rows: PartRows = []


class BusTraceEvent(BusMessage, tag="note"):
    """Something that happened and is no row. For taps alone: sent only while one listens, retained by nobody."""

    sender: str
    what: str  # e.g. cni-add, vpp-call, ask, answer
    key: str = ""
    cause: str = ""
    time: float = 0.0  # seconds since 1970, when it ended
    took_s: float = 0.0
    fields: dict[str, str | int | float] = {}


class StreamHead(Struct, gc=False):
    """How far a stream has come."""

    word: str
    owner: str
    session: int
    seq: int


class BusBeacon(BusMessage, tag="beacon"):
    """Sent to all subscribers twice a second: by it they notice what they missed."""

    broker_session: int
    heads: list[StreamHead] = []
    tapped: bool = False  # does anybody subscribe to trace events?


_RequestId = Annotated[str, Meta(max_length=128)]
_RequestBody = Annotated[bytes, Meta(max_length=REQUEST_BYTES_MAX)]


class BusAsk(BusMessage, tag="ask"):
    """A request to a service. The same `id` asked again is not executed again.

    `asked_at`: seconds of the machine's monotonic clock. `again`: it may have reached the service before.
    """

    id: _RequestId
    service: ProcessName
    within_s: float
    body: _RequestBody
    cause: Annotated[str, Meta(max_length=CAUSE_LENGTH_MAX)] = ""
    asked_at: float = 0.0
    again: bool = False


class BusAnswer(BusMessage, tag="answer"):
    """The one reply to an Ask: a body, or an error in words."""

    id: _RequestId
    body: _RequestBody | None = None
    error: Annotated[str, Meta(max_length=ERROR_LENGTH_MAX)] = ""


AnyBusMessage = (
    BusHello
    | BusWelcome
    | BusRefusal
    | SubscribeWords
    | SubscriberCredit
    | CheckpointPart
    | PublisherCredit
    | ResendCheckpoint
    | FetchSnapshot
    | SnapshotPart
    | BusBeacon
    | BusTraceEvent
    | BusAsk
    | BusAnswer
)

_BULKY = CheckpointPart | SnapshotPart | BusBeacon | BusAsk | BusAnswer
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyBusMessage)


def pack_bus_message(message: BusMessage) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def frame_credit_bytes(data: bytes) -> int:
    """What a message counts against credit: its bytes and a fixed overhead."""
    return len(data) + FRAME_OVERHEAD_BYTES


def unpack_bus_message(data: bytes) -> Any:
    """The message in `data`. Raises MalformedBusMessage naming the field; never anything else."""
    if len(data) > BUS_MESSAGE_BYTES_MAX:
        raise MalformedBusMessage("bus message", "size", f"{len(data)} bytes, more than {BUS_MESSAGE_BYTES_MAX}")
    try:
        message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why, _, path = str(error).partition(" - at `")
        raise MalformedBusMessage("bus message", path.rstrip("`").removeprefix("$."), why) from None
    if len(data) > _CONTROL_BYTES_MAX and not isinstance(message, _BULKY):
        raise MalformedBusMessage("bus message", "size", f"{type(message).__name__} of {len(data)} bytes")
    if isinstance(message, CheckpointPart) and any(is_too_long_a_key(row.key) for row in message.rows):
        raise MalformedBusMessage(
            f"{message.word} of {message.sender}", "key", f"longer than {ROW_KEY_BYTES_MAX} bytes"
        )
    return message


def is_too_long_a_key(key: str) -> bool:
    """Does the key have more bytes than `ROW_KEY_BYTES_MAX`?"""
    return len(key) > ROW_KEY_BYTES_MAX or (not key.isascii() and len(key.encode()) > ROW_KEY_BYTES_MAX)


def rows_to_parts(rows: Iterable[StreamRow]) -> list[list[StreamRow]]:
    """`rows` cut into parts of bounded size; one empty part if there are none."""
    return [part for part, _ in iter_row_parts(rows)]


def iter_row_parts(rows: Iterable[StreamRow]) -> Iterator[tuple[list[StreamRow], bool]]:
    """As `rows_to_parts`, but lazily: (rows, is it the last part)."""
    part: list[StreamRow] = []
    size = 0
    for row in rows:
        weight = len(row.key) + (len(row.value) if row.value is not None else 0)
        if part and (len(part) >= PART_ROWS_MAX or size + weight > PART_BYTES_MAX):
            yield part, False
            part, size = [], 0
        part.append(row)
        size += weight
    yield part, True
