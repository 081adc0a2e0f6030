"""The journal's records, and the frames that they are written in.

Records that are written together are one frame: `length u32, crc32 u32`, MessagePack list. A torn frame ends the
reading.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

import msgspec
from msgspec import Raw, Struct

from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.reconcile.held import HeldObject, SuspectIntent
from schemas.intents import AnyIntent

_HEADER = struct.Struct("<II")
_FRAME_BYTES_MAX = 256 << 20


class VppLifeRecord(Struct, frozen=True, tag="life"):
    """One life of VPP, and the objects that were being written when an earlier one ended."""

    epoch: int
    pid: int
    started: int  # clock ticks since boot, /proc/<pid>/stat: tells a reused pid
    suspects: dict[str, SuspectIntent] = {}


class WriteBegunRecord(Struct, frozen=True, gc=False, omit_defaults=True, tag="begin"):
    """The object's calls begin: to write it, or to delete it."""

    key: str
    owner: str
    intent: AnyIntent


class WriteBatchBegunRecord(Struct, frozen=True, gc=False, tag="all-begin"):
    """The calls of many objects of one owner begin."""

    owner: str
    keys: list[str]
    intents: list[AnyIntent]


class ObjectHeldRecord(Struct, frozen=True, gc=False, omit_defaults=True, tag="done"):
    """VPP holds the object."""

    key: str
    owner: str
    intent: AnyIntent
    details: dict[str, int | str] = {}


class WriteSucceededRecord(Struct, frozen=True, gc=False, omit_defaults=True, tag="ended"):
    """The calls of an object that had begun ended well: VPP holds it."""

    key: str
    details: dict[str, int | str] = {}


class WriteBatchSucceededRecord(Struct, frozen=True, gc=False, tag="all-ended"):
    """The calls of many objects without details ended well."""

    keys: list[str]


class ObjectRemovedRecord(Struct, frozen=True, gc=False, omit_defaults=True, tag="gone"):
    """VPP does not hold the object any more, or its calls ended without success."""

    key: str


WriterRecord = (
    VppLifeRecord
    | WriteBegunRecord
    | WriteBatchBegunRecord
    | ObjectHeldRecord
    | WriteSucceededRecord
    | WriteBatchSucceededRecord
    | ObjectRemovedRecord
)


def writer_journal_frame(records: Sequence[WriterRecord]) -> bytes:
    """The bytes of records that are written together."""
    body = _encode(records)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def writer_records_in(data: bytes) -> Iterator[WriterRecord]:
    """Records up to the first frame that is torn or damaged."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + _HEADER.size + length]
        if length > _FRAME_BYTES_MAX or len(body) < length or zlib.crc32(body) != checksum:
            return
        try:
            yield from _decoder.decode(body)
        except msgspec.DecodeError:
            return
        at += _HEADER.size + length


def write_begun_record(key: str, held_object: HeldObject) -> WriteBegunRecord:
    """The record of an object whose calls begin."""
    return WriteBegunRecord(key, held_object.owner, held_object.intent)  # type: ignore[arg-type]


def write_begun_records(objects: Mapping[str, HeldObject], encoded: Sequence[bytes]) -> Iterator[WriteBatchBegunRecord]:
    """The records of objects whose calls begin, and whose intents' bytes are known."""
    owners = [held_object.owner for held_object in objects.values()]
    for owner in dict.fromkeys(owners):
        of_owner = [owner == name for name in owners]
        intents = map(Raw, compress(encoded, of_owner))
        yield WriteBatchBegunRecord(owner, list(compress(objects, of_owner)), list(intents))  # type: ignore[arg-type]


def write_succeeded_record(key: str, held_object: HeldObject) -> WriteSucceededRecord:
    """The record of an object whose calls have ended."""
    details = held_object.details
    return WriteSucceededRecord(key, dict(details)) if details is not NO_OBJECT_DETAILS else WriteSucceededRecord(key)


def object_held_record(key: str, held_object: HeldObject) -> ObjectHeldRecord:
    """The record of a held object."""
    return ObjectHeldRecord(key, held_object.owner, held_object.intent, dict(held_object.details))  # type: ignore[arg-type]


def number_of_recorded_objects(records: Sequence[WriterRecord]) -> int:
    """How many objects the records tell of."""
    return sum(
        len(record.keys) if isinstance(record, WriteBatchBegunRecord | WriteBatchSucceededRecord) else 1
        for record in records
    )


_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[list[WriterRecord]] = msgspec.msgpack.Decoder(list[WriterRecord])
