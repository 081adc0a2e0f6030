"""Tables (VRFs): ip_table_add_del for fixed ids, ip_table_allocate for the others."""

from typing import Any

from actors.vpp_writer.kinds.call import IntentRejected, VppCall
from actors.vpp_writer.kinds.checks import check_intent_text, checked_ip_version
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices
from actors.vpp_writer.kinds.kind import RANK_TABLE, IntentKind, ObjectDetails, ObservedVppObjects, VppCallSequence
from schemas.intents import FIXED_TABLE_IDS, TableIntent

_TABLE_NAME_BYTES_MAX = 63


class TableKind(IntentKind[TableIntent]):
    """VPP identifies a table by number; its name is ours, and by it a read-back recognises it."""

    intent = TableIntent
    shared = True
    rank = RANK_TABLE
    messages = ("ip_table_add_del", "ip_table_allocate")
    has_indices = True

    def check(self, intent: TableIntent) -> None:
        checked_ip_version(intent.ip_version)
        check_intent_text("name", _vpp_name(intent), _TABLE_NAME_BYTES_MAX)
        if _table_id(intent) == 0:
            raise IntentRejected("table_id: 0 is VPP's own default table")

    def create(self, intent: TableIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        if existing is not None:
            return existing
        table = {"is_ip6": intent.ip_version == 6, "name": _vpp_name(intent)}
        number = _table_id(intent)
        if number is None:
            (reply,) = yield [VppCall("ip_table_allocate", {"table": {**table, "table_id": NO_VPP_INDEX}})]
            return {"table_id": int(reply.table.table_id)}
        # Adding a table that is there is success in VPP.
        yield [VppCall("ip_table_add_del", {"is_add": True, "table": {**table, "table_id": number}})]
        return {"table_id": number}

    def delete(self, intent: TableIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        table = {"is_ip6": intent.ip_version == 6, "table_id": details["table_id"], "name": _vpp_name(intent)}
        yield [VppCall("ip_table_add_del", {"is_add": False, "table": table})]
        return details

    def recognise(self, intent: TableIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        def matches(table: Any) -> bool:
            return bool(table.name == _vpp_name(intent) and bool(table.is_ip6) == (intent.ip_version == 6))

        return observed.table(matches)


def _table_id(intent: TableIntent) -> int | None:
    """The number that the table must have: its own, or that of its well-known name; None: any."""
    return FIXED_TABLE_IDS.get(intent.name) if intent.table_id is None else intent.table_id


def _vpp_name(intent: TableIntent) -> str:
    """The name of the table in VPP."""
    return f"{intent.name}-ip{intent.ip_version}"
