"""The message book says what the code says, and says what everything means."""

import re
from pathlib import Path

import msgspec
import pytest

from schemas.words import BUS_WORDS
from tools.book.fields import COMMON, fields_of
from tools.book.page import BOOK, Unmarked, filled
from tools.book.sections import sections, structs
from tools.book.subscribers import DECLARED_SUBSCRIBERS

PROJECT = Path(__file__).resolve().parents[3]
ANY_ACTOR = "actors/runtime/loop.py"  # subscribes to what an actor's handlers name
MEASURES = "tools/bench/"  # no part of a node


def test_the_tables_are_those_of_the_code() -> None:
    assert BOOK.read_text() == filled(BOOK.read_text(), sections()), "stale: run make book"


@pytest.mark.parametrize("struct", structs(), ids=lambda struct: struct.__name__)
def test_every_field_has_a_meaning(struct: type[msgspec.Struct]) -> None:
    declarers = struct.__mro__[: struct.__mro__.index(msgspec.Struct)]
    silent = [field.name for declarer in declarers for field in fields_of(declarer) if not field.meaning]
    assert not silent, f"{struct.__name__}: say beside {', '.join(silent)} what it means, with its unit"


def test_what_is_said_for_all_fields_of_a_name_is_used() -> None:
    names = {(struct.__module__, name) for struct in structs() for name in struct.__struct_fields__}
    assert {(module, name) for module, common in COMMON.items() for name in common} <= names


def test_every_word_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", sections()["words"], re.MULTILINE)
    assert rows == list(BUS_WORDS)


def test_every_file_that_subscribes_by_itself_is_declared() -> None:
    places = (path for top in ("actors", "vppd_guard", "tools") for path in (PROJECT / top).rglob("*.py"))
    subscribing = {str(path.relative_to(PROJECT)) for path in places if ".subscribe(" in path.read_text()}
    assert {file for file in subscribing - {ANY_ACTOR} if not file.startswith(MEASURES)} == {
        each.file for each in DECLARED_SUBSCRIBERS
    }


def test_a_section_without_a_place_is_named() -> None:
    with pytest.raises(Unmarked, match="differ: there"):
        filled("<!-- generated: begin here -->\n<!-- generated: end here -->", {"here": "", "there": ""})


def test_text_between_the_markers_is_replaced_and_what_is_around_them_stays() -> None:
    page = "before\n<!-- generated: begin a -->\nold\n<!-- generated: end a -->\nafter\n"
    assert filled(page, {"a": "new"}) == page.replace("old", "\nnew\n")
