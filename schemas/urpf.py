"""Intents for unicast reverse path forwarding: from which sources an interface may send (VPP: urpf plugin)."""

import hashlib

from schemas.intent_base import Intent

_NAME_BYTES_MAX = 59  # VPP: 63 bytes for a table's name; the writer adds "-ip4"
_HASH_CHARACTERS = 12


class UrpfIntent(Intent, frozen=True, tag="urpf"):
    """Packets that come in by an interface are dropped unless a table has a route for their source.

    VPP: urpf_update_v2, loose mode. A table that holds what is behind that one interface makes it the strict check of
    RFC 3704. Multicast and broadcast destinations are not looked at.
    """

    interface: str  # intent name of the interface that packets come in by
    ip_version: int  # 4 | 6
    table: str  # name of the table that sources are looked up in

    @property
    def key(self) -> str:
        return urpf_intent_key(self.interface, self.ip_version)


def urpf_intent_key(interface: str, ip_version: int) -> str:
    """Key of the check of one family's sources on the interface."""
    return f"urpf/{interface}/ip{ip_version}"


def source_table(interface: str) -> str:
    """Name of the tables whose routes are the sources that a pod's interface may send from, both families."""
    return fitting_table_name(f"sources/{interface}")


def fitting_table_name(name: str) -> str:
    """The name of a table; one too long for VPP is cut and made unique by its hash."""
    if len(name) <= _NAME_BYTES_MAX:
        return name
    text_hash = hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[: _NAME_BYTES_MAX - _HASH_CHARACTERS - 1]}-{text_hash}"
