"""The captured uplink as intents; views of what was captured."""

import pytest
from msgspec.structs import replace

from schemas.config import CalicoVppInterfaces, InterfaceSpec, NodeConfig, UplinkSpec
from schemas.intents import (
    DEFAULT_TABLE,
    EVERY_STATION,
    AddressIntent,
    AdminUpIntent,
    AfPacketIntent,
    CnatFeatureIntent,
    InterfaceTableIntent,
    NeighbourIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TapIntent,
)
from vppd_guard.linux import captured as shape
from vppd_guard.linux.captured import CannotCaptureLink, CapturedLink, LinuxAddress, LinuxRoute
from vppd_guard.uplink.desired import DesiredUplink, guard_intents

CONFIG = NodeConfig(node="n1", host_netns="pid:1")
LOCAL = "fe80::90ff:fe00:1"
CAPTURED = CapturedLink(
    name="eth0",
    mac="02:90:00:00:00:01",
    mtu=1500,
    addresses=(
        LinuxAddress(address="192.0.2.7/24"),
        LinuxAddress(address="2001:db8::7/64"),
        LinuxAddress(address=f"{LOCAL}/64"),
    ),
    routes=(
        LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.1"),
        LinuxRoute(prefix="::/0", gateway="2001:db8::1", metric=1024),
        LinuxRoute(prefix="198.51.100.0/24", gateway="192.0.2.9"),
        LinuxRoute(prefix="fe80::/64"),
    ),
)


def target(captured: CapturedLink = CAPTURED, number: int = 0, network: str = "") -> DesiredUplink:
    interface = AfPacketIntent(
        name=f"uplink/{captured.name}", host_interface=captured.name, mac=captured.mac, tag=f"main-{captured.name}"
    )
    spec = UplinkSpec(interfaceName=captured.name, physicalNetworkName=network)
    return DesiredUplink(
        captured=captured, spec=spec, interface=interface, rx_mode="interrupt", mtu=1500, number=number
    )


def intents(captured: CapturedLink = CAPTURED, config: NodeConfig = CONFIG, *, up: bool = True) -> set[object]:
    return set(guard_intents([target(captured)], config, up=up).values())


def test_the_uplink_has_in_vpp_what_it_had_in_linux() -> None:
    desired = intents()
    assert any(isinstance(i, AfPacketIntent) and (i.host_interface, i.mac) == ("eth0", CAPTURED.mac) for i in desired)
    assert AddressIntent("uplink/eth0", "192.0.2.7/24") in desired
    assert AddressIntent("uplink/eth0", "2001:db8::7/64") in desired
    assert AddressIntent("uplink/eth0", f"{LOCAL}/128") in desired
    for prefix, hop in (("0.0.0.0/0", "192.0.2.1"), ("::/0", "2001:db8::1"), ("198.51.100.0/24", "192.0.2.9")):
        assert RouteIntent("default", prefix, (RoutePath(next_hop=hop, interface="uplink/eth0"),)) in desired


def test_the_host_is_behind_a_tap_with_the_uplinks_name_and_mac() -> None:
    [tap] = [i for i in intents() if isinstance(i, TapIntent)]
    assert (tap.host_interface, tap.host_mac, tap.netns, tap.persist) == ("eth0", CAPTURED.mac, "pid:1", False)
    to_host = (RoutePath(next_hop="192.0.2.7", interface="host/eth0"),)
    assert RouteIntent("host-tap-eth0", "192.0.2.7/32", to_host) in intents()
    assert RouteIntent("punt", "192.0.2.0/24", to_host) in intents(), "with the mask that Linux had"
    assert NeighbourIntent("host/eth0", "2001:db8::7", CAPTURED.mac) in intents()
    assert RouteIntent("punt", f"{LOCAL}/128", (RoutePath(next_hop=LOCAL, interface="host/eth0"),)) in intents()


def test_a_word_that_is_no_receive_mode_does_not_keep_the_uplink_from_being_taken() -> None:
    config = NodeConfig(
        node="n1", host_netns="pid:1", interfaces=CalicoVppInterfaces(vppHostTapSpec=InterfaceSpec(rxMode="fast"))
    )
    assert RxModeIntent("host/eth0", "adaptive") in intents(config=config)


def test_uplink_and_tap_come_up_last_and_together() -> None:
    both = {AdminUpIntent("uplink/eth0", gated=True), AdminUpIntent("host/eth0", gated=True)}
    assert intents(up=True) - intents(up=False) == both


def test_the_same_capture_gives_the_same_intents() -> None:
    assert guard_intents([target()], CONFIG, up=True) == guard_intents([target()], CONFIG, up=True)


SECOND = CapturedLink(
    name="eth1",
    mac="02:90:00:00:00:02",
    mtu=9000,
    addresses=(LinuxAddress(address="203.0.113.7/24"),),
    routes=(
        LinuxRoute(prefix="0.0.0.0/0", gateway="203.0.113.1", metric=100),
        LinuxRoute(prefix="10.0.0.0/8", gateway="203.0.113.1"),
    ),
)


