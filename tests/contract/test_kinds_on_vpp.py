"""Every kind of intent: VPP holds it as said, changed as said, and not at all when withdrawn.

A step says what is wanted and what an independent client then reads. Nothing of a kind may be left behind.
"""

from collections.abc import Callable
from typing import Any

import pytest

from actors.vpp_writer.kinds import INTENT_KINDS
from schemas.intents import (
    EVERY_STATION,
    AddressIntent,
    AdminUpIntent,
    AfPacketIntent,
    AfXdpIntent,
    DevicePortIntent,
    GsoIntent,
    InterfaceTableIntent,
    Ip6Intent,
    LoopbackIntent,
    MtuIntent,
    MulticastRouteIntent,
    MulticastRoutePath,
    NdProxyIntent,
    NeighbourIntent,
    NeighbourLimitsIntent,
    PreconfiguredInterfaceIntent,
    ProxyArpIntent,
    ProxyArpInterfaceIntent,
    PuntIntent,
    PuntRedirectIntent,
    RdmaIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TableIntent,
    TapIntent,
    UnnumberedIntent,
    UrpfIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)
from tests.contract import cnat_cases, npol_cases
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.steps import LOOP, MAC, OTHER_LOOP, OTHER_MAC, UP, Case, Reading, Step, index

INDEX_INVALID = 0xFFFFFFFF
RED4 = TableIntent(name="red", ip_version=4, table_id=77)
RED6 = TableIntent(name="red", ip_version=6, table_id=78)


def path_of(path: Any) -> tuple[Any, ...]:
    hop = path.nh.address.ip4 if int(path.proto) == 0 else path.nh.address.ip6
    return int(path.type), path.sw_if_index, path.table_id, str(hop), path.weight


def paths(prefix: str, table_id: int = 0, version: int = 4) -> Reading:
    def read(vpp: Vpp) -> set[tuple[Any, ...]] | None:
        row = vpp.routes(table_id, version).get(prefix)
        return None if row is None else {path_of(path) for path in row.paths}

    return read


def table_names(vpp: Vpp) -> set[tuple[int, int]]:
    return {(version, number) for (_, version), number in vpp.tables().items()}


def bound(vpp: Vpp) -> tuple[int, int]:
    ask = vpp.ask
    four, six = (ask("sw_interface_get_table", sw_if_index=index(vpp), is_ipv6=v6).vrf_id for v6 in (False, True))
    return four, six


def neighbours(vpp: Vpp) -> set[tuple[str, str, int]]:
    rows = [row.neighbor for af in (0, 1) for row in vpp.ask("ip_neighbor_dump", sw_if_index=index(vpp), af=af)]
    return {(str(row.ip_address), str(row.mac_address), int(row.flags) & 1) for row in rows}


def lender(vpp: Vpp) -> int | None:
    rows = vpp.ask("ip_unnumbered_dump", sw_if_index=index(vpp))
    return rows[0].ip_sw_if_index if rows else None


def limits(vpp: Vpp) -> tuple[int, int]:
    reply = vpp.ask("ip_neighbor_config_get", af=0)
    return reply.max_number, reply.max_age


def ranges(vpp: Vpp) -> set[tuple[int, str, str]]:
    rows = [row.proxy for row in vpp.ask("proxy_arp_dump")]
    return {(row.table_id, str(row.low), str(row.hi)) for row in rows}


def redirect(vpp: Vpp) -> set[int]:
    rows = vpp.ask("ip_punt_redirect_v2_dump", sw_if_index=INDEX_INVALID, af=0)
    return {path.table_id for row in rows for path in row.punt.paths}


def source_checks(vpp: Vpp) -> set[tuple[int, int]]:
    """(IP version, table id) in which sources of packets from the loopback are looked up."""
    rows = vpp.ask("urpf_interface_dump", sw_if_index=index(vpp))
    return {(6 if int(row.af) else 4, row.table_id) for row in rows if row.is_input and int(row.mode) == 1}


