"""Edge: Linux's side of the host tap, configured as the uplink was, read, and corrected."""

from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

from bus.shortage import raise_shortage
from vppd_guard.linux import (
    addresses,
    clock,
    links,
    neighbours,
    nexthops,
    routes,
    rules,
)
from vppd_guard.linux.attributes import netlink_number, netlink_u32
from vppd_guard.linux.captured import ROUTE_PROTOCOL_KERNEL, LinuxNeighbour, is_link_local_address
from vppd_guard.linux.following import TapCorrection, TapState
from vppd_guard.linux.lifetimes import age_captured_link
from vppd_guard.linux.links import LinuxLink
from vppd_guard.linux.netlink import NetlinkSocket
from vppd_guard.linux.restore import CannotRestoreLink
from vppd_guard.linux.tap_plan import TapPlan

_READS_MAX = 5


def is_tap_link(name: str) -> bool:
    """Is the link of that name a tap or tun? Such a link is VPP's, not an uplink."""
    with NetlinkSocket() as netlink:
        return _tap_link(netlink, name) is not None


def _tap_link(netlink: NetlinkSocket, name: str) -> LinuxLink | None:
    try:
        link = links.linux_link_named(netlink, name)
    except links.NoSuchLink:
        return None
    return link if link.kind == "tun" else None


def tap_link_index(name: str) -> int:
    """Index of the tap of that name; 0: there is none."""
    with NetlinkSocket() as netlink:
        link = _tap_link(netlink, name)
        return link.index if link else 0


def configure_host_tap(plan: TapPlan) -> int:
    """Gives Linux's side of the host tap the state of the uplink. Returns its index.

    Raises NoSuchLink, CannotRestoreLink, OSError.
    """
    plan = replace(plan, captured=age_captured_link(plan.captured, clock.capture_time_now()))
    captured = plan.captured
    if any(ip_interface(a.address).version == 6 for a in captured.addresses):
        try:
            Path(f"/proc/sys/net/ipv6/conf/{captured.name}/disable_ipv6").write_text("0")
        except OSError as error:
            raise_shortage(error)
    with NetlinkSocket() as netlink:
        index = links.linux_link_named(netlink, captured.name).index
        mtu = (links.IFLA_MTU, netlink_u32(plan.mtu))
        netlink.execute(links.link_change_request(index, mtu, flags=links.IFF_UP, mask=links.IFF_UP))
        problems = addresses.apply_link_addresses(netlink, index, plan.addresses())
        if any(is_link_local_address(a.address) for a in captured.addresses):
            addresses.drop_other_link_locals(netlink, index, captured.addresses)
        if hop := plan.next_hop6:
            problems += neighbours.apply_link_neighbours(netlink, index, [LinuxNeighbour(hop, plan.vpp_mac)])
            _remove_on_link_routes(netlink, index, plan.on_link_prefixes6)
        problems += nexthops.apply_nexthop_objects(netlink, index, captured.nexthops)
        problems += routes.apply_link_routes(netlink, index, list(plan.routes().values()))
    if problems:
        raise CannotRestoreLink(captured.name, problems)
    return index


def _remove_on_link_routes(netlink: NetlinkSocket, index: int, prefixes: Collection[str]) -> None:
    """Removes what the kernel has made of addresses."""
    present = routes.read_link_routes(netlink, index)
    routes.remove_link_routes(
        netlink, index, [r for r in present if r.prefix in prefixes and r.protocol == ROUTE_PROTOCOL_KERNEL]
    )


def read_tap(name: str) -> TapState | None:
    """Linux's side of the tap of that name; None: it is not there, not up, on its way out, or does not keep still.

    A tap that goes takes its addresses and routes along, one after the other. It is looked up once more afterwards: if
    it is still up, nothing of what was read before was taken by its end. Addresses that have changed meanwhile may have
    taken routes along that are read already, or have not been read with what followed: then all is read again.
    """
    with NetlinkSocket() as netlink:
        for _ in range(_READS_MAX):
            link = _tap_link(netlink, name)
            if link is None or not link.flags & links.IFF_UP:
                return None
            state = _read(netlink, link)
            after = _tap_link(netlink, name)
            is_same = after is not None and after.index == link.index and after.flags & links.IFF_UP
            if is_same and tuple(addresses.read_link_addresses(netlink, link.index)) == state.addresses:
                return state
    return None


def _read(netlink: NetlinkSocket, link: LinuxLink) -> TapState:
    return TapState(
        link_index=link.index,
        mtu=netlink_number(link.attributes[links.IFLA_MTU]),
        addresses=tuple(addresses.read_link_addresses(netlink, link.index)),
        routes=tuple(routes.read_link_routes(netlink, link.index)),
        rules=tuple(rules.read_link_rules(netlink, link.name)),
        nexthops=tuple(nexthops.read_link_nexthops(netlink, link.index)),
        read_at=clock.capture_time_now(),
    )


def correct_tap(name: str, correction: TapCorrection, hop_mac: tuple[str, str] | None) -> list[str]:
    """Corrects MTU and routes of the tap. `hop_mac`: the one IPv6 neighbour and its MAC address; None: there is none.

    Addresses are never touched: one that has just gone must not come back. Returns what could not be done, in words.
    Raises NoSuchLink, OSError.
    """
    with NetlinkSocket() as netlink:
        index = links.linux_link_named(netlink, name).index
        if correction.mtu is not None:
            netlink.execute(links.link_change_request(index, (links.IFLA_MTU, netlink_u32(correction.mtu))))
        routes.remove_link_routes(netlink, index, correction.removed)
        problems = neighbours.apply_link_neighbours(netlink, index, [LinuxNeighbour(*hop_mac)]) if hop_mac else []
        return problems + routes.apply_link_routes(netlink, index, correction.added)