def test_each_uplink_has_a_tap_of_its_own_and_the_better_default_route_wins() -> None:
    desired = set(guard_intents([target(), target(SECOND, 1)], CONFIG, up=True).values())
    taps = {i.name: i.mac for i in desired if isinstance(i, TapIntent)}
    assert taps == {"host/eth0": "02:ca:11:c0:fd:00", "host/eth1": "02:ca:11:c0:fd:01"}
    assert {i.interface for i in desired if isinstance(i, AdminUpIntent)} == {
        "uplink/eth0",
        "uplink/eth1",
        "host/eth0",
        "host/eth1",
    }
    routes = {(i.table, i.prefix): i.paths for i in desired if isinstance(i, RouteIntent)}
    assert routes["default", "0.0.0.0/0"] == (RoutePath(next_hop="192.0.2.1", interface="uplink/eth0"),)
    assert routes["default", "10.0.0.0/8"] == (RoutePath(next_hop="203.0.113.1", interface="uplink/eth1"),)
    assert routes["punt", "203.0.113.0/24"] == (RoutePath(next_hop="203.0.113.7", interface="host/eth1"),)


def test_an_uplink_of_another_physical_network_has_tables_of_its_own() -> None:
    desired = set(guard_intents([target(), target(SECOND, 1, "storage")], CONFIG, up=True).values())
    routes = {(i.table, i.prefix): i.paths for i in desired if isinstance(i, RouteIntent)}
    assert routes["physical-net-storage", "0.0.0.0/0"] == (RoutePath(next_hop="203.0.113.1", interface="uplink/eth1"),)
    assert routes["default", "0.0.0.0/0"] == (RoutePath(next_hop="192.0.2.1", interface="uplink/eth0"),)
    assert routes["pods-storage", "0.0.0.0/0"] == (RoutePath(table="physical-net-storage"),)
    assert routes["host-tap-eth1", "0.0.0.0/0"] == (RoutePath(table="physical-net-storage"),)
    assert InterfaceTableIntent("uplink/eth1", 4, "physical-net-storage") in desired
    assert not any(isinstance(i, InterfaceTableIntent) and i.interface == "uplink/eth0" for i in desired)


def test_of_two_routes_for_a_prefix_vpp_gets_the_one_that_linux_would_use() -> None:
    captured = CapturedLink(
        name="eth0",
        mac=CAPTURED.mac,
        mtu=1500,
        addresses=CAPTURED.addresses,
        routes=(
            LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.9", metric=200),
            LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.1", metric=100),
        ),
    )
    assert RouteIntent("default", "0.0.0.0/0", (RoutePath(next_hop="192.0.2.1", interface="uplink/eth0"),)) in intents(
        captured
    )


def test_a_host_address_of_ipv6_is_wide_towards_vpp_only() -> None:
    alone = CapturedLink(name="eth0", mac=CAPTURED.mac, mtu=1500, addresses=(LinuxAddress(address="2001:db8::7/128"),))
    desired = intents(alone)
    assert AddressIntent("uplink/eth0", "2001:db8::7/64") in desired
    assert (
        RouteIntent("punt", "2001:db8::7/128", (RoutePath(next_hop="2001:db8::7", interface="host/eth0"),)) in desired
    )


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("192.0.2.7/24", "192.0.2.100/32"), {"192.0.2.7/24", "192.0.2.100/24"}),
        (("192.0.2.100/32", "192.0.2.7/24", "192.0.2.8/24"), {"192.0.2.100/24", "192.0.2.7/24", "192.0.2.8/24"}),
        (("192.0.2.7/24", "203.0.113.7/32"), {"192.0.2.7/24", "203.0.113.7/32"}),
        (("10.1.0.7/16", "10.0.0.7/8"), {"10.1.0.7/8", "10.0.0.7/8"}),
        (("192.0.2.7/24", "192.0.2.7/32"), {"192.0.2.7/24"}),
        (("2001:db8::7/56", "2001:db8::100/128"), {"2001:db8::7/56", "2001:db8::100/56"}),
    ],
)
def test_addresses_whose_prefixes_overlap_share_the_widest_in_vpp(
    addresses: tuple[str, ...], expected: set[str]
) -> None:
    """VPP refuses two prefixes of different length on top of one another, but takes several addresses of one prefix."""
    link = CapturedLink(
        name="eth0", mac="", mtu=1500, addresses=tuple(LinuxAddress(address=address) for address in addresses)
    )
    assert sorted(shape.uplink_vpp_addresses(link, True)) == sorted(expected)


