"""Restarts: of the writer, of VPP, of both, at any moment."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.intents import Intent, RouteIntent, RoutePath, TapIntent
from schemas.statuses import RejectedStatus
from tests.contract import worlds
from tests.contract.living import Cut, VppApiGone, WriterLife, kill_vpp_twice_writing
from tests.contract.machine import Namespace, Vpp
from tests.contract.test_packets import attach, wired_node
from tests.waiting import until


@pytest.fixture
def node_intents(vpp: Vpp, namespace: Callable[[str], Namespace]) -> list[Intent]:
    """A guard's intents and those of a pod."""
    host, peer, pod = namespace("host"), namespace("peer"), namespace("pod")
    node = wired_node(vpp, host, peer)
    return [*worlds.guard(node), *worlds.pod(1, pod.name)]


def vpp_state(vpp: Vpp) -> Any:
    """All that matters of VPP's state, without its numbers."""
    names = {row.sw_if_index: tag for tag, row in vpp.interfaces().items()}
    tables = {("default", 4): 0, ("default", 6): 0, **vpp.tables()}
    return {
        "interfaces": {
            tag: (int(row.flags) & 1, row.mtu[0], vpp.addresses(row.sw_if_index))
            for tag, row in vpp.interfaces().items()
            if row.sw_if_index
        },
        "routes": {name: set(vpp.routes(number, name[1])) for name, number in tables.items()},
        "neighbours": {
            (names[row.neighbor.sw_if_index], str(row.neighbor.ip_address), str(row.neighbor.mac_address))
            for af in (0, 1)
            for row in vpp.ask("ip_neighbor_dump", sw_if_index=0xFFFFFFFF, af=af)
            if int(row.neighbor.flags) & 1
        },
        "proxy ARP": {(str(row.proxy.low), str(row.proxy.hi)) for row in vpp.ask("proxy_arp_dump")},
    }


