"""Unicast and multicast routes.

A route is replaced unless `is_multipath`; deleting one removes all its paths, deleting an unknown one succeeds (VPP:
fib_api.c fib_api_route_add_del).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.fib.multicast import MfibBranch, MfibEntry, MfibItfFlag, MulticastGroup
from tools.vppsim.fib.paths import DROP, FibEntryFlag, FibPath, FibSource, PathType
from tools.vppsim.fib.table import BITS, FibContribution, FibEntry, FibTable
from tools.vppsim.handlers import convert
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.headers import family_of
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp


@call("ip_route_add_del")
def ip_route_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return _change(vpp, message, FibSource.API)


@call("ip_route_add_del_v2")
def ip_route_add_del_v2(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    source = message.route.src
    return _change(vpp, message, FibSource(source) if source in FibSource._value2member_map_ else FibSource.API)


def _change(vpp: Vpp, message: Any, source: FibSource) -> Fields:
    route = message.route
    address, length = convert.address(route.prefix.address), route.prefix.len
    table = vpp.tables.find(family_of(address), route.table_id)
    paths = [convert.path(vpp, path) for path in route.paths]
    if length > BITS[table.family]:
        raise VppRefused(VnetError.INVALID_PREFIX_LENGTH)
    if not paths and (message.is_add or message.is_multipath):
        raise VppRefused(VnetError.NO_PATHS_IN_ROUTE)
    if length == BITS[table.family]:
        paths = [_to_host(path, address) for path in paths]
    present = _present(table, address, length, source)
    _store(table, address, length, source, _remaining(message, present, paths))
    vpp.invalidate_forwarding()
    if not message.is_add:
        vpp.tables.collect()
    entry = table.exact_match(address, length)
    return {"stats_index": entry.stats_index if entry and message.is_add else INDEX_INVALID}


def _to_host(path: FibPath, address: bytes) -> FibPath:
    """A host route through an interface alone is a route to the host as next hop (VPP: fib_table.c, path fixup)."""
    attached = path.type is PathType.NORMAL and path.if_index != INDEX_INVALID and not path.next_hop
    return replace(path, next_hop=address) if attached and (path.proto == 4) == (len(address) == 4) else path


def _present(table: FibTable, address: bytes, length: int, source: FibSource) -> tuple[FibPath, ...]:
    entry = table.exact_match(address, length)
    return entry.sources[source].paths if entry is not None and source in entry.sources else ()


def _remaining(message: Any, present: tuple[FibPath, ...], paths: list[FibPath]) -> list[FibPath]:
    """The paths of a route after a change. Adding a path that it has changes nothing, not even the weight."""
    if not message.is_multipath:
        return paths if message.is_add else []
    if message.is_add:
        return [*present, *(path for path in paths if not any(path.matches(stored) for stored in present))]
    return [path for path in present if not any(path.matches(removed) for removed in paths)]


def _store(table: FibTable, address: bytes, length: int, source: FibSource, paths: list[FibPath]) -> None:
    if not paths:
        table.clear_source(address, length, source)
        return
    host = length == BITS[table.family]
    table.set_source(address, length, source, paths, _entry_flags(paths, address if host else b""))


def _entry_flags(paths: list[FibPath], host: bytes) -> FibEntryFlag:
    """Attached: through an interface without next hop, or a host route whose next hop is the host itself."""
    flags = FibEntryFlag.NONE
    for path in paths:
        if path.type is PathType.LOCAL and path.if_index == INDEX_INVALID:
            flags |= FibEntryFlag.CONNECTED | FibEntryFlag.LOCAL
        elif path.type is PathType.NORMAL and path.if_index != INDEX_INVALID and path.next_hop in (b"", host):
            flags |= FibEntryFlag.ATTACHED
    return flags


def _route_fields(table: FibTable, entry: FibEntry) -> Fields:
    paths = [convert.path_fields(path) for path in entry.best.paths]
    return {
        "table_id": table.table_id,
        "stats_index": entry.stats_index,
        "prefix": convert.prefix_fields(entry.address, entry.length),
        "n_paths": len(paths),
        "paths": paths,
    }


def _table_of(vpp: Vpp, message: Any) -> FibTable:
    return vpp.tables.find(6 if message.table.is_ip6 else 4, message.table.table_id)


def _listed(vpp: Vpp, table: FibTable) -> Iterator[FibEntry]:
    """All entries, and host routes that VPP makes for next hops to resolve, with the paths of their cover."""
    yield from table.entries()
    for next_hop in sorted(vpp.recursive_next_hops(table)):
        if table.exact_match(next_hop, BITS[table.family]) is None:
            cover = table.longest_match(next_hop).best
            loops = any(path.leads_to_table and path.next_hop == next_hop for path in cover.paths)
            yield FibEntry(
                next_hop, BITS[table.family], 0, {FibSource.RR: FibContribution((DROP,)) if loops else cover}
            )


@dump("ip_route_dump")
def ip_route_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    table = _table_of(vpp, message)
    yield from ({"route": _route_fields(table, entry)} for entry in _listed(vpp, table))


@dump("ip_route_v2_dump")
def ip_route_v2_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Dumps all entries (`src` 0), or those whose best source is `src`."""
    table = _table_of(vpp, message)
    for entry in _listed(vpp, table):
        if message.src in (0, entry.best_source):
            yield {"route": {**_route_fields(table, entry), "src": int(entry.best_source)}}


