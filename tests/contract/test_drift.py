"""Somebody changes VPP by hand: what is ours is mended, what is not stays as it is."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.intents import (
    AddressIntent,
    AdminUpIntent,
    Intent,
    LoopbackIntent,
    MtuIntent,
    RouteIntent,
    RoutePath,
    TableIntent,
    UrpfIntent,
)
from tests.contract.living import WriterLife
from tests.contract.machine import Vpp

LOOP = LoopbackIntent("loop/a", "02:00:00:00:00:0a", "loop-a")
DEAD = RoutePath()
DROP = 2  # fib_path_type
NO_LABELS = {"n_labels": 0, "label_stack": [{"is_uniform": 0, "ttl": 0, "label": 0, "exp": 0}] * 16}
HOP = RoutePath(next_hop="192.0.2.9")
WORLD: list[Intent] = [
    LOOP,
    AdminUpIntent("loop/a"),
    MtuIntent("loop/a", 1400),
    AddressIntent("loop/a", "192.0.2.1/24"),
    AddressIntent("loop/a", "2001:db8::1/64"),
    TableIntent("red", 4, 77),
    TableIntent("red", 6, 77),
    RouteIntent("default", "10.1.0.0/16", (DEAD,)),
    RouteIntent("default", "10.2.0.0/16", (HOP,)),
    RouteIntent("default", "10.3.0.0/16", (HOP, RoutePath(next_hop="192.0.2.8", weight=3))),
    RouteIntent("default", "10.4.0.0/16", (RoutePath(interface="loop/a"),)),
    RouteIntent("default", "10.5.0.1/32", (RoutePath(interface="loop/a"),)),
    RouteIntent("default", "10.6.0.0/16", (RoutePath(interface="loop/a", next_hop="192.0.2.7"),)),
    RouteIntent("default", "10.7.0.0/16", (RoutePath(table="red"),)),
    RouteIntent("default", "10.8.0.0/16", (RoutePath(unreachable=True),)),
    RouteIntent("red", "10.9.0.0/16", (HOP,)),
    RouteIntent("red", "0.0.0.0/0", (RoutePath(table="default"),)),
    RouteIntent("default", "fd01::/64", (RoutePath(next_hop="2001:db8::9"),)),
    RouteIntent("default", "fd02::/64", (RoutePath(interface="loop/a"),)),
    RouteIntent("default", "fd03::1/128", (RoutePath(interface="loop/a"),)),
    RouteIntent("default", "fd04::/64", (DEAD,)),
    RouteIntent("red", "fd05::/64", (RoutePath(unreachable=True),)),
    UrpfIntent("loop/a", 4, "red"),
    UrpfIntent("loop/a", 6, "red"),
    TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.1.1.1", 8080), TranslationBackend("10.1.1.2", 8080))),
]


@pytest.fixture
def writer(life: Callable[[], WriterLife]) -> WriterLife:
    writer = life().want(*WORLD)
    assert writer.unapplied(WORLD) == {}
    return writer


def add(vpp: Vpp, prefix: str, path: dict[str, Any]) -> None:
    """A route of somebody else's, or in place of ours."""
    route = {"table_id": 0, "prefix": prefix, "n_paths": 1, "paths": [path]}
    assert vpp.ask("ip_route_add_del", is_add=True, route=route).retval == 0
    assert prefix in vpp.routes()


def number(vpp: Vpp) -> int:
    return int(vpp.interfaces()["loop-a"].sw_if_index)


def test_what_is_as_it_was_written_is_found_so_whatever_its_paths(writer: WriterLife) -> None:
    before = writer.writes
    assert writer.look() == set()
    assert writer.writes == before


def test_a_route_that_somebody_took_away_comes_back(vpp: Vpp, writer: WriterLife) -> None:
    for prefix in ("10.2.0.0/16", "fd01::/64"):
        route = {"table_id": 0, "prefix": prefix, "n_paths": 0, "paths": []}
        vpp.ask("ip_route_add_del", is_add=False, route=route)
    assert writer.look() == {"route/default/10.2.0.0/16", "route/default/fd01::/64"}
    assert "10.2.0.0/16" in vpp.routes()
    assert "fd01::/64" in vpp.routes(version=6)
    assert writer.peer.counters["drift_total"] == 2
    assert writer.unapplied(WORLD) == {}


