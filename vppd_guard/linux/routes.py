"""Edge: routes of a link, read and put back.

Routes that the kernel made from addresses are captured too: a network manager may have made some in the kernel's name
(metric, noprefixroute), and an administrator may have removed others. A route with next hops on several links is
captured and put back whole; while the link is away the kernel has no part of it. If the link was down, that cannot be
done and is reported: the kernel keeps a route with a hop on a link that is down, but takes none.
"""

import errno
from collections.abc import Mapping, Sequence

from vppd_guard.linux import route_codec
from vppd_guard.linux.attributes import AF_INET, AF_INET6, netlink_u32, pack_netlink_attribute
from vppd_guard.linux.captured import ROUTE_PROTOCOL_KERNEL, ROUTE_TYPE_UNICAST, LinuxRoute
from vppd_guard.linux.differences import comparable_linux_route, linux_route_words, routes_expire_alike
from vppd_guard.linux.gateways import reachable_gateways
from vppd_guard.linux.links import all_linux_links
from vppd_guard.linux.netlink import NLM_F_APPEND, NLM_F_CREATE, NetlinkRequest, NetlinkSocket

_RTM_GETROUTE = 26
_TYPE_MULTICAST = 5
_PROTOCOL_REDIRECT = 1  # a router's advice of the moment
_FAMILIES = (AF_INET, AF_INET6)


def read_link_routes(netlink: NetlinkSocket, index: int) -> list[LinuxRoute]:
    """The routes of all tables that leave by the link.

    Without those that come and go with addresses (local, broadcast, anycast) and redirects.
    """
    names = {link.index: link.name for link in all_linux_links(netlink)}
    routes = []
    for family in _FAMILIES:
        body = route_codec.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + pack_netlink_attribute(
            route_codec.RTA_OIF, netlink_u32(index)
        )
        routes += [route_codec.decode_linux_route(one, index, names) for one in netlink.dump(_RTM_GETROUTE, body)]
    return [route for route in routes if route is not None and _is_captured(route)]


def _is_captured(route: LinuxRoute) -> bool:
    if route.protocol == ROUTE_PROTOCOL_KERNEL:
        return route.type in (ROUTE_TYPE_UNICAST, _TYPE_MULTICAST)
    return route.protocol != _PROTOCOL_REDIRECT


def apply_link_routes(netlink: NetlinkSocket, index: int, routes: Sequence[LinuxRoute]) -> list[str]:
    """Gives the link these routes, whatever others it has. Returns what could not be done, in words."""
    present = {comparable_linux_route(route): route for route in read_link_routes(netlink, index)}
    missing = [
        r
        for r in routes
        if comparable_linux_route(r) not in present or not routes_expire_alike(present[comparable_linux_route(r)], r)
    ]
    unchanged = {comparable_linux_route(route) for route in routes if route not in missing}
    places = {_conflict_key(route) for route in missing}
    in_the_way = [r for key, r in present.items() if key not in unchanged and _conflict_key(r) in places]
    indexes = {link.name: link.index for link in all_linux_links(netlink)}
    remove_link_routes(netlink, index, in_the_way)
    return _add(netlink, index, indexes, sorted(missing, key=_direct_first))


def remove_link_routes(netlink: NetlinkSocket, index: int, routes: Sequence[LinuxRoute]) -> None:
    """Removes these routes of the link."""
    indexes = {link.name: link.index for link in all_linux_links(netlink)} if routes else {}
    netlink.execute_all(
        [
            NetlinkRequest(route_codec.RTM_DELROUTE, route_codec.encode_linux_route(route, index, indexes))
            for route in routes
        ]
    )


def _conflict_key(route: LinuxRoute) -> tuple[object, ...]:
    """Two routes with one key cannot exist side by side, or shadow one another."""
    bare = comparable_linux_route(route)
    return bare.table, bare.prefix, bare.from_prefix, bare.tos, bare.metric


def _direct_first(route: LinuxRoute) -> bool:
    return route.gateway is not None or bool(route.hops)


def _add(netlink: NetlinkSocket, index: int, indexes: Mapping[str, int], routes: Sequence[LinuxRoute]) -> list[str]:
    """Adds the routes; refused ones again as long as others succeed: their gateway may be behind one of those."""
    problems, pending = [], []
    for route in routes:
        try:
            body = route_codec.encode_linux_route(route, index, indexes)
            pending.append((route, NetlinkRequest(route_codec.RTM_NEWROUTE, body, NLM_F_CREATE | NLM_F_APPEND)))
        except OSError as error:
            problems.append(f"route {linux_route_words(route)}: {error.strerror}")
    refused = _add_in_turns(netlink, pending)
    if refused:
        with reachable_gateways(netlink, index, {gateway for (route, _), _ in refused for gateway in _gateways(route)}):
            refused = _add_in_turns(netlink, [one for one, _ in refused])
    return problems + [f"route {linux_route_words(route)}: {error.strerror}" for (route, _), error in refused]


def _add_in_turns(
    netlink: NetlinkSocket, pending: Sequence[tuple[LinuxRoute, NetlinkRequest]]
) -> Sequence[tuple[tuple[LinuxRoute, NetlinkRequest], OSError]]:
    """Returns what the kernel takes not even after all others."""
    while pending:
        errors = netlink.execute_all([request for _, request in pending])
        refused = [(p, e) for p, e in zip(pending, errors, strict=True) if e and e.errno != errno.EEXIST]
        if len(refused) == len(pending):
            return refused
        pending = [one for one, _ in refused]
    return ()


def _gateways(route: LinuxRoute) -> set[str]:
    """Those on the captured link."""
    hops = {hop.gateway for hop in route.hops if not hop.link}
    return {gateway for gateway in hops | {route.gateway} if gateway is not None}