def speaks_ip6(vpp: Vpp) -> bool:
    return int(vpp.ask("sw_interface_ip6_get_link_local_address", sw_if_index=index(vpp)).retval) == 0


def group_parts(vpp: Vpp) -> set[str] | None:
    """The group's interfaces, whose flags VPP does not show. Of its own groups (ff02::...) it shows its own paths."""
    names = {row.sw_if_index: tag for tag, row in vpp.interfaces().items()}
    for row in vpp.ask("ip_mroute_dump", table={"table_id": 78, "is_ip6": True}):
        group = str(row.route.prefix.grp_address.ip6)
        if (group, row.route.prefix.grp_address_length) == ("ff05::7", 128):
            return {names[path.path.sw_if_index] for path in row.route.paths}
    return None


def route(*paths: RoutePath, prefix: str = "10.7.0.0/24", table: str = "default") -> RouteIntent:
    return RouteIntent(table=table, prefix=prefix, paths=paths)


def station_hops(vpp: Vpp) -> set[tuple[int, str]] | None:
    """The address families and next hops of the limited broadcast's paths; None: VPP drops it, as at first."""
    paths = vpp.routes(77, 4)[LIMITED].paths
    return {(int(p.proto), str(p.nh.address.ip6)) for p in paths if int(p.type) == 0} or None


def group(accepts: bool, *more: MulticastRoutePath) -> MulticastRouteIntent:
    first = MulticastRoutePath(interface="loop/a", accept=accepts, forward=True)
    return MulticastRouteIntent(table="red", group="ff05::7/128", paths=(first, *more))


