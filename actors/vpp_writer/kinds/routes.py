"""Unicast and multicast routes."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from actors.vpp_writer.kinds.accepted_retvals import accepted_retvals, add_del
from actors.vpp_writer.kinds.call import Call, Never
from actors.vpp_writer.kinds.checks import family, packed_prefix, version_of_address, version_of_prefix, within
from actors.vpp_writer.kinds.indices import NONE, Indices, table_needs
from actors.vpp_writer.kinds.kind import ROUTE, Details, Kind
from actors.vpp_writer.kinds.wire import Shared
from schemas.intents import DEFAULT_TABLE, MulticastRoute, Route, RoutePath, interface_key

MESSAGE = "ip_route_add_del"
PATHS_MAX = 255  # n_paths is one byte
NORMAL, DROP, UNREACHABLE = 0, 2, 5  # fib_path_type
PROTO = {4: 0, 6: 1}  # fib_path_nh_proto
ADDING, DELETING = accepted_retvals(MESSAGE, True), accepted_retvals(MESSAGE, False)
ACCEPT, FORWARD = 2, 4  # mfib_itf_flags


def path(one: RoutePath, version: int, indices: Indices, table: str = DEFAULT_TABLE) -> dict[str, Any]:
    """VPP's fib_path. A next hop without an interface is looked up in the route's own table, `table`."""
    hop_version = version_of_hop(one) or version
    address = "ip4" if hop_version == 4 else "ip6"
    looked_up_in = one.table if one.table is not None else table
    direct = one.interface is not None
    nothing = one.interface is None and one.next_hop is None and one.table is None
    return {
        "sw_if_index": NONE if one.interface is None else indices.interface(one.interface),
        "table_id": 0 if direct or nothing else indices.table(looked_up_in, version),
        "weight": one.weight,
        "type": UNREACHABLE if one.unreachable else DROP if nothing else NORMAL,
        "proto": PROTO[hop_version],
        "nh": {"address": {address: one.next_hop or ("0.0.0.0" if hop_version == 4 else "::")}},
    }


def version_of_hop(one: RoutePath) -> int | None:
    """4 or 6; None without a next hop. Raises Never."""
    return None if one.next_hop is None else version_of_address("next_hop", one.next_hop)


def path_needs(paths: Iterable[RoutePath], version: int) -> set[str]:
    """Interfaces and tables that the paths lead to."""
    needs: set[str] = set()
    for one in paths:
        needs |= {interface_key(one.interface)} if one.interface is not None else set()
        needs |= table_needs(one.table, version) if one.table is not None else set()
    return needs


class PathList:
    """What all routes in one table through the same paths have in common, worked out once. Raises Never.

    `needs` and `after` as a kind tells them; `tied`: is there any of them?
    """

    __slots__ = ("after", "needs", "paths", "table", "tied", "version")

    def __init__(self, table: str, paths: tuple[RoutePath, ...], version: int) -> None:
        within("paths", len(paths), 1, PATHS_MAX)
        for one in paths:
            _check_path(one, version)
        self.table, self.paths, self.version = table, paths, version
        self.needs = frozenset(table_needs(table, version) | path_needs(paths, version))
        self.after = frozenset(bindings(one.interface for one in paths))
        self.tied = bool(self.needs or self.after)

    def numbers(self, indices: Indices) -> tuple[int, ...]:
        """The indices of the table, and of what each path leads to. Raises Later if one has gone meanwhile."""
        looked_up_in = [self.table, *(one.table for one in self.paths if one.table is not None)]
        interfaces = [one.interface for one in self.paths if one.interface is not None]
        return (*(indices.table(name, self.version) for name in looked_up_in), *map(indices.interface, interfaces))

    def shared(self, add: bool, indices: Indices) -> Shared:
        """The fields of the calls that write these routes, or delete them. Raises Later."""
        table, paths, version = self.table, self.paths, self.version
        route = {
            "table_id": indices.table(table, version),
            "n_paths": len(paths),
            "paths": [path(one, version, indices, table) for one in paths],
        }
        return Shared("route", {"is_add": add, "route": route})


def _check_path(one: RoutePath, version: int) -> None:
    if version_of_hop(one) not in (None, version):
        raise Never(f"next_hop: {one.next_hop} is not IPv{version}, as the prefix is")
    within("weight", one.weight, 1, 255)
    if one.unreachable and (one.table, one.interface, one.next_hop) != (None, None, None):
        raise Never("paths: an unreachable path leads nowhere")
    if one.table is not None and (one.interface is not None or one.next_hop is not None):
        raise Never("paths: a path looks up in a table, or leaves by an interface or next hop, not both")


def path_list_of(route: Route) -> PathList:
    """The way of this route, the same object for many. Raises Never."""
    return _way(route.table, route.paths, 6 if ":" in route.prefix else 4)


_way = lru_cache(maxsize=10_000)(PathList)


def bindings(interfaces: Iterable[str | None]) -> set[str]:
    """Keys of the interfaces' bindings to tables."""
    return {f"interface-table/{name}/ip{version}" for name in interfaces if name is not None for version in (4, 6)}


