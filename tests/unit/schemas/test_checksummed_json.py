"""Checksummed lines: read as they were written, by this version and by those before it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from schemas.checksummed_json import decode_checksummed_line, encode_checksummed_line


class Sample(Struct, frozen=True):
    """A record."""

    name: str
    number: int = 0


DECODER = msgspec.json.Decoder(Sample)
OF_FIRST_VERSION = b'bbb3a502 {"name":"a","number":7}\n'  # the form on disk since the first version


def test_a_line_of_the_first_version_is_read_and_written_today() -> None:
    assert decode_checksummed_line(OF_FIRST_VERSION, DECODER) == Sample("a", 7)
    assert encode_checksummed_line(Sample("a", 7)) == OF_FIRST_VERSION


@given(st.text(), st.integers(-(2**63), 2**63 - 1))
def test_a_line_gives_back_what_was_written_with_or_without_its_newline(name: str, number: int) -> None:
    line = encode_checksummed_line(Sample(name, number))
    assert line.count(b"\n") == 1
    assert decode_checksummed_line(line, DECODER) == decode_checksummed_line(line[:-1], DECODER) == Sample(name, number)


@pytest.mark.parametrize("position", range(len(OF_FIRST_VERSION) - 1))
def test_a_line_that_is_torn_or_changed_anywhere_is_none(position: int) -> None:
    changed = bytearray(OF_FIRST_VERSION)
    changed[position] ^= 1
    assert decode_checksummed_line(bytes(changed), DECODER) is None
    assert decode_checksummed_line(OF_FIRST_VERSION[:position], DECODER) is None


def test_a_whole_line_of_something_else_is_none() -> None:
    assert decode_checksummed_line(encode_checksummed_line({"number": 7}), DECODER) is None
