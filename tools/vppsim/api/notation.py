r"""A short notation for VPP's binary API, and its translation into VPP's JSON form.

VPP publishes its API as JSON files; clients and serializers understand that form. Here the API is written in a
form that people can read, one definition a line (`\` continues it), `#` begins a comment:

    alias  mac_address = u8[6]
    enum   address_family u8: ADDRESS_IP4 0, ADDRESS_IP6 1        (flags: for bit masks)
    union  address_union: ip4_address ip4, ip6_address ip6
    type   prefix: address address, u8 len
    call   create_loopback 42bb5d22: mac_address mac_address      a request; CRC in hex; then its own fields
      reply 5383d31f: interface_index sw_if_index                 its answer, called create_loopback_reply
    dump   ip_table_dump 51077d14:                                answered by any number of details
      details ip_table_details c79fca0f: ip_table table
    stream bird_get 12345678: u32 cursor                          details first, then one reply
      reply 87654321: u32 cursor
      details bird_details 11223344: u32 wing
    raw    sockclnt_create 455fb9c4 -> sockclnt_create_reply: u32 context, string[64] name

`call`, `dump` and `stream` begin with client_index and context, `reply` with context and retval, `details` with
context; `raw` has only the fields written and may name its answer, or be the `details` of the dump above it.
`event NAME CRC: ...` under a call is raw and listed as its event.
Arrays: `u8[4] a` fixed, `u32[count] a` counted by an earlier field, `string[] s` of any length; `=` sets a default.
"""

import re
from dataclasses import dataclass, field
from typing import Any

BASE_TYPES = {"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f64", "bool", "string"}
REQUEST = "u32 client_index, u32 context"
HEADERS = {"call": REQUEST, "dump": REQUEST, "stream": REQUEST, "details": "u32 context", "raw": "", "event": ""}
REPLY = "u32 context, i32 retval"

_DEFINITION = re.compile(r"(\w+) +(.*?)(?:: *(.*))?$")
_FIELD = re.compile(r"(\w+)(?:\[(\w*)\])? (\w+)(?:=(\w+))?$")


class NotationError(ValueError):
    """An invalid line of the notation; the text names it."""


@dataclass
class MessageDefinitions:
    """One subject's definitions in JSON-ready shape, in the order written."""

    types: dict[str, list[Any]] = field(default_factory=dict)
    unions: dict[str, list[Any]] = field(default_factory=dict)
    enums: dict[str, list[Any]] = field(default_factory=dict)
    flags: dict[str, list[Any]] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, list[Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)


def parse(text: str) -> MessageDefinitions:
    """The definitions of `text`; raises NotationError naming the first line that is wrong."""
    definitions, parent = MessageDefinitions(), ""
    for line in text.replace("\\\n", " ").splitlines():
        line = " ".join(line.split("#")[0].split())
        match = _DEFINITION.match(line)
        if not line:
            continue
        if match is None:
            raise NotationError(line)
        parent = _define(definitions, parent, match[1], match[2], match[3] or "")
    return definitions


def _define(definitions: MessageDefinitions, parent: str, kind: str, head: str, body: str) -> str:
    name, *arguments = head.split()
    if kind == "alias":
        definitions.aliases[name] = _alias(head)
    elif kind in ("enum", "flags"):
        target = definitions.enums if kind == "enum" else definitions.flags
        target[name] = [name, *_values(body), {"enumtype": arguments[0]}]
    elif kind in ("type", "union"):
        target = definitions.types if kind == "type" else definitions.unions
        target[name] = [name, *_fields(body)]
    else:
        return _message(definitions, parent, kind, head.split(), body)
    return parent


def _message(definitions: MessageDefinitions, parent: str, kind: str, head: list[str], body: str) -> str:
    if kind == "reply":
        name, crc, header = f"{parent}_reply", head[0], REPLY
        definitions.services[parent]["reply"] = name
    elif kind in HEADERS:
        name, crc, header = head[0], head[1], HEADERS[kind]
        _serve(definitions, parent, kind, name, head[3] if "->" in head else "")
    else:
        raise NotationError(f"{kind} {' '.join(head)}")
    fields = _fields(", ".join(part for part in (header, body) if part))
    definitions.messages[name] = [name, ["u16", "_vl_msg_id"], *fields, {"crc": f"0x{crc}"}]
    return name if kind in ("call", "dump", "stream") else parent


def _serve(definitions: MessageDefinitions, parent: str, kind: str, name: str, reply: str) -> None:
    if kind == "call":
        definitions.services[name] = {"reply": f"{name}_reply"}
    elif kind == "dump":
        definitions.services[name] = {"stream": True}
    elif kind == "stream":
        definitions.services[name] = {"reply": f"{name}_reply", "stream": True}
    elif kind == "event":
        definitions.services[parent].setdefault("events", []).append(name)
    elif kind == "details" or reply == "details":
        _details(definitions.services[parent], name)
    elif reply:
        definitions.services[name] = {"reply": reply}


def _details(service: dict[str, Any], name: str) -> None:
    service["stream_msg" if "reply" in service else "reply"] = name


def _alias(head: str) -> dict[str, Any]:
    target = head.split(" = ")[1]
    base, _, length = target.rstrip("]").partition("[")
    alias: dict[str, Any] = {"type": type_name(base)}
    return alias | {"length": int(length)} if length else alias


def _values(body: str) -> list[list[Any]]:
    pairs = (item.split() for item in body.split(", "))
    return [[name, int(value, 0)] for name, value in pairs]


def _fields(body: str) -> list[list[Any]]:
    return [_field(item.strip()) for item in body.split(",") if item.strip()]


def _field(text: str) -> list[Any]:
    match = _FIELD.match(text)
    if match is None:
        raise NotationError(text)
    base, size, name, default = match.groups()
    entry: list[Any] = [type_name(base), name]
    if size is not None:
        entry += [int(size)] if size.isdigit() else [0, size] if size else [0]
    if default is not None:
        entry.append({"default": int(default) if default.isdigit() else default})
    return entry


def type_name(short: str) -> str:
    """VPP's long name of a type: `prefix` -> `vl_api_prefix_t`; base types keep theirs."""
    return short if short in BASE_TYPES else f"vl_api_{short}_t"


def short_name(long: str) -> str:
    """The inverse of `type_name`."""
    return long[len("vl_api_") : -len("_t")] if long.startswith("vl_api_") else long
