"""Tables (VRFs): ip_table_add_del for fixed ids, ip_table_allocate for the others."""

from typing import Any

from actors.vpp_writer.kinds.call import Never, VppCall
from actors.vpp_writer.kinds.checks import check_text, ip_version
from actors.vpp_writer.kinds.indices import NO_INDEX, VppIndices
from actors.vpp_writer.kinds.kind import TABLE, CallSequence, Details, Kind, Observed
from schemas.intents import FIXED_TABLES, Table

_TABLE_NAME_BYTES_MAX = 63


class TableKind(Kind[Table]):
    """VPP identifies a table by number; its name is ours, and by it a read-back recognises it."""

    intent = Table
    shared = True
    rank = TABLE
    messages = ("ip_table_add_del", "ip_table_allocate")
    has_indices = True

    def check(self, intent: Table) -> None:
        ip_version(intent.ip_version)
        check_text("name", _vpp_name(intent), _TABLE_NAME_BYTES_MAX)
        if _table_id(intent) == 0:
            raise Never("table_id: 0 is VPP's own default table")

    def create(self, intent: Table, indices: VppIndices, existing: Details | None) -> CallSequence:
        if existing is not None:
            return existing
        table = {"is_ip6": intent.ip_version == 6, "name": _vpp_name(intent)}
        number = _table_id(intent)
        if number is None:
            (reply,) = yield [VppCall("ip_table_allocate", {"table": {**table, "table_id": NO_INDEX}})]
            return {"table_id": int(reply.table.table_id)}
        # Adding a table that is there is success in VPP.
        yield [VppCall("ip_table_add_del", {"is_add": True, "table": {**table, "table_id": number}})]
        return {"table_id": number}

    def delete(self, intent: Table, indices: VppIndices, details: Details) -> CallSequence:
        table = {"is_ip6": intent.ip_version == 6, "table_id": details["table_id"], "name": _vpp_name(intent)}
        yield [VppCall("ip_table_add_del", {"is_add": False, "table": table})]
        return details

    def recognise(self, intent: Table, observed: Observed) -> dict[str, int | str] | None:
        def matches(table: Any) -> bool:
            return bool(table.name == _vpp_name(intent) and bool(table.is_ip6) == (intent.ip_version == 6))

        return observed.table(matches)


def _table_id(intent: Table) -> int | None:
    """The number that the table must have: its own, or that of its well-known name; None: any."""
    return FIXED_TABLES.get(intent.name) if intent.table_id is None else intent.table_id


def _vpp_name(intent: Table) -> str:
    """The name of the table in VPP."""
    return f"{intent.name}-ip{intent.ip_version}"