EVERYBODY = RoutePath(next_hop=EVERY_STATION, interface="loop/a")
LIMITED, ALL_ONES = "255.255.255.255/32", (1, EVERY_STATION)
DROP, LOOKUP = (2, INDEX_INVALID, 0, "0.0.0.0", 1), (0, INDEX_INVALID, 77, "0.0.0.0", 1)
WITH_ADDRESS = (LOOP, UP, AddressIntent(interface="loop/a", address="10.9.0.1/24", when_up=True))
CASES: dict[str, Case] = {
    **cnat_cases.CASES,
    **npol_cases.CASES,
    "tables": (
        TableIntent,
        (),
        table_names,
        (Step((), set()), Step((RED4,), {(4, 77)}), Step((RED4, RED6), {(4, 77), (6, 78)}), Step((RED6,), {(6, 78)})),
    ),
    "loopbacks": (
        LoopbackIntent,
        (),
        lambda vpp: {(tag, str(row.l2_address)) for tag, row in vpp.interfaces().items() if tag.startswith("loop-")},
        (
            Step((LOOP,), {("loop-a", MAC)}),
            Step((LoopbackIntent(name="loop/a", mac=OTHER_MAC, tag="loop-a"),), {("loop-a", OTHER_MAC)}),
            Step((LoopbackIntent(name="loop/a", mac=OTHER_MAC, tag="loop-z"),), {("loop-z", OTHER_MAC)}),
        ),
    ),
    "interfaces in tables": (
        InterfaceTableIntent,
        (LOOP, RED4, RED6, TableIntent(name="blue", ip_version=4, table_id=79)),
        bound,
        (
            Step((), (0, 0)),
            Step((InterfaceTableIntent(interface="loop/a", ip_version=4, table="red"),), (77, 0)),
            Step((InterfaceTableIntent(interface="loop/a", ip_version=4, table="blue"),), (79, 0)),
            Step((InterfaceTableIntent(interface="loop/a", ip_version=6, table="red"),), (0, 78)),
        ),
    ),
    "interfaces in tables, with addresses": (
        InterfaceTableIntent,
        (RED4, *WITH_ADDRESS),
        lambda vpp: (bound(vpp)[0], vpp.addresses(index(vpp)), "10.9.0.1/32" in vpp.routes(bound(vpp)[0])),
        (
            Step((), (0, {"10.9.0.1/24"}, True)),
            Step((InterfaceTableIntent(interface="loop/a", ip_version=4, table="red"),), (77, {"10.9.0.1/24"}, True)),
        ),
    ),
    "MTUs": (
        MtuIntent,
        (LOOP,),
        lambda vpp: vpp.interfaces()["loop-a"].mtu[0],
        (
            Step((MtuIntent(interface="loop/a", mtu=1400),), 1400),
            Step((MtuIntent(interface="loop/a", mtu=9216),), 9216),
        ),
    ),
    "checks of sources": (
        UrpfIntent,
        (LOOP, RED4, RED6, TableIntent(name="blue", ip_version=4, table_id=79)),
        source_checks,
        (
            Step((), set()),
            Step((UrpfIntent(interface="loop/a", ip_version=4, table="red"),), {(4, 77)}),
            Step((UrpfIntent(interface="loop/a", ip_version=4, table="blue"),), {(4, 79)}),
            Step(tuple(UrpfIntent(interface="loop/a", ip_version=v, table="red") for v in (4, 6)), {(4, 77), (6, 78)}),
            Step((UrpfIntent(interface="loop/a", ip_version=6, table="red"),), {(6, 78)}),
        ),
    ),
    "IPv6": (
        Ip6Intent,
        (LOOP,),
        speaks_ip6,
        (Step((), False), Step((Ip6Intent(interface="loop/a"),), True), Step((), False)),
    ),
    "interfaces that are up": (
        AdminUpIntent,
        (LOOP,),
        lambda vpp: int(vpp.interfaces()["loop-a"].flags) & 1,
        (Step((), 0), Step((UP,), 1), Step((), 0)),
    ),
    "addresses": (
        AddressIntent,
        (LOOP, UP),
        lambda vpp: vpp.addresses(index(vpp)),
        (
            Step((), set()),
            Step((AddressIntent(interface="loop/a", address="10.9.0.1/24", when_up=True),), {"10.9.0.1/24"}),
            Step(
                (
                    AddressIntent(interface="loop/a", address="10.9.0.2/24", when_up=True),
                    AddressIntent(interface="loop/a", address="fd00:9::1/64"),
                ),
                {"10.9.0.2/24", "fd00:9::1/64"},
            ),
        ),
    ),
    "borrowed addresses": (
        UnnumberedIntent,
        (LOOP, OTHER_LOOP, AddressIntent(interface="loop/b", address="10.9.1.1/32")),
        lambda vpp: lender(vpp) == index(vpp, "loop-b"),
        (Step((), False), Step((UnnumberedIntent(interface="loop/a", lender="loop/b"),), True), Step((), False)),
    ),
    "neighbours": (
        NeighbourIntent,
        WITH_ADDRESS,
        neighbours,
        (
            Step((), set()),
            Step((NeighbourIntent(interface="loop/a", address="10.9.0.7", mac=MAC),), {("10.9.0.7", MAC, 1)}),
            Step(
                (NeighbourIntent(interface="loop/a", address="10.9.0.7", mac=OTHER_MAC),), {("10.9.0.7", OTHER_MAC, 1)}
            ),
        ),
    ),
    "routes": (
        RouteIntent,
        (RED4,),
        paths("10.7.0.0/24"),
        (
            Step((), None),
            Step((route(RoutePath()),), {DROP}),
            Step((route(RoutePath(table="red")),), {LOOKUP}),
            Step((route(RoutePath(next_hop="10.8.0.1")),), {(0, INDEX_INVALID, 0, "10.8.0.1", 1)}),
            Step(
                (route(RoutePath(next_hop="10.8.0.1"), RoutePath(next_hop="10.8.0.2", weight=3)),),
                {(0, INDEX_INVALID, 0, "10.8.0.1", 1), (0, INDEX_INVALID, 0, "10.8.0.2", 3)},
            ),
        ),
    ),
    "routes to every station of a link": (
        RouteIntent,
        (LOOP, UP, RED4),
        station_hops,
        (
            Step((), None),
            Step((route(EVERYBODY, prefix=LIMITED, table="red"),), {ALL_ONES}),
        ),
    ),
    "routes of IPv6": (
        RouteIntent,
        (RED6,),
        paths("fd00:7::/64", 78, 6),
        (
            Step((), None),
            Step((route(RoutePath(), prefix="fd00:7::/64", table="red"),), {(2, INDEX_INVALID, 0, "::", 1)}),
            Step(
                (route(RoutePath(next_hop="fd00:8::1"), prefix="fd00:7::/64", table="red"),),
                {(0, INDEX_INVALID, 78, "fd00:8::1", 1)},
            ),
        ),
    ),
    "multicast routes": (
        MulticastRouteIntent,
        (LOOP, OTHER_LOOP, RED6),
        group_parts,
        (
            Step((), None),
            Step((group(True),), {"loop-a"}),
            Step((group(False, MulticastRoutePath(interface="loop/b", accept=True)),), {"loop-a", "loop-b"}),
            Step((group(True),), {"loop-a"}),
        ),
    ),
    "neighbour limits": (
        NeighbourLimitsIntent,
        (),
        limits,
        (
            Step((NeighbourLimitsIntent(ip_version=4, number_max=1000, age_s_max=60),), (1000, 60)),
            Step((NeighbourLimitsIntent(ip_version=4, number_max=2000, age_s_max=0),), (2000, 0)),
        ),
    ),
    "punt redirects": (
        PuntRedirectIntent,
        (RED4, TableIntent(name="blue", ip_version=4, table_id=79)),
        redirect,
        (
            Step((), set()),
            Step((PuntRedirectIntent(ip_version=4, table="red"),), {77}),
            Step((PuntRedirectIntent(ip_version=4, table="blue"),), {79}),
        ),
    ),
    "proxy ARP ranges": (
        ProxyArpIntent,
        (RED4,),
        ranges,
        (
            Step((), set()),
            Step((ProxyArpIntent(table="red", low="10.0.0.1", high="10.0.0.9"),), {(77, "10.0.0.1", "10.0.0.9")}),
            Step(
                (ProxyArpIntent(table="red", low="0.0.0.0", high="255.255.255.255"),),
                {(77, "0.0.0.0", "255.255.255.255")},
            ),
        ),
    ),
    "proxy ARP interfaces": (
        ProxyArpInterfaceIntent,
        (LOOP,),
        lambda vpp: index(vpp) in {row.sw_if_index for row in vpp.ask("proxy_arp_intfc_dump")},
        (Step((), False), Step((ProxyArpInterfaceIntent(interface="loop/a"),), True), Step((), False)),
    ),
}
ELSEWHERE = {
    **dict.fromkeys(
        (AfXdpIntent, VirtioPciIntent, Vmxnet3Intent, RdmaIntent, DevicePortIntent, PreconfiguredInterfaceIntent),
        "test_uplinks_on_vpp.py",
    ),
    AfPacketIntent: "test_an_af_packet_interface_comes_and_goes",
    TapIntent: "test_a_tap_comes_and_goes",
    RxModeIntent: "test_an_interface_is_read_as_said",
    PuntIntent: "test_packets.py: VPP shows it by its packets alone",
    NdProxyIntent: "test_packets.py: VPP shows it by its packets alone",
    GsoIntent: "test_segmentation_offload_is_taken_without_a_word: VPP says whether a feature is on only once one was",
}


