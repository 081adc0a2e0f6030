"""Reading VPP back: which objects of the journal are really there, which interfaces are ours by their tag.

Only reads. What is missing is written again by the next turn; what is not recognised is left alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_interface
from typing import Any

from msgspec.structs import replace

from actors.vpp_writer.kinds import kind_of
from actors.vpp_writer.kinds.call import Later
from actors.vpp_writer.kinds.cnat import place_of
from actors.vpp_writer.kinds.indices import Indices
from actors.vpp_writer.kinds.kind import Observed
from actors.vpp_writer.kinds.routes import RouteKind
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.vpp.client import VppClient
from schemas.cnat import Translation
from schemas.intents import Address, AdminUp, Mtu, Route, Table, interface_key

ADMIN_UP = 1  # if_status_flags
ROUTES = RouteKind()


async def look(api: VppClient, held: Mapping[str, HeldObject]) -> Observed:
    """Interfaces and tables that VPP has and that are not held."""
    indices = {h.details.get("sw_if_index") for h in held.values()}
    interfaces = [row for row in await api.dump("sw_interface_dump") if row.sw_if_index not in indices]
    translations = await api.dump("cnat_translation_dump") if api.supports("cnat_translation_dump") else []
    ids = {h.details["id"] for h in held.values() if isinstance(h.intent, Translation)}
    unknown = {place_of(row): row for row in translations if row.translation.id not in ids}
    numbers = {(h.details["table_id"], h.intent.ip_version) for h in held.values() if isinstance(h.intent, Table)}
    rows = await api.dump("ip_table_dump")
    tables = [row for row in rows if (row.table.table_id, 6 if row.table.is_ip6 else 4) not in numbers]
    return Observed(interfaces, tables, unknown)


async def missing(api: VppClient, held: Mapping[str, HeldObject]) -> set[str]:
    """Keys of held objects that VPP turns out not to hold as they were written.

    Interfaces with their state and MTU, tables, addresses, translations, and routes with their paths.
    """
    lost = await missing_but_routes(api, held)
    present = {key: h for key, h in held.items() if key not in lost}
    return lost | await missing_routes(api, present, [key for key, h in present.items() if isinstance(h.intent, Route)])


async def missing_but_routes(api: VppClient, held: Mapping[str, HeldObject]) -> set[str]:
    """The same without routes; a few dumps."""
    held = {key: h for key, h in held.items() if not isinstance(h.intent, Route)}
    rows = {int(row.sw_if_index): row for row in await api.dump("sw_interface_dump")}
    lost = {key for key, h in held.items() if not _has_interface(h, rows)}
    lost |= await _tables(api, held)
    present = {key: h for key, h in held.items() if key not in lost}
    lost |= _attributes(present, rows)
    return lost | await _addresses(api, present) | await _translations(api, present)


async def missing_routes(api: VppClient, held: Mapping[str, HeldObject], keys: Iterable[str]) -> set[str]:
    """Of these held routes those that VPP does not have, or through other paths.

    Each is looked up by itself: a dump of a large table would keep VPP from its packets. VPP gives a path back as it
    was given, byte by byte (tests/contract).
    """
    indices, wanted = Indices(held), dict[str, bytes]()
    at = api.offset("ip_route_add_del", "route", "n_paths")
    lost: set[str] = set()
    lookups = []
    for key in keys:
        route = held[key].intent
        assert isinstance(route, Route)
        try:
            call = ROUTES.write_call(_as_shown(route), indices)
            table = indices.table(route.table, 6 if ":" in route.prefix else 4)
        except Later:  # what it leads to has gone
            lost.add(key)
            continue
        wanted[key] = api.packed(call.message, call.fields, call.prefix)[at:]
        lookups.append(api.packed("ip_route_lookup", {"table_id": table, "exact": 1, "prefix": route.prefix}))
    number_at = api.offset("ip_route_lookup_reply", "route", "n_paths")
    for (key, paths), reply in zip(wanted.items(), await api.request_batch("ip_route_lookup", lookups), strict=True):
        if _paths(reply[number_at:]) != _paths(paths):
            lost.add(key)
    return lost


def _as_shown(route: Route) -> Route:
    """The route to one address through an interface alone has that address as its next hop (VPP: fib_api.c)."""
    host, _, length = route.prefix.partition("/")
    if length != ("128" if ":" in host else "32"):
        return route
    paths = tuple(
        replace(path, next_hop=host) if path.interface is not None and path.next_hop is None else path
        for path in route.paths
    )
    return replace(route, paths=paths)


def _paths(data: bytes) -> list[bytes]:
    """A route's paths, in an order that does not matter; `data`: their number and all of them. Empty: no route."""
    size = (len(data) - 1) // data[0] if data[0] else 1
    return sorted(data[at : at + size] for at in range(1, len(data), size))


def _attributes(held: Mapping[str, HeldObject], rows: Mapping[int, Any]) -> set[str]:
    """Interfaces that are down or have another MTU than they should."""
    indices, lost = Indices(held), set()
    for key, h in held.items():
        if isinstance(h.intent, AdminUp | Mtu) and interface_key(h.intent.interface) in held:
            row = rows[indices.interface(h.intent.interface)]
            right = row.mtu[0] == h.intent.mtu if isinstance(h.intent, Mtu) else row.flags & ADMIN_UP
            if not right:
                lost.add(key)
    return lost


def _has_interface(held: HeldObject, rows: Mapping[int, Any]) -> bool:
    """Is an interface of that index there, and is it this one? True for what is no interface."""
    if "sw_if_index" not in held.details:
        return True
    row = rows.get(int(held.details["sw_if_index"]))
    return row is not None and kind_of(held.intent).recognise(held.intent, Observed([row])) is not None


async def _tables(api: VppClient, held: Mapping[str, HeldObject]) -> set[str]:
    wanted = {key: h for key, h in held.items() if isinstance(h.intent, Table)}
    if not wanted:
        return set()
    there = {(row.table.table_id, bool(row.table.is_ip6)) for row in await api.dump("ip_table_dump")}
    return {
        key
        for key, h in wanted.items()
        if isinstance(h.intent, Table) and (h.details["table_id"], h.intent.ip_version == 6) not in there
    }


async def _addresses(api: VppClient, held: Mapping[str, HeldObject]) -> set[str]:
    indices, lost = Indices(held), set()
    by_place: defaultdict[tuple[int, bool], dict[str, str]] = defaultdict(dict)
    for key, h in held.items():
        if isinstance(h.intent, Address):
            address = ip_interface(h.intent.address)
            if address.ip.is_link_local and address.version == 6:
                continue  # VPP keeps these apart and does not dump them
            if interface_key(h.intent.interface) in held:
                place = (indices.interface(h.intent.interface), address.version == 6)
                by_place[place][key] = str(address)
    for (number, is_ipv6), wanted in by_place.items():
        rows = await api.dump("ip_address_dump", {"sw_if_index": number, "is_ipv6": is_ipv6})
        there = {str(row.prefix) for row in rows}
        lost |= {key for key, address in wanted.items() if address not in there}
    return lost


async def _translations(api: VppClient, held: Mapping[str, HeldObject]) -> set[str]:
    wanted = {key: h for key, h in held.items() if isinstance(h.intent, Translation)}
    if not wanted:
        return set()
    rows = {int(row.translation.id): row for row in await api.dump("cnat_translation_dump")}
    lost = set()
    for key, h in wanted.items():
        row = rows.get(int(h.details["id"]))
        if row is None or kind_of(h.intent).recognise(h.intent, Observed(translations={place_of(row): row})) is None:
            lost.add(key)
    return lost
