"""VPP's messages, from the description that VPP itself gives (get_api_json).

Parsing is vpp_papi's; only the files that define messages in use are parsed. The description is cached beside
the journal, keyed by VPP's message table, so that a restarted VPP of the same build is not asked again.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from vpp_papi.vpp_papi import VPPApiJSONFiles

from actors.vpp_writer.kinds import ALL

HANDSHAKE = ("sockclnt_create", "sockclnt_create_reply", "sockclnt_delete", "get_api_json", "get_api_json_reply")
VITAL = ("control_ping", "show_version", "sw_interface_dump", "ip_table_dump", "ip_route_lookup", "ip_address_dump")
DETAILS = (
    "sw_interface_details",
    "ip_table_details",
    "ip_address_details",
    "cnat_translation_details",
)

RAW = ("ip_route_lookup_reply",)  # read by `readback.py`, which compares bytes


class Unfit(Exception):
    """This VPP cannot be worked with; the text names what it lacks."""


def requests() -> set[str]:
    """All requests that the writer can make."""
    return set(VITAL) | {name for kind in ALL for name in kind.messages}


def used() -> set[str]:
    """All messages that the writer packs or unpacks."""
    return {m for name in requests() for m in (name, f"{name}_reply")} | set(DETAILS) | set(HANDSHAKE)


def handshake() -> dict[str, Any]:
    """The messages of the handshake, from the description that vpp_papi carries."""
    text = (files("vpp_papi") / "data" / "memclnt.api.json").read_text()
    return dict(VPPApiJSONFiles.process_json_str(text)[0])  # type: ignore[no-untyped-call]


def select(description: str) -> str:
    """The part of VPP's description (a JSON list of API files) that defines messages in use."""
    names = used()
    chosen = [api for api in json.loads(description) if any(m[0] in names for m in api.get("messages", ()))]
    return json.dumps(chosen)


def parse(description: str) -> dict[str, Any]:
    """name -> vpp_papi's message definition, for messages in use."""
    messages = VPPApiJSONFiles.process_json_array_str(description)[0]  # type: ignore[no-untyped-call]
    return {name: message for name, message in messages.items() if name in used()}


def numbers(messages: Mapping[str, Any], table: Mapping[str, int]) -> dict[str, int]:
    """name -> message number of this VPP, where name and CRC match its table. Raises Unfit for a vital one."""
    found = {n: table[f"{n}_{m.crc[2:]}"] for n, m in messages.items() if f"{n}_{m.crc[2:]}" in table}
    missing = sorted(set(VITAL) - found.keys())
    if missing:
        raise Unfit(f"VPP lacks {', '.join(missing)}")
    return found


def recall(cache: Path, table: Iterable[str]) -> str | None:
    """The description of the VPP with this message table, if it was remembered."""
    try:
        return _path(cache, table).read_text()
    except OSError:
        return None


def remember(cache: Path, table: Iterable[str], description: str) -> None:
    """Keeps a description, and no other."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in cache.glob("api-*.json"):
        old.unlink()
    _path(cache, table).write_text(description)


def _path(cache: Path, table: Iterable[str]) -> Path:
    known = ",".join(sorted({*table, *used()}))  # an update of this process may use more of the same VPP
    return cache / f"api-{zlib.crc32(known.encode()):08x}.json"
