"""A captured link later: what is left of it, what differs, which of its routes VPP gets, which link it was."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vppd_guard.linux import captured as shape
from vppd_guard.linux.attributes import netlink_string, pack_netlink_attribute
from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    CapturedLink,
    CaptureTime,
    LinuxAddress,
    LinuxHop,
    LinuxRoute,
)
from vppd_guard.linux.differences import link_differences
from vppd_guard.linux.lifetimes import GRACE_S, age_captured_link
from vppd_guard.linux.links import (
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_PERM_ADDRESS,
    LinuxLink,
    find_captured_link,
)
from vppd_guard.linux.route_codec import decode_linux_route, encode_linux_route

NOW = CaptureTime(boottime_s=1000.0, wall_s=50_000.0, boot="a")
LINK = CapturedLink(
    name="eth0",
    mac="02:90:00:00:00:01",
    mtu=1500,
    taken=NOW,
    addresses=(
        LinuxAddress("192.0.2.7/24", label="eth0"),
        LinuxAddress("192.0.2.8/24", valid_s=100, preferred_s=50),
    ),
    routes=(
        LinuxRoute("0.0.0.0/0", gateway="192.0.2.1"),
        LinuxRoute("::/0", gateway="fe80::1", expires_s=60.0, metric=1024),
        LinuxRoute("192.0.2.0/24", protocol=shape.ROUTE_PROTOCOL_KERNEL, scope=253),
    ),
    sysctls=(("ipv4/conf/rp_filter", "2"),),
)


def later(s: float, boot: str = "a") -> CaptureTime:
    return CaptureTime(boottime_s=NOW.boottime_s + s if boot == "a" else s, wall_s=NOW.wall_s + s, boot=boot)


@pytest.mark.parametrize("boot", ["a", "b"])
def test_lifetimes_go_on_also_over_a_reboot(boot: str) -> None:
    assert age_captured_link(LINK, later(20, boot)).addresses[1] == LinuxAddress(
        "192.0.2.8/24", valid_s=80, preferred_s=30
    )
    assert age_captured_link(LINK, later(70, boot)).addresses[1] == LinuxAddress(
        "192.0.2.8/24", valid_s=30, preferred_s=0
    )


def test_after_a_reboot_an_address_that_has_ended_does_not_come_back() -> None:
    expired = age_captured_link(LINK, later(100, "b"))
    assert [a.address for a in expired.addresses] == ["192.0.2.7/24"]
    assert expired.addresses[0].valid_s == LIFETIME_FOREVER
    assert [r.prefix for r in expired.routes] == ["0.0.0.0/0", "192.0.2.0/24"]


def test_an_address_that_would_have_ended_while_vpp_had_the_link_stays_a_while() -> None:
    lease = replace(LINK.addresses[1], valid_s=3600, preferred_s=1800)
    long_since = age_captured_link(replace(LINK, addresses=(lease,)), later(86_400))
    assert long_since.addresses == (replace(lease, valid_s=GRACE_S, preferred_s=0),)


def test_a_route_goes_with_its_source_and_a_prefix_to_the_next_address() -> None:
    prefix, via = LINK.routes[2], LINK.routes[0]
    sourced = (replace(prefix, source="192.0.2.8"), replace(via, source="192.0.2.8"))
    assert age_captured_link(replace(LINK, routes=sourced), later(100, "b")).routes == (
        replace(prefix, source="192.0.2.7"),
    )
    alone = replace(LINK, addresses=LINK.addresses[1:], routes=sourced)
    assert age_captured_link(alone, later(100, "b")).routes == ()


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    assert age_captured_link(LINK, CaptureTime(boottime_s=1.0, wall_s=1.0, boot="b")).addresses == LINK.addresses


@given(st.integers(0, 49), st.integers(0, 49))
def test_to_age_twice_is_to_age_once(first: int, second: int) -> None:
    assert age_captured_link(age_captured_link(LINK, later(first)), later(first + second)) == age_captured_link(
        LINK, later(first + second)
    )


def test_what_is_captured_survives_the_journal() -> None:
    assert msgspec.json.decode(msgspec.json.encode(LINK), type=CapturedLink) == LINK


def test_nothing_differs_but_by_the_time_that_went_by() -> None:
    assert link_differences(LINK, LINK) == []
    assert link_differences(LINK, age_captured_link(LINK, later(30))) == []
    assert link_differences(LINK, age_captured_link(LINK, later(200))) == []


def test_differences_are_told_by_object_and_field() -> None:
    after = replace(
        LINK,
        mtu=1400,
        addresses=(replace(LINK.addresses[1], valid_s=10), replace(LINK.addresses[0], label="eth0:1")),
        routes=LINK.routes[1:],
        sysctls=(("ipv4/conf/rp_filter", "0"),),
    )
    assert link_differences(LINK, after) == [
        "mtu: was 1500, is 1400",
        "sysctls ipv4/conf/rp_filter: was 2, is 0",
        "address 192.0.2.7/24: label was eth0, is eth0:1",
        "address 192.0.2.8/24: valid_s was 100, is 10",
        "addresses: were in the order 192.0.2.7/24, 192.0.2.8/24, are in 192.0.2.8/24, 192.0.2.7/24",
        "route 0.0.0.0/0: is not there as it was",
    ]


def test_a_prefix_route_that_was_removed_by_hand_counts_when_it_is_back() -> None:
    before = replace(LINK, routes=LINK.routes[:2])
    assert link_differences(before, LINK) == ["route 192.0.2.0/24: was not there"]


def test_vpp_gets_the_plain_routes_of_the_main_table() -> None:
    routes = (
        *LINK.routes,
        LinuxRoute("10.1.0.0/16", gateway="192.0.2.1", table=77),
        LinuxRoute("10.2.0.0/16", type=2),
        LinuxRoute("10.3.0.0/16", gateway="fe80::1"),
        LinuxRoute("10.4.0.0/16", hops=(LinuxHop("192.0.2.2"), LinuxHop("192.0.2.3", weight=5), LinuxHop(link="eth1"))),
        LinuxRoute("10.5.0.0/16", hops=(LinuxHop("192.0.2.2", link="eth1"),)),
    )
    link = replace(LINK, routes=routes)
    assert [(r.prefix, r.gateway, r.hops) for r in shape.uplink_vpp_routes(link)] == [
        ("10.4.0.0/16", "192.0.2.3", ()),
        ("0.0.0.0/0", "192.0.2.1", ()),
        ("::/0", "fe80::1", ()),
    ]
    assert shape.link_default_gateway(link, 4) == "192.0.2.1"


@pytest.mark.parametrize(
    "route",
    [
        LinuxRoute(
            "10.4.0.0/16", hops=(LinuxHop("192.0.2.2", weight=9), LinuxHop("fe80::1", link="eth1", onlink=True))
        ),
        LinuxRoute("10.0.0.0/8", gateway="fe80::1", table=1000, tos=8, metrics=((2, b"\x14\x05\0\0"),), metric=5),
        LinuxRoute("2001:db8::/32", gateway="fe80::1", from_prefix="2001:db8:1::/48", preference=1, onlink=True),
    ],
)
def test_a_route_survives_netlinks_bytes(route: LinuxRoute) -> None:
    assert decode_linux_route(encode_linux_route(route, 7, {"eth1": 8}), 7, {7: "eth0", 8: "eth1"}) == route


def test_a_route_by_another_link_that_is_gone_is_refused() -> None:
    with pytest.raises(OSError, match="eth1"):
        encode_linux_route(LinuxRoute("10.4.0.0/16", hops=(LinuxHop("192.0.2.2", link="eth1"),)), 7, {})


def link(name: str, mac: str = LINK.mac, kind: str = "", permanent: str = "") -> LinuxLink:
    attributes = {IFLA_IFNAME: netlink_string(name), IFLA_ADDRESS: bytes.fromhex(mac.replace(":", ""))}
    attributes[IFLA_LINKINFO] = pack_netlink_attribute(IFLA_INFO_KIND, netlink_string(kind)) if kind else b""
    attributes[IFLA_PERM_ADDRESS] = bytes.fromhex(permanent.replace(":", ""))
    return LinuxLink(1, 0, attributes)


OTHER_MAC = "02:90:00:00:00:02"


@pytest.mark.parametrize(
    ("links", "name"),
    [
        ([link("eth0")], "eth0"),
        ([link("eth0", kind="tun"), link("dev7")], "dev7"),
        ([link("eth0", mac=OTHER_MAC)], "eth0"),
        ([link("eth0", mac=OTHER_MAC, permanent=OTHER_MAC), link("eth1", permanent=LINK.mac)], "eth1"),
        ([link("eth1"), link("eth2")], None),
        ([link("eth0", kind="tun")], None),
        ([link("vlan7", kind="vlan")], None),
        ([], None),
    ],
)
def test_the_link_is_found_under_whatever_name(links: list[LinuxLink], name: str | None) -> None:
    captured = replace(LINK, permanent_mac=LINK.mac)
    link_found = find_captured_link(links, captured)
    assert (link_found.name if link_found else None) == name
