"""What others have changed on the host tap, as a newer capture of the uplink, and how the tap is corrected then."""

from msgspec.structs import replace

from vppd_guard.linux.captured import (
    IFA_F_DADFAILED,
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_KERNEL,
    ROUTE_PROTOCOL_VPPD,
    CapturedLink,
    CaptureTime,
    LinuxAddress,
    LinuxRoute,
    LinuxRule,
)
from vppd_guard.linux.differences import comparable_linux_route
from vppd_guard.linux.following import TapState, changes_in_words, correct_tap_to, follow_tap, missing_routes
from vppd_guard.linux.tap_plan import TapPlan

TAKEN = CaptureTime(boottime_s=100.0, wall_s=1000.0, boot="b")
LATER = CaptureTime(boottime_s=160.0, wall_s=1060.0, boot="b")
LOCAL = "fe80::90ff:fe00:1/64"
RULE = LinuxRule(family=2, priority=7700, header=b"", attributes=())
SERVICES = LinuxRoute(
    "10.96.0.0/16", gateway="192.0.2.1", protocol=ROUTE_PROTOCOL_VPPD, metrics=((2, b"\xa0\x05\0\0"),)
)
PODS = LinuxRoute("10.48.0.0/16", gateway="192.0.2.1", protocol=ROUTE_PROTOCOL_VPPD)
CAPTURED = CapturedLink(
    name="eth0",
    mac="02:90:00:00:00:01",
    mtu=1500,
    addresses=(
        LinuxAddress("192.0.2.7/24"),
        LinuxAddress("192.0.2.100/32"),
        LinuxAddress("2001:db8::7/64", valid_s=3600, preferred_s=1800),
        LinuxAddress(LOCAL, scope=253),
    ),
    routes=(
        LinuxRoute("192.0.2.0/24", source="192.0.2.7", scope=253, protocol=ROUTE_PROTOCOL_KERNEL),
        LinuxRoute("0.0.0.0/0", gateway="192.0.2.1", metric=50),
        LinuxRoute("198.51.100.0/24", gateway="192.0.2.9"),
        LinuxRoute("2001:db8::/64", metric=256, protocol=ROUTE_PROTOCOL_KERNEL),
        LinuxRoute("::/0", gateway="fe80::1", metric=1024, protocol=9, expires_s=1800.0),
        LinuxRoute("ff00::/8", metric=256, protocol=ROUTE_PROTOCOL_KERNEL, type=5, table=255),
    ),
    taken=TAKEN,
    rules=(RULE,),
    sysctls=(("ipv6/conf/mtu", "1500"), ("ipv6/conf/accept_ra", "1")),
)


def plan_of(captured: CapturedLink = CAPTURED, mtu: int = 1500, *, known: bool = True) -> TapPlan:
    return TapPlan(
        captured=captured,
        mtu=mtu,
        vpp_mac="02:ca:11:c0:fd:00",
        vpp_routes=(SERVICES,),
        vpp_routes_are_known=known,
    )


def tap_of(plan: TapPlan) -> TapState:
    """The tap as the kernel has it, once it has been configured so."""
    kernel4 = [r for r in plan.captured.routes if r.protocol == ROUTE_PROTOCOL_KERNEL and ":" not in r.prefix]
    routes = {comparable_linux_route(route): route for route in (*kernel4, *plan.routes().values())}
    return TapState(
        link_index=3,
        mtu=plan.mtu,
        addresses=tuple(plan.addresses()),
        routes=tuple(routes.values()),
        rules=plan.captured.rules,
        nexthops=plan.captured.nexthops,
        read_at=LATER,
    )


TAP = tap_of(plan_of())


def follow(tap: TapState, unseen: frozenset[LinuxRoute] = frozenset()) -> CapturedLink:
    return follow_tap(plan_of(), tap, unseen, mtu_is_configured=False)


def without(tap: TapState, *prefixes: str) -> TapState:
    """The tap without these addresses and routes."""
    return tap._replace(
        addresses=tuple(a for a in tap.addresses if a.address not in prefixes),
        routes=tuple(r for r in tap.routes if r.prefix not in prefixes),
    )


def texts(captured: CapturedLink) -> list[str]:
    return [address.address for address in captured.addresses]


def prefixes(captured: CapturedLink) -> list[str]:
    return [route.prefix for route in captured.routes]


def test_what_the_guard_itself_has_put_on_the_tap_is_no_change() -> None:
    assert follow(TAP) is CAPTURED
    assert not correct_tap_to(plan_of(), TAP, ()).is_needed