def test_a_route_that_somebody_sent_elsewhere_is_put_right(vpp: Vpp, writer: WriterLife) -> None:
    before = vpp.routes()["10.2.0.0/16"].paths
    elsewhere = {"sw_if_index": number(vpp), "weight": 1, "nh": {"address": {"ip4": "192.0.2.77"}}, **NO_LABELS}
    add(vpp, "10.2.0.0/16", elsewhere)
    assert writer.look() == {"route/default/10.2.0.0/16"}
    assert vpp.routes()["10.2.0.0/16"].paths == before


def test_addresses_state_and_mtu_of_an_interface_are_mended(vpp: Vpp, writer: WriterLife) -> None:
    loop = number(vpp)
    vpp.ask("sw_interface_add_del_address", sw_if_index=loop, is_add=False, prefix="192.0.2.1/24")
    vpp.ask("sw_interface_set_mtu", sw_if_index=loop, mtu=[9000, 0, 0, 0])
    assert {"address/loop/a/192.0.2.1/24", "mtu/loop/a"} <= writer.look()
    vpp.ask("sw_interface_set_flags", sw_if_index=loop, flags=0)
    assert "admin-up/loop/a" in writer.look()
    row = vpp.interfaces()["loop-a"]
    assert "192.0.2.1/24" in vpp.addresses(loop)
    assert (int(row.flags) & 1, row.mtu[0]) == (1, 1400)
    assert writer.look() == set()


@pytest.mark.parametrize("mode", [0, 2], ids=["off", "strict"])
def test_a_check_of_sources_that_somebody_changed_is_put_right(mode: int, vpp: Vpp, writer: WriterLife) -> None:
    before = source_checks(vpp)
    vpp.ask("urpf_update_v2", is_input=True, mode=mode, af=1, sw_if_index=number(vpp), table_id=77)
    assert source_checks(vpp) != before
    assert writer.look() == {"urpf/loop/a/ip6"}
    assert source_checks(vpp) == before == {(0, 1, 77), (1, 1, 77)}
    assert writer.look() == set()


def source_checks(vpp: Vpp) -> set[tuple[int, int, int]]:
    """(address family, mode, table) of the loopback's checks."""
    rows = vpp.ask("urpf_interface_dump", sw_if_index=number(vpp))
    return {(int(row.af), int(row.mode), row.table_id) for row in rows if int(row.mode)}


def test_a_translation_that_somebody_took_away_comes_back(vpp: Vpp, writer: WriterLife) -> None:
    (row,) = vpp.ask("cnat_translation_dump")
    vpp.ask("cnat_translation_del", id=row.translation.id)
    assert len(writer.look()) == 1
    assert len(vpp.ask("cnat_translation_dump")) == 1


def test_an_interface_that_somebody_deleted_comes_back_with_all_that_was_on_it(vpp: Vpp, writer: WriterLife) -> None:
    vpp.ask("delete_loopback", sw_if_index=number(vpp))
    assert LOOP.key in writer.look()
    assert writer.unapplied(WORLD) == {}
    assert vpp.addresses(number(vpp)) >= {"192.0.2.1/24", "2001:db8::1/64"}
    assert writer.look() == set()


def test_what_is_not_ours_stays(vpp: Vpp, writer: WriterLife) -> None:
    vpp.ask("sw_interface_add_del_address", sw_if_index=number(vpp), is_add=True, prefix="203.0.113.1/24")
    add(vpp, "198.51.100.0/24", {"sw_if_index": 0xFFFFFFFF, "type": DROP, "weight": 1, **NO_LABELS})
    assert writer.look() == set()
    writer.want()
    assert "203.0.113.0/24" not in vpp.routes(), "it went with its interface"
    assert "198.51.100.0/24" in vpp.routes()