@pytest.mark.parametrize("case", CASES)
def test_vpp_holds_it_as_said_and_nothing_when_withdrawn(case: str, vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    _, base, read, steps = CASES[case]
    writer = life().want(*base)
    assert writer.unapplied(base) == {}
    empty = left_over(vpp)
    for step in steps:
        writer.want(*base, *step.intents)
        assert writer.unapplied([*base, *step.intents]) == {}
        assert read(vpp) == step.reading
    writer.want(*base)
    assert left_over(vpp) == empty
    writer.want()
    assert writer.objects.held == {}
    assert set(vpp.interfaces()) == {"local0"}
    assert vpp.tables() == {}


def left_over(vpp: Vpp) -> Any:
    """What several kinds could leave behind."""
    routes = {
        (number, v): set(vpp.routes(number, v)) for (_, v), number in {("", 4): 0, ("", 6): 0, **vpp.tables()}.items()
    }
    by_tag = {tag: vpp.addresses(row.sw_if_index) for tag, row in vpp.interfaces().items() if row.sw_if_index}
    return routes, by_tag, ranges(vpp), cnat_cases.cnat_state(vpp), npol_cases.npol_state(vpp)


def test_every_kind_is_in_this_suite() -> None:
    assert {kind for kind, *_ in CASES.values()} | set(ELSEWHERE) == set(INTENT_KINDS)


def test_an_af_packet_interface_comes_and_goes(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    vpp.namespace.ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
    uplink = AfPacketIntent(name="uplink/eth0", host_interface="eth0", mac=MAC, tag="main-eth0", gso=False)
    writer = life().want(uplink)
    assert writer.unapplied([uplink]) == {}
    assert str(vpp.interfaces()["main-eth0"].l2_address) == MAC
    moved = AfPacketIntent(name="uplink/eth0", host_interface="eth0", mac=OTHER_MAC, tag="main-eth0", gso=False)
    writer.want(moved)
    assert str(vpp.interfaces()["main-eth0"].l2_address) == OTHER_MAC
    writer.want()
    assert set(vpp.interfaces()) == {"local0"}
    assert vpp.namespace.has_link("eth0")


def tap(netns: str, **changed: Any) -> TapIntent:
    fields: dict[str, Any] = {"name": "pod/a", "host_interface": "eth0", "netns": netns, "tag": "tun-a", "gso": False}
    return TapIntent(**(fields | changed))


@pytest.mark.parametrize("tun", [True, False], ids=["tun", "tap"])
@pytest.mark.parametrize("persist", [True, False], ids=["persistent", "passing"])
def test_a_tap_comes_and_goes(
    tun: bool, persist: bool, vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    pod = namespace("pod")
    writer = life().want(tap(pod.name, tun=tun, persist=persist, mtu=1400))
    assert writer.unapplied([tap(pod.name, tun=tun, persist=persist, mtu=1400)]) == {}
    assert "mtu 1400" in pod.ip("link", "show", "eth0")
    assert ("link/ether" in pod.ip("link", "show", "eth0")) is not tun
    link_index = pod.ip("link", "show", "eth0").partition(":")[0]
    writer.want(tap(pod.name, tun=tun, persist=persist, mtu=1500))
    assert pod.ip("link", "show", "eth0").partition(":")[0] == link_index, "made anew for an MTU"
    assert "mtu 1400" in pod.ip("link", "show", "eth0")
    writer.want()
    assert set(vpp.interfaces()) == {"local0"}
    assert not pod.has_link("eth0")


def test_a_tun_has_the_queues_and_rings_that_it_is_asked_for(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    wanted = tap(namespace("pod").name, rx_queues=2, tx_queues=3, rx_ring=256, tx_ring=512)
    writer = life().want(wanted)
    assert writer.unapplied([wanted]) == {}
    [row] = vpp.ask("sw_interface_tap_v2_dump", sw_if_index=INDEX_INVALID)
    assert (row.rx_ring_sz, row.tx_ring_sz) == (256, 512)
    placements = vpp.ask("sw_interface_rx_placement_dump", sw_if_index=index(vpp, "tun-a"))
    assert sorted(each.queue_id for each in placements) == [0, 1]


def test_an_interface_is_read_as_said(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    pod = namespace("pod")
    writer = life()
    for mode, number in (("polling", 1), ("interrupt", 2), ("adaptive", 3)):
        writer.want(tap(pod.name), RxModeIntent(interface="pod/a", mode=mode))
        rows = vpp.ask("sw_interface_rx_placement_dump", sw_if_index=index(vpp, "tun-a"))
        assert [int(row.mode) for row in rows] == [number]


def test_segmentation_offload_is_taken_without_a_word(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    offload = GsoIntent(interface="loop/a")
    writer = life().want(LOOP, offload)
    assert writer.unapplied([LOOP, offload]) == {}
    writer.want(LOOP)
    assert set(writer.objects.held) == {LOOP.key}
