"""No row, request or trace event may carry a secret: taps show them and recordings keep them."""

import re
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from bus.envelope import AnyBusMessage
from schemas.requests import AnyBusRequest
from schemas.words import BUS_WORDS

SECRET = re.compile(r"password|passwd|secret|private|token|credential|psk|_key$|^key$", re.IGNORECASE)
NAMED_PLACE = re.compile(r"_(name|file|ref)$")
ROW_KEYS = {"StreamRow.key", "BusTraceEvent.key"}  # keys of rows


def add_structs(kind: Any, structs: set[type]) -> None:
    """All structs that can be in a value of that type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in structs:
            structs.add(kind)
            for hint in get_type_hints(kind).values():
                add_structs(hint, structs)
        return
    for part in get_args(kind):
        add_structs(part, structs)


def structs_on_the_bus() -> set[type]:
    structs: set[type] = set()
    for kind in (*(word.type for word in BUS_WORDS.values()), AnyBusRequest, AnyBusMessage):
        add_structs(kind, structs)
    return structs


def suspicious(structs: set[type]) -> list[str]:
    fields = [f"{kind.__name__}.{name}" for kind in structs for name in kind.__struct_fields__]  # type: ignore[attr-defined]
    return sorted(
        name
        for name in fields
        if SECRET.search(name.partition(".")[2]) and not NAMED_PLACE.search(name) and name not in ROW_KEYS
    )


def test_no_field_can_hold_a_secret() -> None:
    structs = structs_on_the_bus()
    assert len(structs) > 50
    assert suspicious(structs) == []


@pytest.mark.parametrize("field", ["password", "private_key", "auth_token", "psk"])
def test_one_that_could_is_found(field: str) -> None:
    inner = msgspec.defstruct("Inner", [(field, str)])
    structs: set[type] = set()
    add_structs(tuple[inner, ...], structs)
    assert suspicious(structs) == [f"Inner.{field}"]
