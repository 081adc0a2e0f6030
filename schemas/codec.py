"""Bytes <-> structs, MessagePack, with errors that name the object and the field.

Field order is fixed by the structs, so equal values have equal bytes. `value_fingerprint` relies on it; the golden
samples in `schemas/samples/` pin it.
"""

import zlib
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from schemas.words import BUS_WORDS


class MalformedBusMessage(ValueError):
    """A message or object that cannot be read. The text names the object and the field."""

    def __init__(self, subject: str, field: str, why: str) -> None:
        super().__init__(f"{subject}: {field or 'value'}: {why}")
        self.subject, self.field, self.why = subject, field, why


_encoder = msgspec.msgpack.Encoder(order="deterministic")


def encode_row_value(value: Struct) -> bytes:
    """The bytes of a row's value."""
    return _encoder.encode(value)


@cache
def _decoder(word: str) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(BUS_WORDS[word].type)


def decode_row_value(word: str, key: str, data: bytes | msgspec.Raw) -> Any:
    """The struct in a row of `word`. Raises MalformedBusMessage, which names word, key and field."""
    if word not in BUS_WORDS:
        raise MalformedBusMessage(f"{word} {key}", "word", "unknown word")
    try:
        return _decoder(word).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why, _, path = str(error).partition(" - at `")
        raise MalformedBusMessage(f"{word} {key}", path.rstrip("`").removeprefix("$."), why) from None


def value_fingerprint(value: Struct) -> int:
    """32 bits that change when the value does. Of an intent: the `generation` of its status."""
    return fingerprint_of_bytes(encode_row_value(value))


def fingerprint_of_bytes(encoded: bytes) -> int:
    """The fingerprint of a value whose bytes are known."""
    return zlib.crc32(encoded)
