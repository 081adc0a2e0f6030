"""Unicast and multicast routes."""

from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from msgspec.structs import replace

from actors.vpp_writer.kinds.accepted_retvals import accepted_vpp_retvals, add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, VppCall
from actors.vpp_writer.kinds.checks import (
    check_intent_range,
    checked_address_version,
    checked_prefix_version,
    packed_vpp_prefix,
    vpp_address_family,
)
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices, table_intent_needs
from actors.vpp_writer.kinds.kind import RANK_ROUTE, AddDelKind, VppObjectLookup
from schemas.intents import (
    DEFAULT_TABLE,
    EVERY_STATION,
    MulticastRouteIntent,
    RouteIntent,
    RoutePath,
    interface_intent_key,
)

_MESSAGE = "ip_route_add_del"
_PATHS_MAX = 255  # n_paths is one byte
_NORMAL, _DROP, _UNREACHABLE = 0, 2, 5  # fib_path_type
_PROTO = {4: 0, 6: 1}  # fib_path_nh_proto
_ADDING, _DELETING = accepted_vpp_retvals(_MESSAGE, True), accepted_vpp_retvals(_MESSAGE, False)
_ACCEPT, _FORWARD = 2, 4  # mfib_itf_flags


def vpp_fib_path(path: RoutePath, version: int, indices: VppIndices, table: str = DEFAULT_TABLE) -> dict[str, Any]:
    """VPP's fib_path. A next hop without an interface is looked up in the route's own table, `table`."""
    hop_version = _version_of_hop(path) or version
    address = "ip4" if hop_version == 4 else "ip6"
    looked_up_in = path.table if path.table is not None else table
    direct = path.interface is not None
    is_drop = path.interface is None and path.next_hop is None and path.table is None
    return {
        "sw_if_index": NO_VPP_INDEX if path.interface is None else indices.interface(path.interface),
        "table_id": 0 if direct or is_drop else indices.table(looked_up_in, version),
        "weight": path.weight,
        "type": _UNREACHABLE if path.unreachable else _DROP if is_drop else _NORMAL,
        "proto": _PROTO[hop_version],
        "nh": {"address": {address: path.next_hop or ("0.0.0.0" if hop_version == 4 else "::")}},
    }


def _version_of_hop(path: RoutePath) -> int | None:
    """4 or 6; None without a next hop. Raises IntentRejected."""
    return None if path.next_hop is None else checked_address_version("next_hop", path.next_hop)


def _path_needs(paths: Iterable[RoutePath], version: int) -> set[str]:
    """Interfaces and tables that the paths lead to."""
    needs: set[str] = set()
    for path in paths:
        needs |= {interface_intent_key(path.interface)} if path.interface is not None else set()
        needs |= table_intent_needs(path.table, version) if path.table is not None else set()
    return needs


class PathList:
    """What all routes in one table through the same paths have in common, worked out once (VPP: a path list).

    Raises IntentRejected. `needs` and `after`: those of the routes.
    """

    __slots__ = ("after", "needs", "paths", "table", "version")

    def __init__(self, table: str, paths: tuple[RoutePath, ...], version: int) -> None:
        check_intent_range("paths", len(paths), 1, _PATHS_MAX)
        for path in paths:
            _check_path(path, version)
        self.table, self.paths, self.version = table, paths, version
        self.needs = frozenset(table_intent_needs(table, version) | _path_needs(paths, version))
        self.after = frozenset(_table_binding_keys(path.interface for path in paths))

    def numbers(self, indices: VppIndices) -> tuple[int, ...]:
        """The indices of the table, and of what each path leads to. Raises VppCallRetriedLater if one has gone."""
        looked_up_in = [self.table, *(path.table for path in self.paths if path.table is not None)]
        interfaces = [path.interface for path in self.paths if path.interface is not None]
        return (*(indices.table(name, self.version) for name in looked_up_in), *map(indices.interface, interfaces))

    def call(self, prefix: str, indices: VppIndices, add: bool) -> VppCall:
        """Adds the route of that prefix through these paths, or deletes it. Raises VppCallRetriedLater."""
        table, version = self.table, self.version
        route = {
            "table_id": indices.table(table, version),
            "n_paths": len(self.paths),
            "paths": [vpp_fib_path(path, version, indices, table) for path in self.paths],
            "prefix": prefix,
        }
        return VppCall(_MESSAGE, {"is_add": add, "route": route}, _ADDING if add else _DELETING)


def _check_path(path: RoutePath, version: int) -> None:
    is_broadcast = path.next_hop == EVERY_STATION and path.interface is not None
    if _version_of_hop(path) not in (None, version) and not is_broadcast:
        raise IntentRejected(f"next_hop: {path.next_hop} is not IPv{version}, as the prefix is")
    check_intent_range("weight", path.weight, 1, 255)
    if path.unreachable and (path.table, path.interface, path.next_hop) != (None, None, None):
        raise IntentRejected("paths: an unreachable path leads nowhere")
    if path.table is not None and (path.interface is not None or path.next_hop is not None):
        raise IntentRejected("paths: a path looks up in a table, or leaves by an interface or next hop, not both")


