"""All messages that vppsim knows: their ids, packers, and JSON form for clients.

`get_api_json` returns one JSON document a subject, each with the types it needs, as VPP does. vpp_papi's serializer
reads the same text here, so that clients pack messages as vppsim does.
"""

import importlib
import json
import pkgutil
from functools import cached_property
from typing import Any

from vpp_papi.vpp_papi import VPPApiJSONFiles

from tools.vppsim.api import messages as subjects
from tools.vppsim.api.notation import BASE_TYPES, MessageDefinitions, parse, short_name
from tools.vppsim.api.unions import make_readable

FIXED_IDS = {"sockclnt_create": 15, "sockclnt_create_reply": 16, "sockclnt_delete": 17, "sockclnt_delete_reply": 18}
"""A client must know these before it has seen the message table, so VPP never moves them."""

FIRST_FREE_ID = 30
API_VERSION = "0x76707073"


class Catalogue:
    """`names[id]`, `ids[name]`, `crc(name)`, and messages to and from bytes."""

    def __init__(self) -> None:
        self.subjects = _load()
        names = [name for subject in self.subjects.values() for name in subject.messages]
        free = (name for name in names if name not in FIXED_IDS)
        self.ids = FIXED_IDS | {name: number for number, name in enumerate(free, FIRST_FREE_ID)}
        self.names = {number: name for name, number in self.ids.items()}
        self.services = {name: how for subject in self.subjects.values() for name, how in subject.services.items()}
        self.definitions = {
            name: entry for subject in self.subjects.values() for name, entry in subject.messages.items()
        }
        self._packers, _ = VPPApiJSONFiles.process_json_array_str(self.json)  # type: ignore[no-untyped-call]
        for subject in self.subjects.values():
            for union in subject.unions:
                make_readable(union)

    @cached_property
    def json(self) -> str:
        """The answer to get_api_json: a JSON array with one document a subject."""
        types = {name: subject for subject in self.subjects.values() for name in _types_of(subject)}
        return json.dumps([_document(name, subject, types) for name, subject in self.subjects.items()])

    def crc(self, name: str) -> str:
        """The CRC of a message as eight hex digits."""
        return str(self.definitions[name][-1]["crc"])[2:]

    def fields(self, name: str) -> list[str]:
        """The names of a message's fields, in order."""
        return [entry[1] for entry in self.definitions[name][1:-1]]

    def decode(self, name: str, data: bytes) -> Any:
        """The message as a tuple with named fields; raises ValueError or struct.error if it is truncated."""
        message, _ = self._packers[name].unpack(data, ntc=True)
        return message

    def encode(self, name: str, fields: dict[str, Any]) -> bytes:
        """The bytes of message `name`; fields not given are zero."""
        packed: bytes = self._packers[name].pack({"_vl_msg_id": self.ids[name], **fields})
        return packed


def _load() -> dict[str, MessageDefinitions]:
    names = sorted(module.name for module in pkgutil.iter_modules(subjects.__path__))
    names.sort(key=lambda name: name != "common")
    return {name: parse(importlib.import_module(f"{subjects.__name__}.{name}").DEFINITIONS) for name in names}


def _types_of(subject: MessageDefinitions) -> dict[str, Any]:
    return {**subject.types, **subject.unions, **subject.enums, **subject.flags, **subject.aliases}


def _uses(definition: Any) -> list[str]:
    """Names of the types that a definition mentions."""
    if isinstance(definition, dict):
        return [short_name(definition["type"])]
    mentioned = (short_name(entry[0]) for entry in definition[1:] if isinstance(entry, list))
    return [name for name in mentioned if name not in BASE_TYPES]


def _needed(subject: MessageDefinitions, homes: dict[str, MessageDefinitions]) -> dict[str, Any]:
    """All types that a subject uses, directly or through others, in an order that defines each before its use."""
    needed: dict[str, Any] = {}

    def need(name: str) -> None:
        if name in homes and name not in needed:
            definition = _types_of(homes[name])[name]
            for type_name in _uses(definition):
                need(type_name)
            needed[name] = definition

    for definition in [*subject.messages.values()]:
        for type_name in _uses(definition):
            need(type_name)
    for name in _types_of(subject):
        need(name)
    return needed


def _document(module: str, subject: MessageDefinitions, homes: dict[str, MessageDefinitions]) -> dict[str, Any]:
    needed = _needed(subject, homes)

    def of_kind(kind: str) -> list[Any]:
        return [definition for name, definition in needed.items() if name in getattr(homes[name], kind)]

    return {
        "module": module,
        "types": of_kind("types"),
        "messages": list(subject.messages.values()),
        "unions": of_kind("unions"),
        "enums": of_kind("enums"),
        "enumflags": of_kind("flags"),
        "services": subject.services,
        "options": {"version": "1.0.0"},
        "aliases": {name: needed[name] for name in needed if name in homes[name].aliases},
        "vl_api_version": API_VERSION,
        "imports": [],
        "counters": [],
        "paths": [],
    }
