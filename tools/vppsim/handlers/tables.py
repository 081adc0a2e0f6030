"""IP tables (VRFs)."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.fib.paths import FibSource
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.state import lifecycle
from tools.vppsim.vpp import Vpp


def _family(table: Any) -> int:
    return 6 if table.is_ip6 else 4


@call("ip_table_add_del")
def ip_table_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    table = message.table
    if message.is_add:
        vpp.tables.add(_family(table), table.table_id, table.name)
    else:
        vpp.tables.delete(_family(table), table.table_id)


@call("ip_table_add_del_v2")
def ip_table_add_del_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    ip_table_add_del(vpp, message, client)


@call("ip_table_allocate")
def ip_table_allocate(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    table = message.table
    number = vpp.tables.allocate(_family(table), table.table_id, table.name)
    return {"table": {"table_id": number, "is_ip6": table.is_ip6, "name": table.name}}


@call("ip_table_flush")
def ip_table_flush(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Takes down the interfaces of a table, and removes all its routes of the API."""
    family = _family(message.table)
    table = vpp.tables.find(family, message.table.table_id)
    for interface in vpp.interfaces:
        if interface.tables[family] == table.table_id:
            lifecycle.set_admin(vpp, interface, False)
    for entry in [entry for entry in table.entries() if FibSource.API in entry.sources]:
        table.clear_source(entry.address, entry.length, FibSource.API)
    vpp.tables.collect()


@dump("ip_table_dump")
def ip_table_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for table in vpp.tables.by_family():
        yield {"table": {"table_id": table.table_id, "is_ip6": table.family == 6, "name": table.name}}


@dump("ip_mtable_dump")
def ip_mtable_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """VPP leaves the name out."""
    for family, table_id in vpp.tables.multicast:
        yield {"table": {"table_id": table_id, "is_ip6": family == 6}}