class RouteKind(Kind[Route]):
    """A unicast route; an add replaces the whole set of paths (ip_route_add_del, is_multipath 0)."""

    intent = Route
    rank = ROUTE
    messages = (MESSAGE,)

    def check(self, intent: Route) -> None:
        packed_prefix("prefix", intent.prefix)
        path_list_of(intent)

    def needs(self, intent: Route) -> Collection[str]:
        return path_list_of(intent).needs

    def after(self, intent: Route) -> Collection[str]:
        # VPP dies if an interface changes its table under a route, and the old table goes.
        return path_list_of(intent).after

    def ties(self, intent: Route) -> tuple[Collection[str], Collection[str]]:
        path_list = path_list_of(intent)
        return path_list.needs, path_list.after

    def write_call(self, intent: Route, indices: Indices) -> Call:
        return self._call(intent, indices, True)

    def delete_call(self, intent: Route, indices: Indices, details: Details) -> Call:
        return self._call(intent, indices, False)

    def create(self, intent: Route, indices: Indices) -> list[Call]:
        return [self.write_call(intent, indices)]

    def update(self, old: Route, new: Route, indices: Indices) -> list[Call]:
        return self.create(new, indices)

    def delete(self, intent: Route, indices: Indices) -> list[Call]:
        return [self._call(intent, indices, False)]

    def _call(self, intent: Route, indices: Indices, add: bool) -> Call:
        path_list = path_list_of(intent)
        shared = indices.reused((add, path_list), lambda: path_list.shared(add, indices))
        return Call(MESSAGE, shared, ADDING if add else DELETING, prefix=intent.prefix)


class MulticastRouteKind(Kind[MulticastRoute]):
    """A (*, G) route: interfaces that packets are accepted from and forwarded to (ip_mroute_add_del)."""

    intent = MulticastRoute
    rank = ROUTE
    messages = ("ip_mroute_add_del",)

    def check(self, intent: MulticastRoute) -> None:
        version_of_prefix("group", intent.group)
        if not ip_network(intent.group).is_multicast:
            raise Never(f"group: {intent.group} is not multicast")
        within("paths", len(intent.paths), 1, PATHS_MAX)

    def needs(self, intent: MulticastRoute) -> set[str]:
        version = ip_network(intent.group).version
        return table_needs(intent.table, version) | {interface_key(one.interface) for one in intent.paths}

    def after(self, intent: MulticastRoute) -> set[str]:
        return bindings(one.interface for one in intent.paths)

    def create(self, intent: MulticastRoute, indices: Indices) -> list[Call]:
        return [self._call(intent, indices, True)]

    def delete(self, intent: MulticastRoute, indices: Indices) -> list[Call]:
        return [self._call(intent, indices, False)]

    def _call(self, intent: MulticastRoute, indices: Indices, add: bool) -> Call:
        group = ip_network(intent.group)
        source = {"ip4": "0.0.0.0"} if group.version == 4 else {"ip6": "::"}
        paths = [
            {
                "itf_flags": ACCEPT * one.accept | FORWARD * one.forward,
                "path": path(RoutePath(interface=one.interface), group.version, indices),
            }
            for one in intent.paths
        ]
        route = {
            "table_id": indices.table(intent.table, group.version),
            "entry_flags": 0,
            "rpf_id": 0,
            "prefix": {
                "af": family(group.version),
                "grp_address_length": group.prefixlen,
                "grp_address": {f"ip{group.version}": str(group.network_address)},
                "src_address": source,
            },
            "n_paths": len(paths),
            "paths": paths,
        }
        return add_del("ip_mroute_add_del", add, {"is_add": add, "is_multipath": True, "route": route})
