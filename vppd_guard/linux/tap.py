"""Linux's side of the host tap, made what the uplink was."""

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
from vppd_guard.linux.attributes import u32
from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    PROTOCOL_KERNEL,
    CapturedLink,
    LinuxAddress,
    LinuxNeighbour,
    LinuxRoute,
    is_link_local,
)
from vppd_guard.linux.differences import comparable
from vppd_guard.linux.lifetimes import aged
from vppd_guard.linux.netlink import Netlink
from vppd_guard.linux.restore import CannotRestore

RTPROT_BOOT = 3


def is_tap(name: str) -> bool:
    """Is the link of that name a tap or tun? Such a one is VPP's, not an uplink."""
    with Netlink() as netlink:
        try:
            return links.link_named(netlink, name).kind == "tun"
        except links.NoSuchLink:
            return False


def configure_tap(
    captured: CapturedLink,
    mtu: int,
    next_hop6: str | None,
    vpp_mac: str,
    service_next_hops: Mapping[str, str] | None = None,
) -> None:
    """Makes Linux's side of the host tap what the uplink was. Raises NoLink while there is no tap, CannotRestore.

    `through`: prefixes that only VPP knows the way to, with the next hop by which the host reaches VPP.

    Asked for on-link neighbours, VPP answers only some solicitations, and advertisements of the neighbours themselves
    reach the host, which would then send to MACs that VPP does not take (spec, section 7, step 5). So in IPv6 nothing
    is on-link but one next hop, whose answer the host is told; all else is reached by it.
    """
    captured = aged(captured, clock.now())
    if any(ip_interface(a.address).version == 6 for a in captured.addresses):
        with suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{captured.name}/disable_ipv6").write_text("0")
    with Netlink() as netlink:
        index = links.link_named(netlink, captured.name).index
        netlink.execute(links.change_request(index, (links.IFLA_MTU, u32(mtu)), flags=links.IFF_UP, mask=links.IFF_UP))
        problems = addresses.apply(netlink, index, [_tap_address(a, next_hop6) for a in captured.addresses])
        if any(is_link_local(a.address) for a in captured.addresses):
            addresses.drop_other_link_locals(netlink, index, captured.addresses)
        tap_routes = [*_captured_routes(captured, next_hop6), *_service_routes(service_next_hops or {})]
        if next_hop6:
            problems += neighbours.apply(netlink, index, [LinuxNeighbour(next_hop6, vpp_mac)])
            on_link = _on_link_prefixes(captured)
            tap_routes += [LinuxRoute(f"{next_hop6}/128"), *(LinuxRoute(p, gateway=next_hop6) for p in on_link)]
            kernel_routes = [
                r for r in routes.read(netlink, index) if r.prefix in on_link and r.protocol == PROTOCOL_KERNEL
            ]
            routes.remove(netlink, index, kernel_routes)  # what the kernel made of an address that was there before
        problems += nexthops.apply(netlink, index, captured.nexthops)
        problems += routes.apply(netlink, index, list({comparable(r): r for r in tap_routes}.values()))
    if problems:
        raise CannotRestore(captured.name, problems)


def _tap_address(address: LinuxAddress, next_hop6: str | None) -> LinuxAddress:
    """Ours a moment ago, so nobody need be asked; in IPv6 its prefix is not on the link.

    It has no end there: who prolongs it (a DHCP client, a router) may not know the tap, and the host must not lose its
    address while VPP runs. What is left of its lifetime holds again once the link is back.
    """
    address = replace(address, valid_s=LIFETIME_FOREVER, preferred_s=LIFETIME_FOREVER)
    if ip_interface(address.address).version == 4:
        return address
    flags = (address.flags & addresses.SETTABLE) | IFA_F_NODAD
    wide = next_hop6 is None or is_link_local(address.address)
    return replace(address, flags=flags if wide else flags | IFA_F_NOPREFIXROUTE)


def _on_link_prefixes(captured: CapturedLink) -> list[str]:
    """The IPv6 prefixes of the link's addresses."""
    networks = {ip_interface(a.address).network for a in captured.addresses if not is_link_local(a.address)}
    return [str(n) for n in sorted(n for n in networks if isinstance(n, IPv6Network)) if n.prefixlen < 128]


def _captured_routes(captured: CapturedLink, next_hop6: str | None) -> list[LinuxRoute]:
    """The captured routes by the tap. Those that the kernel makes from addresses come with them."""
    routes = (r for r in captured.routes if not (r.protocol == PROTOCOL_KERNEL and _from_address(r, captured)))
    return [_via(route, next_hop6) for route in routes]


def _from_address(route: LinuxRoute, captured: CapturedLink) -> bool:
    networks = {str(ip_interface(a.peer or a.address).network) for a in captured.addresses}
    networks |= {str(ip_interface(a.address).network) for a in captured.addresses}
    return route.gateway is None and route.prefix in networks


def _via(route: LinuxRoute, hop: str | None) -> LinuxRoute:
    """An IPv6 route goes by the one next hop; its lifetime is no more told by routers, so it has none."""
    route = replace(route, expires_s=None)
    network = ip_network(route.prefix)
    if hop is None or network.version == 4 or network.is_link_local or route.prefix == f"{hop}/128":
        return route
    return replace(route, gateway=hop, hops=(), nexthop=None, onlink=False, other=())


def _service_routes(next_hops: Mapping[str, str]) -> Iterable[LinuxRoute]:
    return [LinuxRoute(prefix, gateway=hop, protocol=RTPROT_BOOT) for prefix, hop in next_hops.items()]
