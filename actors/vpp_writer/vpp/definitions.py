"""VPP's messages, from the description that VPP itself gives (get_api_json).

Parsing is vpp_papi's; only the files that define messages in use are parsed. The description is cached beside
the journal, keyed by VPP's message table, so that a restarted VPP of the same build is not asked again.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from vpp_papi.vpp_papi import VPPApiJSONFiles

from bus import whole_files

_HANDSHAKE = ("sockclnt_create", "sockclnt_create_reply", "sockclnt_delete", "get_api_json", "get_api_json_reply")
VITAL = ("control_ping", "show_version", "sw_interface_dump", "ip_table_dump", "ip_route_lookup", "ip_address_dump")
_DETAILS = (
    "sw_interface_details",
    "ip_table_details",
    "ip_address_details",
    "cnat_translation_details",
    "urpf_interface_details",
)

RAW_REPLY_MESSAGES = ("ip_route_lookup_reply",)  # read by `readback.py`, which compares bytes


class UnfitVppApi(Exception):
    """This VPP cannot be worked with; the text names what it lacks."""


class VppApiDefinitions:
    """The messages in use: `requests`, their replies, the handshake. `directory`: where descriptions are cached."""

    def __init__(self, requests: Iterable[str], directory: Path) -> None:
        self.requests = {*VITAL, *requests}
        self.names = {m for name in self.requests for m in (name, f"{name}_reply")} | {*_DETAILS, *_HANDSHAKE}
        self._directory = directory

    def select(self, description: str) -> str:
        """The part of VPP's description (a JSON list of API files) that defines messages in use."""
        apis = json.loads(description)
        return json.dumps([api for api in apis if any(m[0] in self.names for m in api.get("messages", ()))])

    def parse(self, description: str) -> dict[str, Any]:
        """name -> vpp_papi's message definition, for messages in use."""
        messages = VPPApiJSONFiles.process_json_array_str(description)[0]  # type: ignore[no-untyped-call]
        return {name: message for name, message in messages.items() if name in self.names}

    def recall(self, table: Iterable[str]) -> str | None:
        """The description of the VPP with this message table, if it was remembered."""
        try:
            description = self._path(table).read_text()
            json.loads(description)
        except (OSError, ValueError):
            return None
        return description

    def remember(self, table: Iterable[str], description: str) -> None:
        """Keeps a description, and no other. Where that cannot be, VPP is asked again next time."""
        with suppress(OSError):
            for old in self._directory.glob("api-*.json"):
                old.unlink()
            whole_files.replace_file_whole(self._path(table), description.encode(), sync=False)

    def _path(self, table: Iterable[str]) -> Path:
        names = ",".join(sorted({*table, *self.names}))  # an update of this process may use more of the same VPP
        return self._directory / f"api-{zlib.crc32(names.encode()):08x}.json"


def vpp_handshake_messages() -> dict[str, Any]:
    """The messages of the handshake, from the description that vpp_papi carries."""
    text = (files("vpp_papi") / "data" / "memclnt.api.json").read_text()
    return dict(VPPApiJSONFiles.process_json_str(text)[0])  # type: ignore[no-untyped-call]


def vpp_message_numbers(messages: Mapping[str, Any], table: Mapping[str, int]) -> dict[str, int]:
    """name -> message number of this VPP, where name and CRC match its table."""
    return {n: table[f"{n}_{m.crc[2:]}"] for n, m in messages.items() if f"{n}_{m.crc[2:]}" in table}


def check_vital_messages(numbers: Collection[str]) -> None:
    """Raises UnfitVppApi unless VPP has all that this process cannot do without."""
    missing = sorted(set(VITAL) - {*numbers})
    if missing:
        raise UnfitVppApi(f"VPP lacks {', '.join(missing)}")