def test_tags_of_every_length_are_read_back_as_they_were_said(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    """A writer that restarts knows its interfaces by them."""
    pod = namespace("pod").name
    taps = [TapIntent(f"pod/{n}", f"eth{n}", pod, "t" * (n - 3) + f"-{n:02}", mtu=1400) for n in range(3, 64)]
    first = life()
    for tap in taps:  # one by one: each reply leaves its own bytes in VPP's memory
        first.want(*taps[: taps.index(tap) + 1])
    assert first.unapplied(taps) == {}
    assert set(vpp.interfaces()) >= {tap.tag for tap in taps}
    first.crash()
    assert life().want(*taps).writes == 0


def test_a_restarted_writer_writes_nothing(
    vpp: Vpp, life: Callable[[], WriterLife], node_intents: list[Intent]
) -> None:
    first = life().want(*node_intents)
    assert first.unapplied(node_intents) == {}
    before = vpp_state(vpp)
    first.crash()
    second = life().want(*node_intents)
    assert second.unapplied(node_intents) == {}
    assert second.writes == 0
    assert vpp_state(vpp) == before


@pytest.mark.parametrize("journal_lost", [False, True], ids=["journal kept", "journal lost"])
def test_what_a_restarted_writer_takes_away_it_makes_again(
    journal_lost: bool, vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    """What VPP showed at the start of a life is not there for ever."""
    dns = TranslationIntent("10.96.0.10", 53, 17, (TranslationBackend("10.1.0.1", 5353),))
    intents = [*worlds.tables(), dns]
    first = life().want(*intents)
    before = vpp_state(vpp)
    first.crash()
    if journal_lost:
        first.journal.path.unlink()
    second = life().want(*intents)
    second.want()
    assert (vpp.tables(), vpp.ask("cnat_translation_dump")) == ({}, [])
    second.want(*intents)
    assert second.unapplied(intents) == {}
    assert vpp_state(vpp) == before
    assert len(vpp.ask("cnat_translation_dump")) == 1


def test_a_restarted_writer_removes_nothing_of_owners_who_have_not_spoken(
    vpp: Vpp, life: Callable[[], WriterLife], node_intents: list[Intent]
) -> None:
    route = RouteIntent(table="default", prefix="10.99.0.0/24", paths=(RoutePath(),))
    life().want(*node_intents).want(route, owner="routing").crash()
    before = vpp_state(vpp)
    second = life().want(*node_intents)
    assert second.writes == 0
    assert vpp_state(vpp) == before
    second.want(owner="routing")
    assert "10.99.0.0/24" not in vpp.routes()


def test_what_went_missing_meanwhile_is_mended(
    vpp: Vpp, life: Callable[[], WriterLife], node_intents: list[Intent]
) -> None:
    life().want(*node_intents).crash()
    before = vpp_state(vpp)
    uplink = vpp.interfaces()["main-eth0"].sw_if_index
    removed = {"prefix": {"address": {"af": 0, "un": {"ip4": bytes([10, 1, 0, 1])}}, "len": 32}}
    vpp.ask("ip_route_add_del", is_add=False, route={"table_id": 0, **removed, "n_paths": 0, "paths": []})
    fields = {"sw_if_index": uplink, "is_add": False, "prefix": "192.0.2.1/24"}
    vpp.ask("sw_interface_add_del_address", **fields)
    vpp.ask("tap_delete_v2", sw_if_index=vpp.interfaces()["host-eth0"].sw_if_index)
    second = life().want(*node_intents)
    assert second.unapplied(node_intents) == {}
    assert vpp_state(vpp) == before


def test_a_killed_vpp_gets_everything_again_and_the_pod_keeps_its_device(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    host, peer, pod, other_pod = (namespace(word) for word in ("host", "peer", "pod", "other"))
    node = wired_node(vpp, host, peer)
    node_intents = [*worlds.guard(node), *worlds.pod(1, pod.name), *worlds.pod(2, other_pod.name)]
    writer = life().want(*node_intents)
    attach(pod, 1)
    attach(other_pod, 2)
    until(lambda: pod.pings("10.1.0.2"), "pod to pod before")
    before, number = vpp_state(vpp), pod.ip("-o", "link", "show", "eth0").split(":")[0]
    vpp.kill()
    assert pod.ip("-o", "link", "show", "eth0").split(":")[0] == number
    assert not host.has_link("eth0")
    vpp.start()
    writer.connect().turn()
    assert writer.unapplied(node_intents) == {}
    assert writer.writer is not None
    assert writer.writer.epoch == 2
    assert vpp_state(vpp) == before
    assert pod.ip("-o", "link", "show", "eth0").split(":")[0] == number
    until(lambda: pod.pings("10.1.0.2"), "pod to pod after, without a touch of the pods")
    until(lambda: pod.pings("fd00:1::2"), "the same over IPv6")
    assert host.has_link("eth0")


def test_vpp_says_which_version_it_is(life: Callable[[], WriterLife]) -> None:
    assert life().version[:1].isdigit()


def test_the_end_of_vpp_is_noticed_at_once(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    writer = life()
    assert writer.api is not None
    vpp.kill()
    writer.runner.run(asyncio.wait_for(writer.api.closed.wait(), 1))
    with pytest.raises(VppApiGone):
        writer.want(RouteIntent(table="default", prefix="10.0.0.0/8", paths=(RoutePath(),)))


def test_the_routes_of_a_crash_in_the_middle_are_all_there_after_a_restart(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    routes = [RouteIntent(table="default", prefix=f"10.{number}.0.0/16", paths=(RoutePath(),)) for number in range(8)]
    for answered in (False, True):
        for call in range(len(routes)):
            cut = life()
            cut.die_at(call, answered=answered)
            with pytest.raises(Cut):
                cut.want(*routes)
            cut.crash()
            mended = life().want(*routes)
            assert mended.unapplied(routes) == {}
            assert {route.prefix for route in routes} <= set(vpp.routes())
            mended.want()
            mended.stop()


def test_what_vpp_died_of_twice_is_left_out_and_the_rest_goes_on(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    deadly = RouteIntent(table="default", prefix="10.66.0.0/24", paths=(RoutePath(),))
    harmless = RouteIntent(table="default", prefix="10.67.0.0/24", paths=(RoutePath(),))
    writer = life()
    kill_vpp_twice_writing(deadly, writer, vpp)
    writer.want(deadly, harmless)
    assert isinstance(writer.status(deadly), RejectedStatus)
    assert writer.unapplied([harmless]) == {}
    assert "10.66.0.0/24" not in vpp.routes()
