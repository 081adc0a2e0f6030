"""Readers of VPP's messages: made once for each message, they decode as little as they can.

A message of numbers alone is one `struct.Struct` and a named tuple of vpp_papi's; others are left to vpp_papi.
"""

import struct
from collections.abc import Callable
from typing import Any

from vpp_papi import vpp_serializer as papi

from actors.vpp_writer.vpp.packing import VPP_SCALAR_FORMATS

REPLY_CONTEXT_OFFSET = 2  # after the message number
_CONTEXT_AFTER_CLIENT_AT = 6  # so some replies begin (feature_is_enabled_reply)

VppReplyReader = Callable[[bytes, int, int], Any]  # (bytes, where the message begins, where it ends)


def reply_context_offset(definition: Any) -> int:
    """Where the context of a reply is, bytes from its begin."""
    return _CONTEXT_AFTER_CLIENT_AT if definition.fields[1] == "client_index" else REPLY_CONTEXT_OFFSET


def compile_reply_reader(definition: Any) -> VppReplyReader:
    """The reader of a message (a vpp_papi VPPMessage)."""
    formats = [_number(packer) for packer in definition.packers]
    if None in formats:

        def read(data: bytes, begin: int, end: int) -> Any:
            return definition.unpack(data[begin:end])[0]

        return read
    layout = struct.Struct(">" + "".join(map(str, formats)))
    unpack, make = layout.unpack_from, definition.tuple._make

    def read_numbers(data: bytes, begin: int, end: int) -> Any:
        if end - begin < layout.size:
            raise ValueError(f"{definition.name}: {end - begin} bytes, not {layout.size}")
        return make(unpack(data, begin))

    return read_numbers


def raw_vpp_reply(data: bytes, begin: int, end: int) -> bytes:
    """A message as it is."""
    return data[begin:end]


def reply_field_offset(definition: Any, *path: str) -> int:
    """Where a field begins, bytes; all before it, and the structures that it is in, are of fixed length."""
    at = 0
    for name in path:
        number = definition.fields.index(name)
        at += sum(packer.size for packer in definition.packers[:number])
        definition = definition.packers[number]
    return at


def _number(packer: Any) -> str | None:
    """The format of a plain number; None for everything else."""
    if isinstance(packer, papi.VPPTypeAlias) and "length" not in packer.msgdef:
        return _number(packer.packer)
    return VPP_SCALAR_FORMATS.get(packer._type) if isinstance(packer, papi.BaseTypes) else None