def test_addresses_that_come_and_go_are_followed() -> None:
    vip = LinuxAddress("192.0.2.101/32")
    moved = without(TAP, "192.0.2.100/32")
    followed = follow(moved._replace(addresses=(*moved.addresses, vip)))
    assert texts(followed) == ["192.0.2.7/24", "2001:db8::7/64", LOCAL, "192.0.2.101/32"]
    assert followed.routes == CAPTURED.routes
    assert changes_in_words(CAPTURED, followed) == [
        "address 192.0.2.101/32 has come",
        "address 192.0.2.100/32 has gone",
    ]


def test_lifetimes_are_those_of_the_uplink_unless_somebody_gives_an_address_one_again() -> None:
    leased = replace(TAP.addresses[2], valid_s=3600, preferred_s=1800)
    renewed = follow(TAP._replace(addresses=(*TAP.addresses[:2], leased, TAP.addresses[3])))
    assert [(a.valid_s, a.preferred_s) for a in renewed.addresses][2] == (3660, 1860)
    again = follow_tap(
        plan_of(renewed),
        TAP._replace(
            addresses=(*TAP.addresses[:2], replace(leased, valid_s=3590, preferred_s=1790), TAP.addresses[3]),
            read_at=replace(LATER, boottime_s=170.0),
        ),
        frozenset(),
        mtu_is_configured=False,
    )
    assert again is renewed
    new = follow(TAP._replace(addresses=(*TAP.addresses, LinuxAddress("192.0.2.9/24", valid_s=60, preferred_s=30))))
    assert (new.addresses[-1].valid_s, new.addresses[0].valid_s) == (120, LIFETIME_FOREVER)


def test_what_is_not_proven_to_be_ours_and_what_the_kernel_makes_by_itself_does_not_count() -> None:
    twice = LinuxAddress("2001:db8::100/128", flags=IFA_F_DADFAILED)
    made = LinuxAddress("fe80::ca:11ff:fec0:fd00/64", scope=253)
    assert follow(TAP._replace(addresses=(*TAP.addresses, twice, made))) is CAPTURED


def test_a_link_local_vip_is_followed() -> None:
    followed = follow(TAP._replace(addresses=(*TAP.addresses, LinuxAddress("fe80::100/128", scope=253))))
    assert texts(followed)[-1] == "fe80::100/128"


def test_with_an_address_its_prefix_route_goes_and_comes() -> None:
    gone = follow(without(TAP, "192.0.2.7/24", "192.0.2.0/24", "0.0.0.0/0", "198.51.100.0/24"))
    assert prefixes(gone) == ["2001:db8::/64", "::/0", "ff00::/8"]
    kernel_route = LinuxRoute("203.0.113.0/24", source="203.0.113.7", scope=253, protocol=ROUTE_PROTOCOL_KERNEL)
    came = follow(
        TAP._replace(addresses=(*TAP.addresses, LinuxAddress("203.0.113.7/24")), routes=(*TAP.routes, kernel_route))
    )
    assert came.routes == (*CAPTURED.routes, kernel_route)


def test_a_secondary_address_that_takes_the_place_of_the_first_has_the_prefix_route() -> None:
    before = replace(CAPTURED, addresses=(*CAPTURED.addresses, LinuxAddress("192.0.2.8/24")))
    heir = LinuxRoute("192.0.2.0/24", source="192.0.2.8", scope=253, protocol=ROUTE_PROTOCOL_KERNEL)
    tap = without(tap_of(plan_of(before)), "192.0.2.7/24", "192.0.2.0/24")
    followed = follow_tap(
        plan_of(before), tap._replace(routes=(*tap.routes, heir)), frozenset(), mtu_is_configured=False
    )
    assert [route for route in followed.routes if route.prefix == "192.0.2.0/24"] == [heir]


def test_routes_that_come_and_go_are_followed_and_ours_are_put_back() -> None:
    added = LinuxRoute("198.18.0.0/15", gateway="192.0.2.9", metric=7)
    changed = without(TAP, "198.51.100.0/24", "10.96.0.0/16", "::/0")
    tap = changed._replace(routes=(*changed.routes, added))
    followed = follow(tap)
    assert prefixes(followed) == ["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/64", "ff00::/8", "198.18.0.0/15"]
    correction = correct_tap_to(plan_of(followed), tap, ())
    assert [route.prefix for route in correction.added] == ["10.96.0.0/16"]
    assert correction.removed == ()


