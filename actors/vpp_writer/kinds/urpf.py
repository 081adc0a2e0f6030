"""Unicast reverse path forwarding (VPP: urpf plugin).

VPP keeps the check by sw_if_index, and beyond the interface: a deletion takes the feature off its arc and leaves the
record. The next interface of that number, told the same, would be recorded as checked already and never be checked. So
a check is first turned off, which clears the record, and then on.
"""

from collections.abc import Iterable
from typing import Any

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.checks import checked_ip_version, vpp_address_family
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices, table_intent_needs
from actors.vpp_writer.kinds.kind import RANK_ATTRIBUTE, IntentKind, ObjectDetails, VppCallSequence
from schemas.intents import interface_intent_key
from schemas.urpf import UrpfIntent

_OFF, _LOOSE = 0, 1  # urpf_mode


class UrpfKind(IntentKind[UrpfIntent]):
    """The check of one family's sources (urpf_update_v2). VPP keeps the table by number: it goes after the check."""

    intent = UrpfIntent
    rank = RANK_ATTRIBUTE
    messages = ("urpf_update_v2", "urpf_interface_dump")

    def check(self, intent: UrpfIntent) -> None:
        checked_ip_version(intent.ip_version)

    def needs(self, intent: UrpfIntent) -> set[str]:
        return {interface_intent_key(intent.interface)} | table_intent_needs(intent.table, intent.ip_version)

    def create(self, intent: UrpfIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        yield [_off(intent, indices), _loose(intent, indices)]
        return None

    def can_update(self, old: UrpfIntent, new: UrpfIntent) -> bool:
        return True

    def update(self, old: UrpfIntent, new: UrpfIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [_loose(new, indices)]  # no packet passes unchecked in between
        return None

    def delete(self, intent: UrpfIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [_off(intent, indices)]
        return None


def row_of(intent: UrpfIntent, indices: VppIndices) -> tuple[int, int, int]:
    """How `checked_interfaces` has this check. Raises VppCallRetriedLater."""
    version = intent.ip_version
    return indices.interface(intent.interface), vpp_address_family(version), indices.table(intent.table, version)


def checked_interfaces(rows: Iterable[Any]) -> set[tuple[int, int, int]]:
    """(sw_if_index, address family, table id) of the checks in urpf_interface_dump."""
    return {
        (int(row.sw_if_index), int(row.af), int(row.table_id))
        for row in rows
        if row.is_input and int(row.mode) == _LOOSE
    }


def _loose(intent: UrpfIntent, indices: VppIndices) -> VppCall:
    return _call(intent, indices, add=True)


def _off(intent: UrpfIntent, indices: VppIndices) -> VppCall:
    return _call(intent, indices, add=False)


def _call(intent: UrpfIntent, indices: VppIndices, *, add: bool) -> VppCall:
    fields = {
        "is_input": True,
        "mode": _LOOSE if add else _OFF,
        "af": vpp_address_family(intent.ip_version),
        "sw_if_index": indices.interface(intent.interface),
        "table_id": indices.table(intent.table, intent.ip_version) if add else NO_VPP_INDEX,
    }
    return add_del_call("urpf_update_v2", add, fields)
