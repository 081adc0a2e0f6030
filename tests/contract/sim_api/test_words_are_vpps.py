"""Every message and type that vppsim describes is VPP's: name, CRC, fields, defaults, services.

Compared with VPP's own API files, in $VPPD_API_DIR or ../shared/vpp-api beside the project.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools.vppsim.api.catalogue import Catalogue

API_DIR = Path(os.environ.get("VPPD_API_DIR", Path(__file__).parents[4] / "shared/vpp-api"))
CATALOGUE: list[dict[str, Any]] = json.loads(Catalogue().json)
KINDS = ("types", "unions", "enums", "enumflags")


@cache
def vpp() -> dict[str, dict[str, Any]]:
    """All of VPP's definitions: kind -> name -> definition."""
    merged: dict[str, dict[str, Any]] = {kind: {} for kind in (*KINDS, "messages", "aliases", "services")}
    files = sorted(API_DIR.glob("*/*.api.json"))
    assert files, f"no API files in {API_DIR}"
    for file in files:
        document = json.loads(file.read_text())
        for kind in (*KINDS, "messages"):
            merged[kind].update({entry[0]: entry for entry in document[kind]})
        merged["aliases"].update(document["aliases"])
        merged["services"].update(document["services"])
    return merged


def layout(definition: list[Any]) -> list[Any]:
    """Fields with sizes and defaults; for enums the values and their width. No comments, no options of messages."""
    return [_plain(entry) for entry in definition[1:] if isinstance(entry, list)] + [
        entry["enumtype"] for entry in definition[1:] if isinstance(entry, dict) and "enumtype" in entry
    ]


def _plain(entry: list[Any]) -> list[Any]:
    """A field without the options that do not reach the wire (a union's discriminator, for one)."""
    return [part for part in entry if not isinstance(part, dict) or "default" in part]


def entries(kind: str) -> list[Any]:
    return [pytest.param(entry, id=entry[0]) for document in CATALOGUE for entry in document[kind]]


@pytest.mark.parametrize("message", entries("messages"))
def test_a_message_is_vpps(message: list[Any]) -> None:
    vpp_message = vpp()["messages"][message[0]]
    assert message[-1]["crc"] == vpp_message[-1]["crc"]
    assert layout(message) == layout(vpp_message)


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_vpps(kind: str) -> None:
    for document in CATALOGUE:
        for entry in document[kind]:
            assert entry[0] in vpp()[kind], f"{entry[0]} is none of VPP's {kind}"
            assert layout(entry) == layout(vpp()[kind][entry[0]]), entry[0]


def test_aliases_are_vpps() -> None:
    for document in CATALOGUE:
        for name, alias in document["aliases"].items():
            assert alias == vpp()["aliases"][name], name


def test_services_are_vpps() -> None:
    for document in CATALOGUE:
        for name, service in document["services"].items():
            assert service == vpp()["services"][name], name


def test_no_message_is_described_twice() -> None:
    names = [entry[0] for document in CATALOGUE for entry in document["messages"]]
    assert len(names) == len(set(names))


def test_every_type_a_message_uses_is_described() -> None:
    for document in CATALOGUE:
        types = {entry[0] for kind in KINDS for entry in document[kind]} | set(document["aliases"])
        field_types = {
            field[0] for entry in document["messages"] for field in entry[1:-1] if field[0].startswith("vl_api_")
        }
        assert {name.removeprefix("vl_api_").removesuffix("_t") for name in field_types} <= types