def test_a_route_that_the_tap_never_took_is_neither_removed_by_others_nor_asked_for_again() -> None:
    tap = without(TAP, "198.51.100.0/24", "10.96.0.0/16")
    unseen = missing_routes(plan_of(), tap)
    assert follow(tap, unseen) is CAPTURED
    assert not correct_tap_to(plan_of(), tap, unseen).is_needed


def test_ipv6_that_comes_is_given_back_as_it_was_set_and_leads_by_the_one_next_hop() -> None:
    hop = plan_of().next_hop6
    by_neighbour = LinuxRoute("2001:db8:9::/48", gateway="fe80::9", metric=7)
    on_link = LinuxRoute("2001:db8:1::/64", metric=256, protocol=ROUTE_PROTOCOL_KERNEL)
    tap = TAP._replace(
        addresses=(*TAP.addresses, LinuxAddress("2001:db8:1::7/64")), routes=(*TAP.routes, by_neighbour, on_link)
    )
    followed = follow(tap)
    assert followed.routes == (*CAPTURED.routes, by_neighbour, on_link)
    correction = correct_tap_to(plan_of(followed), tap, ())
    assert set(correction.removed) == {by_neighbour, on_link}
    assert {(r.prefix, r.gateway) for r in correction.added} == {("2001:db8:9::/48", hop), ("2001:db8:1::/64", hop)}


def test_a_gateway_that_changes_moves_the_ways_into_vpp() -> None:
    by_another = LinuxRoute("0.0.0.0/0", gateway="192.0.2.2", metric=50)
    tap = without(TAP, "0.0.0.0/0")
    tap = tap._replace(routes=(*tap.routes, by_another))
    followed = follow(tap)
    plan = TapPlan(captured=followed, mtu=1500, vpp_mac="", vpp_routes=(replace(SERVICES, gateway="192.0.2.2"),))
    correction = correct_tap_to(plan, tap, ())
    assert [(r.prefix, r.gateway) for r in correction.removed] == [("10.96.0.0/16", "192.0.2.1")]
    assert [(r.prefix, r.gateway) for r in correction.added] == [("10.96.0.0/16", "192.0.2.2")]


def test_the_mtu_is_followed_unless_the_configuration_has_it() -> None:
    tap = TAP._replace(mtu=1400)
    followed = follow(tap)
    assert (followed.mtu, dict(followed.sysctls)["ipv6/conf/mtu"]) == (1400, "1400")
    assert follow_tap(plan_of(), tap, (), mtu_is_configured=True) is CAPTURED
    assert correct_tap_to(plan_of(), tap, ()).mtu == 1500


def test_rules_are_as_the_host_has_them() -> None:
    other = replace(RULE, priority=7)
    assert follow(TAP._replace(rules=(other,))).rules == (other,)


def test_a_route_that_a_network_manager_made_in_the_kernels_name_is_on_the_tap_too() -> None:
    managed = replace(
        CAPTURED,
        addresses=(LinuxAddress("192.0.2.7/24", flags=0x200),),
        routes=(
            LinuxRoute("192.0.2.0/24", source="192.0.2.7", scope=253, metric=100, protocol=ROUTE_PROTOCOL_KERNEL),
            LinuxRoute("0.0.0.0/0", gateway="192.0.2.1", metric=100),
        ),
    )
    plan = plan_of(managed)
    assert [route.prefix for route in plan.captured_routes()] == ["192.0.2.0/24", "0.0.0.0/0"]
    gone = without(tap_of(plan), "192.0.2.7/24", "192.0.2.0/24", "0.0.0.0/0")
    assert follow_tap(plan, gone, (), mtu_is_configured=False).routes == ()


def test_a_route_of_the_guard_is_nobody_elses_whichever_guard_has_placed_it() -> None:
    tap = TAP._replace(routes=(*TAP.routes, PODS))
    assert follow(tap) is CAPTURED
    assert correct_tap_to(plan_of(), tap, ()).removed == (PODS,)
    assert not correct_tap_to(plan_of(known=False), tap, ()).is_needed


def test_a_route_that_a_guard_of_an_earlier_version_has_placed_is_made_as_it_should_be() -> None:
    earlier = LinuxRoute("10.96.0.0/16", gateway="192.0.2.1")
    tap = without(TAP, "10.96.0.0/16")
    tap = tap._replace(routes=(*tap.routes, earlier))
    assert follow(tap) is CAPTURED
    correction = correct_tap_to(plan_of(), tap, ())
    assert (correction.removed, correction.added) == ((earlier,), (SERVICES,))
