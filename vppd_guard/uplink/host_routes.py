"""Routes by which the host reaches through VPP what only VPP can reach: services and pods. Pure.

Where the host's default route leads elsewhere, nothing else leads there. Source: Calico/VPP's uplink_route_watcher.go,
which lays them out by all uplinks; here the main one has them.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface, ip_network

from vppd_guard.linux.attributes import netlink_u32
from vppd_guard.linux.captured import (
    ROUTE_PROTOCOL_VPPD,
    CapturedLink,
    IpVersion,
    LinuxRoute,
    host_next_hop_to_vpp,
    link_host_addresses,
    uplink_vpp_routes,
)

_RTAX_MTU = 2
_ENCAPSULATION_BYTES = 60  # room that is left for a tunnel's headers, as the reference does
_MTU6_MIN = 1280


def host_routes_to_vpp(captured: CapturedLink, prefixes: Iterable[str], mtu: int) -> tuple[LinuxRoute, ...]:
    """A route to each prefix. `captured`: the main uplink. `mtu`: the smallest of all uplinks, in bytes.

    None to a prefix that the link has a route to already, nor without an address by which VPP can be reached.
    """
    present = {str(ip_interface(address).network) for address in link_host_addresses(captured)}
    present |= {route.prefix for route in uplink_vpp_routes(captured)}
    return tuple(_routes(captured, sorted({*prefixes} - present), mtu))


def _routes(captured: CapturedLink, prefixes: Iterable[str], mtu: int) -> Iterator[LinuxRoute]:
    for prefix in prefixes:
        version: IpVersion = 4 if ip_network(prefix).version == 4 else 6
        room = mtu - _ENCAPSULATION_BYTES
        if hop := host_next_hop_to_vpp(captured, version):
            yield LinuxRoute(
                prefix,
                gateway=hop,
                source=_source(captured, version),
                protocol=ROUTE_PROTOCOL_VPPD,
                metrics=((_RTAX_MTU, netlink_u32(room if version == 4 else max(room, _MTU6_MIN))),),
            )


def _source(captured: CapturedLink, version: IpVersion) -> str | None:
    """The source address that the link's default route names; None: the kernel takes one of the link, as ever."""
    defaults = [r for r in uplink_vpp_routes(captured) if ip_network(r.prefix).prefixlen == 0]
    named = [r for r in defaults if ip_network(r.prefix).version == version]
    return min(named, key=lambda r: r.metric or 0).source if named else None