def _path_list_of(route: RouteIntent) -> PathList:
    """The path list of this route, the same object for many. Raises IntentRejected."""
    return _path_list(route.table, route.paths, 6 if ":" in route.prefix else 4)


_path_list = lru_cache(maxsize=10_000)(PathList)


def _table_binding_keys(interfaces: Iterable[str | None]) -> set[str]:
    """Keys of the interfaces' bindings to tables."""
    return {f"interface-table/{name}/ip{version}" for name in interfaces if name is not None for version in (4, 6)}


class RouteKind(AddDelKind[RouteIntent]):
    """A unicast route; an add replaces the whole set of paths (ip_route_add_del, is_multipath 0)."""

    intent = RouteIntent
    rank = RANK_ROUTE
    messages = (_MESSAGE,)
    single = True
    bulk_prefix = "route/"
    templated = True
    looked_up = True

    def check(self, intent: RouteIntent) -> None:
        packed_vpp_prefix("prefix", intent.prefix)
        _path_list_of(intent)

    def needs(self, intent: RouteIntent) -> Collection[str]:
        return _path_list_of(intent).needs

    def after(self, intent: RouteIntent) -> Collection[str]:
        # VPP dies if an interface changes its table under a route, and the old table goes.
        return _path_list_of(intent).after

    def ties(self, intent: RouteIntent) -> tuple[Collection[str], Collection[str]]:
        path_list = _path_list_of(intent)
        return path_list.needs, path_list.after

    def template(self, intent: RouteIntent) -> tuple[PathList, bytes]:
        prefix = packed_vpp_prefix("prefix", intent.prefix)
        return _path_list(intent.table, intent.paths, 6 if prefix[0] else 4), prefix

    def call(self, intent: RouteIntent, indices: VppIndices, add: bool) -> VppCall:
        return _path_list_of(intent).call(intent.prefix, indices, add)

    def can_update(self, old: RouteIntent, new: RouteIntent) -> bool:
        return True

    def lookup(self, intent: RouteIntent, indices: VppIndices) -> VppObjectLookup:
        """VPP gives a path back as it was given, byte by byte, but for what `_as_shown` says."""
        table = indices.table(intent.table, 6 if ":" in intent.prefix else 4)
        return VppObjectLookup(
            VppCall("ip_route_lookup", {"table_id": table, "exact": 1, "prefix": intent.prefix}),
            _path_list_of(_as_shown(intent)),
            "ip_route_lookup_reply",
            ("route", "n_paths"),
            _equal_paths,
        )


def _as_shown(route: RouteIntent) -> RouteIntent:
    """The route to one address through an interface alone has that address as its next hop (VPP: fib_api.c)."""
    host, _, length = route.prefix.partition("/")
    if length != ("128" if ":" in host else "32"):
        return route
    paths = tuple(
        replace(path, next_hop=host) if path.interface is not None and path.next_hop is None else path
        for path in route.paths
    )
    return replace(route, paths=paths)


def _equal_paths(request: bytes, reply: bytes) -> bool:
    """Are these the same paths? Their order does not matter."""
    return _paths(request) == _paths(reply)


def _paths(data: bytes) -> list[bytes]:
    """A route's paths, sorted; `data`: their number and all of them. Empty: no route."""
    size = (len(data) - 1) // data[0] if data[0] else 1
    return sorted(data[at : at + size] for at in range(1, len(data), size))


class MulticastRouteKind(AddDelKind[MulticastRouteIntent]):
    """A (*, G) route: interfaces that packets are accepted from and forwarded to (ip_mroute_add_del)."""

    intent = MulticastRouteIntent
    rank = RANK_ROUTE
    messages = ("ip_mroute_add_del",)

    def check(self, intent: MulticastRouteIntent) -> None:
        checked_prefix_version("group", intent.group)
        if not ip_network(intent.group).is_multicast:
            raise IntentRejected(f"group: {intent.group} is not multicast")
        check_intent_range("paths", len(intent.paths), 1, _PATHS_MAX)

    def needs(self, intent: MulticastRouteIntent) -> set[str]:
        version = ip_network(intent.group).version
        return table_intent_needs(intent.table, version) | {interface_intent_key(one.interface) for one in intent.paths}

    def after(self, intent: MulticastRouteIntent) -> set[str]:
        return _table_binding_keys(one.interface for one in intent.paths)

    def call(self, intent: MulticastRouteIntent, indices: VppIndices, add: bool) -> VppCall:
        group = ip_network(intent.group)
        source = {"ip4": "0.0.0.0"} if group.version == 4 else {"ip6": "::"}
        paths = [
            {
                "itf_flags": _ACCEPT * one.accept | _FORWARD * one.forward,
                "path": vpp_fib_path(RoutePath(interface=one.interface), group.version, indices),
            }
            for one in intent.paths
        ]
        route = {
            "table_id": indices.table(intent.table, group.version),
            "entry_flags": 0,
            "rpf_id": 0,
            "prefix": {
                "af": vpp_address_family(group.version),
                "grp_address_length": group.prefixlen,
                "grp_address": {f"ip{group.version}": str(group.network_address)},
                "src_address": source,
            },
            "n_paths": len(paths),
            "paths": paths,
        }
        return add_del_call("ip_mroute_add_del", add, {"is_add": add, "is_multipath": True, "route": route})