@call("ip_route_lookup")
def ip_route_lookup(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    address, length = convert.address(message.prefix.address), message.prefix.len
    table = vpp.tables.find(family_of(address), message.table_id)
    entry = table.exact_match(address, length) if message.exact else next(table.covering(address, length), None)
    if entry is None:
        raise VppRefused(VnetError.NO_SUCH_ENTRY)
    return {"route": _route_fields(table, entry)}


@call("ip_mroute_add_del")
def ip_mroute_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    route = message.route
    family = convert.decode_family(route.prefix.af)
    table = vpp.tables.find_multicast(family, route.table_id)
    group = _group(family, route.prefix)
    branches = [MfibBranch(convert.path(vpp, p.path), MfibItfFlag(int(p.itf_flags) & 6)) for p in route.paths]
    if message.is_add or not branches:
        table.add(group, FibSource.API, branches, int(route.entry_flags), route.rpf_id)
    else:
        table.remove(group, FibSource.API, [branch.path for branch in branches])
    vpp.tables.collect()
    return {"stats_index": 0}


def _group(family: int, prefix: Any) -> MulticastGroup:
    length = min(prefix.grp_address_length, BITS[family])
    return convert.of_union(family, prefix.grp_address), length, convert.of_union(family, prefix.src_address)


@dump("ip_mroute_dump")
def ip_mroute_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    family = 6 if message.table.is_ip6 else 4
    table = vpp.tables.find_multicast(family, message.table.table_id)
    for entry in table.entries():
        yield {"route": {"table_id": table.table_id, **_mroute_fields(family, entry)}}


def _dumped_flags(branch: MfibBranch) -> int:
    """Flags of a path as VPP dumps them: a single one, on an interface (VPP: mfib_api.c)."""
    single = branch.path.if_index != INDEX_INVALID and branch.itf in (MfibItfFlag.ACCEPT, MfibItfFlag.FORWARD)
    return int(branch.itf) if single else 0


def _mroute_fields(family: int, entry: MfibEntry) -> Fields:
    group, length, source = entry.group
    branches = entry.branches()
    return {
        "prefix": {
            "af": 0 if family == 4 else 1,
            "grp_address_length": length,
            "grp_address": convert.union_fields(group),
            "src_address": convert.union_fields(source),
        },
        "n_paths": len(branches),
        "paths": [{"itf_flags": _dumped_flags(b), "path": convert.path_fields(b.path)} for b in branches],
    }
