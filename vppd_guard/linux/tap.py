"""Edge: Linux's side of the host tap, configured as the uplink was."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv6Network, ip_interface, ip_network
from pathlib import Path

from msgspec.structs import replace

from vppd_guard.linux import (
    addresses,
    clock,
    links,
    neighbours,
    nexthops,
    routes,
)
from vppd_guard.linux.addresses import IFA_F_NODAD, IFA_F_NOPREFIXROUTE
from vppd_guard.linux.attributes import netlink_u32
from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_KERNEL,
    CapturedLink,
    LinuxAddress,
    LinuxNeighbour,
    LinuxRoute,
    is_link_local_address,
)
from vppd_guard.linux.differences import comparable_linux_route
from vppd_guard.linux.lifetimes import age_captured_link
from vppd_guard.linux.netlink import NetlinkSocket
from vppd_guard.linux.restore import CannotRestoreLink

_RTPROT_BOOT = 3


def is_tap_link(name: str) -> bool:
    """Is the link of that name a tap or tun? Such a link is VPP's, not an uplink."""
    with NetlinkSocket() as netlink:
        try:
            return links.linux_link_named(netlink, name).kind == "tun"
        except links.NoSuchLink:
            return False


def configure_host_tap(
    captured: CapturedLink,
    mtu: int,
    next_hop6: str | None,
    vpp_mac: str,
    service_next_hops: Mapping[str, str] | None = None,
) -> None:
    """Gives Linux's side of the host tap the state of the uplink. Raises NoSuchLink, CannotRestoreLink.

    `service_next_hops`: prefix that only VPP can reach -> next hop by which the host reaches VPP.

    VPP answers only some solicitations for on-link neighbours, and advertisements of the neighbours themselves reach
    the host, which would then send to MACs that VPP does not take (spec, section 7, step 5). So in IPv6 only one next
    hop is on-link, and the host is told its MAC; all else is reached by it.
    """
    captured = age_captured_link(captured, clock.capture_time_now())
    if any(ip_interface(a.address).version == 6 for a in captured.addresses):
        with suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{captured.name}/disable_ipv6").write_text("0")
    with NetlinkSocket() as netlink:
        index = links.linux_link_named(netlink, captured.name).index
        netlink.execute(
            links.link_change_request(index, (links.IFLA_MTU, netlink_u32(mtu)), flags=links.IFF_UP, mask=links.IFF_UP)
        )
        problems = addresses.apply_link_addresses(
            netlink, index, [_tap_address(a, next_hop6) for a in captured.addresses]
        )
        if any(is_link_local_address(a.address) for a in captured.addresses):
            addresses.drop_other_link_locals(netlink, index, captured.addresses)
        tap_routes = [*_captured_routes(captured, next_hop6), *_service_routes(service_next_hops or {})]
        if next_hop6:
            problems += neighbours.apply_link_neighbours(netlink, index, [LinuxNeighbour(next_hop6, vpp_mac)])
            on_link = _on_link_prefixes(captured)
            tap_routes += [LinuxRoute(f"{next_hop6}/128"), *(LinuxRoute(p, gateway=next_hop6) for p in on_link)]
            kernel_routes = [
                r
                for r in routes.read_link_routes(netlink, index)
                if r.prefix in on_link and r.protocol == ROUTE_PROTOCOL_KERNEL
            ]
            routes.remove_link_routes(
                netlink, index, kernel_routes
            )  # what the kernel made of an address that was there before
        problems += nexthops.apply_link_nexthops(netlink, index, captured.nexthops)
        problems += routes.apply_link_routes(
            netlink, index, list({comparable_linux_route(r): r for r in tap_routes}.values())
        )
    if problems:
        raise CannotRestoreLink(captured.name, problems)


def _tap_address(address: LinuxAddress, next_hop6: str | None) -> LinuxAddress:
    """The address for the tap: without duplicate detection, without an end, in IPv6 without an on-link prefix.

    It was ours a moment ago. Who prolongs it (a DHCP client, a router) may not know the tap, and the host must not lose
    it while VPP runs; its remaining lifetime holds again once the link is back.
    """
    address = replace(address, valid_s=LIFETIME_FOREVER, preferred_s=LIFETIME_FOREVER)
    if ip_interface(address.address).version == 4:
        return address
    flags = (address.flags & addresses.SETTABLE_ADDRESS_FLAGS) | IFA_F_NODAD
    wide = next_hop6 is None or is_link_local_address(address.address)
    return replace(address, flags=flags if wide else flags | IFA_F_NOPREFIXROUTE)


def _on_link_prefixes(captured: CapturedLink) -> list[str]:
    """IPv6 prefixes of the link's addresses."""
    networks = {ip_interface(a.address).network for a in captured.addresses if not is_link_local_address(a.address)}
    return [str(n) for n in sorted(n for n in networks if isinstance(n, IPv6Network)) if n.prefixlen < 128]


def _captured_routes(captured: CapturedLink, next_hop6: str | None) -> list[LinuxRoute]:
    """The captured routes by the tap, without those that the kernel makes from addresses."""
    routes = (r for r in captured.routes if not (r.protocol == ROUTE_PROTOCOL_KERNEL and _from_address(r, captured)))
    return [_via(route, next_hop6) for route in routes]


def _from_address(route: LinuxRoute, captured: CapturedLink) -> bool:
    networks = {str(ip_interface(a.peer or a.address).network) for a in captured.addresses}
    networks |= {str(ip_interface(a.address).network) for a in captured.addresses}
    return route.gateway is None and route.prefix in networks


def _via(route: LinuxRoute, hop: str | None) -> LinuxRoute:
    """The route by the one next hop, if it is of IPv6. No router prolongs it now, so it does not expire."""
    route = replace(route, expires_s=None)
    network = ip_network(route.prefix)
    if hop is None or network.version == 4 or network.is_link_local or route.prefix == f"{hop}/128":
        return route
    return replace(route, gateway=hop, hops=(), nexthop=None, onlink=False, other=())


def _service_routes(next_hops: Mapping[str, str]) -> Iterable[LinuxRoute]:
    return [LinuxRoute(prefix, gateway=hop, protocol=_RTPROT_BOOT) for prefix, hop in next_hops.items()]
