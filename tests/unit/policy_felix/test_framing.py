"""Messages in a stream of bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.felix.framing import FelixFrames, FelixMessageTooLong, felix_frame


@given(st.lists(st.binary(max_size=50), max_size=6), st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_messages_come_out_as_they_went_in_however_the_bytes_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream, frames = b"".join(map(felix_frame, messages)), FelixFrames()
    received: list[bytes] = []
    while stream:
        cut = cuts[len(received) % len(cuts)]
        received += list(frames.feed(stream[:cut]))
        stream = stream[cut:]
    assert received == messages


def test_a_length_that_no_message_has_is_refused_before_anything_is_waited_for() -> None:
    with pytest.raises(FelixMessageTooLong, match="1073741824"):
        list(FelixFrames().feed(struct.pack("<Q", 1 << 30)))


def test_what_came_before_a_bad_length_is_still_heard() -> None:
    messages = FelixFrames().feed(felix_frame(b"good") + struct.pack("<Q", 1 << 40))
    assert next(messages) == b"good"
    with pytest.raises(FelixMessageTooLong):
        next(messages)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_messages_or_too_long(data: bytes) -> None:
    try:
        assert all(isinstance(message, bytes) for message in FelixFrames().feed(data))
    except FelixMessageTooLong as error:
        assert "bytes" in str(error)  # noqa: PT017 - the error is one of two good ends