@pytest.mark.parametrize(
    ("addresses", "routes", "hop"),
    [
        (("192.0.2.7/24",), (LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.1"),), "192.0.2.1"),
        (("192.0.2.7/24",), (), "192.0.2.254"),
        (("192.0.2.254/24",), (), "192.0.2.1"),
        (("192.0.2.7/32",), (), None),
    ],
)
def test_the_hosts_way_into_vpp_is_the_gateway_or_an_address_beside_ours(
    addresses: tuple[str, ...], routes: tuple[LinuxRoute, ...], hop: str | None
) -> None:
    link = CapturedLink(
        name="eth0", mac="", mtu=1500, addresses=tuple(LinuxAddress(address=a) for a in addresses), routes=routes
    )
    assert shape.host_next_hop_to_vpp(link, 4) == hop


def test_the_hosts_way_into_vpp_is_a_link_local_gateway_only_where_there_is_no_prefix() -> None:
    by_router = (LinuxRoute(prefix="::/0", gateway="fe80::1"),)
    alone = CapturedLink(
        name="eth0", mac="", mtu=1500, addresses=(LinuxAddress(address="2001:db8::7/128"),), routes=by_router
    )
    beside_others = CapturedLink(
        name="eth0", mac="", mtu=1500, addresses=(LinuxAddress(address="2001:db8::7/126"),), routes=by_router
    )
    assert shape.host_next_hop_to_vpp(alone, 6) == "fe80::1"
    assert shape.host_next_hop_to_vpp(beside_others, 6) == "2001:db8::6"


def test_a_gateway_that_no_prefix_of_the_link_covers_is_told_to_vpp_as_a_neighbour() -> None:
    captured = CapturedLink(
        name="eth0",
        mac=CAPTURED.mac,
        mtu=1500,
        addresses=(LinuxAddress(address="203.0.113.7/32"), LinuxAddress(address="192.0.2.7/24")),
        routes=(
            LinuxRoute(prefix="0.0.0.0/0", gateway="198.51.100.1", onlink=True),
            LinuxRoute(prefix="198.18.0.0/15", gateway="192.0.2.9"),
            LinuxRoute(prefix="172.31.1.1/32"),
            LinuxRoute(prefix="198.51.100.128/25", gateway="172.31.1.1"),
            LinuxRoute(prefix="::/0", gateway="fe80::1"),
        ),
    )
    routes = {i.prefix for i in intents(captured) if isinstance(i, RouteIntent) and i.table == "default"}
    assert RouteIntent("default", "198.51.100.1/32", (RoutePath(interface="uplink/eth0"),)) in intents(captured)
    assert routes - {r.prefix for r in captured.routes} == {"198.51.100.1/32", "255.255.255.255/32"}


def test_routes_are_put_on_link_first_longest_first_default_last() -> None:
    ordered = [r.prefix for r in shape.uplink_vpp_routes(CAPTURED)]
    assert ordered == ["198.51.100.0/24", "0.0.0.0/0", "::/0"]


@pytest.mark.parametrize(
    ("link", "families", "why"),
    [
        (CapturedLink(name="eth0", mac="", mtu=1500, up=False), "", "is down"),
        (CapturedLink(name="eth0", mac="", mtu=1500), "", "no address"),
        (
            CapturedLink(name="eth0", mac="", mtu=1500, addresses=(LinuxAddress(address="fe80::1/64"),)),
            "",
            "no address",
        ),
        (
            CapturedLink(name="eth0", mac="", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),)),
            "IPv6",
            "no IPv6",
        ),
    ],
)
def test_a_link_that_cannot_be_an_uplink_is_refused_by_name(link: CapturedLink, families: str, why: str) -> None:
    with pytest.raises(CannotCaptureLink, match=f"uplink eth0: .*{why}"):
        shape.check_link_usable(link, families)


def test_translation_and_policies_act_on_uplink_and_host_tap() -> None:
    assert {i.interface for i in intents() if isinstance(i, CnatFeatureIntent)} == {"uplink/eth0", "host/eth0"}


TO_HOST = (RoutePath(next_hop=EVERY_STATION, interface="host/eth0"),)


def test_limited_broadcasts_pass_between_the_host_and_the_wire() -> None:
    to_wire = (RoutePath(next_hop=EVERY_STATION, interface="uplink/eth0"),)
    assert {i for i in intents() if isinstance(i, RouteIntent) and i.prefix == "255.255.255.255/32"} == {
        RouteIntent("host-tap-eth0", "255.255.255.255/32", to_wire),
        RouteIntent(DEFAULT_TABLE, "255.255.255.255/32", TO_HOST),
    }
    assert RouteIntent(DEFAULT_TABLE, "0.0.0.0/0", TO_HOST) not in intents()


def test_without_an_ipv4_address_all_of_ipv4_that_arrives_is_the_hosts() -> None:
    bare = replace(CAPTURED, addresses=CAPTURED.addresses[1:], routes=CAPTURED.routes[1:2])
    held = guard_intents([target(bare), target(replace(bare, name="eth1"), 1)], CONFIG, up=True).values()
    assert RouteIntent(DEFAULT_TABLE, "0.0.0.0/0", TO_HOST) in held
    # VPP has an address once in a table.
    on_uplinks = {i for i in held if isinstance(i, AddressIntent) and i.interface.startswith("uplink/")}
    assert {i for i in on_uplinks if ":" not in i.address} == {AddressIntent("uplink/eth0", "169.254.0.1/32")}
