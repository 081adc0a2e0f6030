"""Messages: malformed ones are refused with the field's name, whatever the bytes."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.broker import Broker
from bus.envelope import (
    BUS_MESSAGE_BYTES_MAX,
    BUS_PROTOCOL,
    ROW_KEY_BYTES_MAX,
    BusHello,
    CheckpointPart,
    StreamRow,
    pack_bus_message,
    rows_to_parts,
    unpack_bus_message,
)
from schemas.codec import MalformedBusMessage


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_malformed_or_a_message_and_never_end_the_broker(data: bytes) -> None:
    broker = Broker(session=1)
    broker.receive(b"somebody", data, now=0.0)
    assert broker.receive(
        b"routing:1", pack_bus_message(BusHello(name="routing", session=1, protocol=BUS_PROTOCOL)), now=0.0
    )


def test_the_error_names_the_field() -> None:
    data = msgpack.packb({"m": "hello", "name": 5, "session": 1})
    with pytest.raises(MalformedBusMessage, match="name: Expected `str`"):
        unpack_bus_message(data)


def test_fields_of_a_newer_sender_are_ignored() -> None:
    data = msgpack.packb({"m": "hello", "name": "cni", "session": 1, "mood": "good"})
    assert unpack_bus_message(data) == BusHello(name="cni", session=1)


def test_an_oversized_message_and_an_oversized_key_are_refused() -> None:
    with pytest.raises(MalformedBusMessage, match="size"):
        unpack_bus_message(b"x" * (BUS_MESSAGE_BYTES_MAX + 1))
    rows = CheckpointPart(
        sender="a", word="node", session=1, seq=1, rows=[StreamRow("k" * (ROW_KEY_BYTES_MAX + 1), b"")]
    )
    with pytest.raises(MalformedBusMessage, match="node of a: key"):
        unpack_bus_message(pack_bus_message(rows))


@given(st.lists(st.integers(min_value=0, max_value=100_000), max_size=30))
def test_parts_hold_every_row_once_in_order(sizes: list[int]) -> None:
    rows = [StreamRow(str(n), b"x" * size) for n, size in enumerate(sizes)]
    cut = rows_to_parts(rows)
    assert [row for part in cut for row in part] == rows
    assert cut == [[]] or all(cut)
