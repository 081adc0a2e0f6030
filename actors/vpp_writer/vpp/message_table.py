"""The messages in use as this VPP has them: their numbers, packers of requests, readers of replies."""

from collections.abc import Mapping
from typing import Any

from actors.vpp_writer.vpp import definitions
from actors.vpp_writer.vpp.packing import VppRequestPacker, compile_vpp_packer
from actors.vpp_writer.vpp.replies import (
    VppReplyReader,
    compile_reply_reader,
    raw_vpp_reply,
    reply_context_offset,
    reply_field_offset,
)

VPP_REQUEST_HEAD_BYTES = 10  # message number u16, client u32, context u32


class VppMessageTable:
    """Messages by name. `readers`: by number, where the context of a reply is, and what reads it."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.readers: dict[int, tuple[int, VppReplyReader]] = {}
        self._definitions: dict[str, Any] = {}
        self._packers: dict[str, VppRequestPacker] = {}

    def add(self, messages: Mapping[str, Any], table: Mapping[str, int]) -> None:
        """Definitions by name, of which VPP has those that are in its own `table` of names with CRCs."""
        self._definitions |= messages
        numbers = definitions.vpp_message_numbers(messages, table)
        self.numbers |= numbers
        for name, number in numbers.items():
            read = raw_vpp_reply if name in definitions.RAW_REPLY_MESSAGES else compile_reply_reader(messages[name])
            self.readers[number] = (reply_context_offset(messages[name]), read)

    def supports(self, message: str) -> bool:
        """Does this VPP have the message, with the layout that we know?"""
        return message in self.numbers

    def packed(self, message: str, fields: Mapping[str, Any]) -> bytes:
        """The bytes of a request, without its head. Raises ValueError, OSError, KeyError for a message VPP lacks."""
        packer = self._packers.get(message)
        if packer is None:
            packer = self._packers[message] = compile_vpp_packer(self._definitions[message])
        return packer(fields)

    def offset(self, message: str, *path: str) -> int:
        """Where a field of a message begins, bytes; in a request after the head."""
        definition = self._definitions[message]
        at = reply_field_offset(definition, *path)
        return at - VPP_REQUEST_HEAD_BYTES if "client_index" in definition.fields else at
