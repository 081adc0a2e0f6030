"""Reading VPP back: which objects of the journal are really there, which interfaces are ours by their tag.

Only reads. What is missing is written again by the next turn; what is not recognised is left alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from actors.vpp_writer.kinds import kind_of
from actors.vpp_writer.kinds.cnat import place_of
from actors.vpp_writer.kinds.kind import There
from actors.vpp_writer.names import Names
from actors.vpp_writer.plan import Held
from actors.vpp_writer.vpp_api import VppApi
from schemas.cnat import Translation
from schemas.intents import Address, Route, Table, interface_key


async def look(api: VppApi, held: Mapping[str, Held]) -> There:
    """Interfaces and tables that VPP has and that are not held."""
    indices = {h.details.get("sw_if_index") for h in held.values()}
    interfaces = [row for row in await api.dump("sw_interface_dump") if row.sw_if_index not in indices]
    translations = await api.dump("cnat_translation_dump") if api.has("cnat_translation_dump") else []
    ids = {h.details["id"] for h in held.values() if isinstance(h.intent, Translation)}
    unknown = {place_of(row): row for row in translations if row.translation.id not in ids}
    return There(interfaces, list(await api.dump("ip_table_dump")), unknown)


async def missing(api: VppApi, held: Mapping[str, Held]) -> set[str]:
    """Keys of held objects that VPP turns out not to hold: interfaces, tables, addresses, routes, translations."""
    rows = {int(row.sw_if_index): row for row in await api.dump("sw_interface_dump")}
    lost = {key for key, h in held.items() if not _has_interface(h, rows)}
    lost |= await _tables(api, held)
    present = {key: h for key, h in held.items() if key not in lost}
    return lost | await _addresses(api, present) | await _routes(api, present) | await _translations(api, present)


def _has_interface(held: Held, rows: Mapping[int, Any]) -> bool:
    """Is an interface of that index there, and is it this one? True for what is no interface."""
    if "sw_if_index" not in held.details:
        return True
    row = rows.get(int(held.details["sw_if_index"]))
    return row is not None and kind_of(held.intent).recognise(held.intent, There([row])) is not None


async def _tables(api: VppApi, held: Mapping[str, Held]) -> set[str]:
    wanted = {key: h for key, h in held.items() if isinstance(h.intent, Table)}
    if not wanted:
        return set()
    there = {(row.table.table_id, bool(row.table.is_ip6)) for row in await api.dump("ip_table_dump")}
    return {
        key
        for key, h in wanted.items()
        if isinstance(h.intent, Table) and (h.details["table_id"], h.intent.ip_version == 6) not in there
    }


async def _addresses(api: VppApi, held: Mapping[str, Held]) -> set[str]:
    names, lost = Names(held), set()
    by_place: defaultdict[tuple[int, bool], dict[str, str]] = defaultdict(dict)
    for key, h in held.items():
        if isinstance(h.intent, Address):
            address = ip_interface(h.intent.address)
            if address.ip.is_link_local and address.version == 6:
                continue  # VPP keeps these apart and does not dump them
            if interface_key(h.intent.interface) in held:
                place = (names.interface(h.intent.interface), address.version == 6)
                by_place[place][key] = str(address)
    for (number, is_ipv6), wanted in by_place.items():
        rows = await api.dump("ip_address_dump", {"sw_if_index": number, "is_ipv6": is_ipv6})
        there = {str(row.prefix) for row in rows}
        lost |= {key for key, address in wanted.items() if address not in there}
    return lost


async def _routes(api: VppApi, held: Mapping[str, Held]) -> set[str]:
    names, lost = Names(held), set()
    by_table: defaultdict[tuple[int, bool], dict[str, str]] = defaultdict(dict)
    for key, h in held.items():
        if isinstance(h.intent, Route):
            version = ip_network(h.intent.prefix).version
            by_table[(names.table(h.intent.table, version), version == 6)][key] = h.intent.prefix
    for (number, is_ip6), wanted in by_table.items():
        rows = await api.dump("ip_route_dump", {"table": {"table_id": number, "is_ip6": is_ip6}})
        there = _prefixes(rows)
        lost |= {key for key, prefix in wanted.items() if prefix not in there}
    return lost


async def _translations(api: VppApi, held: Mapping[str, Held]) -> set[str]:
    wanted = {key: h for key, h in held.items() if isinstance(h.intent, Translation)}
    if not wanted:
        return set()
    rows = {int(row.translation.id): row for row in await api.dump("cnat_translation_dump")}
    lost = set()
    for key, h in wanted.items():
        row = rows.get(int(h.details["id"]))
        if row is None or kind_of(h.intent).recognise(h.intent, There(translations={place_of(row): row})) is None:
            lost.add(key)
    return lost


def _prefixes(rows: Iterable[Any]) -> set[str]:
    return {str(row.route.prefix) for row in rows}
