"""The host's routes to services and pods, which only VPP can reach."""

import pytest

from vppd_guard.linux.attributes import netlink_u32
from vppd_guard.linux.captured import ROUTE_PROTOCOL_VPPD, CapturedLink, LinuxAddress, LinuxRoute
from vppd_guard.uplink.host_routes import host_routes_to_vpp

ADDRESSES = (LinuxAddress("192.0.2.7/24"), LinuxAddress("2001:db8::7/64"))
DEFAULTS = (LinuxRoute("0.0.0.0/0", gateway="192.0.2.1", source="192.0.2.7"), LinuxRoute("::/0", gateway="2001:db8::1"))


def link(*routes: LinuxRoute) -> CapturedLink:
    return CapturedLink(name="eth0", mac="02:90:00:00:00:01", mtu=1500, addresses=ADDRESSES, routes=routes)


def route(prefix: str, gateway: str, mtu: int, source: str | None = None) -> LinuxRoute:
    metrics = ((2, netlink_u32(mtu)),)
    return LinuxRoute(prefix, gateway=gateway, source=source, protocol=ROUTE_PROTOCOL_VPPD, metrics=metrics)


def test_they_lead_to_the_gateway_with_the_source_of_the_default_route_and_room_for_a_tunnel() -> None:
    assert host_routes_to_vpp(link(*DEFAULTS), ["10.48.0.0/16", "fd48::/112"], 1500) == (
        route("10.48.0.0/16", "192.0.2.1", 1440, "192.0.2.7"),
        route("fd48::/112", "2001:db8::1", 1440),
    )


def test_a_host_whose_default_route_leads_elsewhere_reaches_vpp_by_an_address_beside_its_own() -> None:
    assert host_routes_to_vpp(link(), ["10.48.0.0/16", "fd48::/112"], 1300) == (
        route("10.48.0.0/16", "192.0.2.254", 1240),
        route("fd48::/112", "2001:db8::ffff:ffff:ffff:fffe", 1280),
    )


@pytest.mark.parametrize("prefix", ["192.0.2.0/24", "198.51.100.0/24"])
def test_a_prefix_that_the_link_has_a_route_to_is_left_to_that(prefix: str) -> None:
    assert host_routes_to_vpp(link(LinuxRoute("198.51.100.0/24", gateway="192.0.2.9")), [prefix], 1500) == ()


def test_a_link_without_addresses_of_a_family_has_none_of_it() -> None:
    bare = CapturedLink(name="eth0", mac="02:90:00:00:00:01", mtu=1500, addresses=ADDRESSES[1:])
    assert [r.prefix for r in host_routes_to_vpp(bare, ["10.48.0.0/16", "fd48::/112"], 1500)] == ["fd48::/112"]
