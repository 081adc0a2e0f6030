"""The writer dies at any call, or loses its journal, or VPP refuses in ways that do not tell why: it converges."""

from collections.abc import Callable

import pytest

from schemas.intents import AddressIntent, InterfaceTableIntent, LoopbackIntent, RouteIntent, RoutePath, TableIntent
from schemas.statuses import AppliedStatus, RejectedStatus
from tests.contract import worlds
from tests.contract.living import Cut, WriterLife, kill_vpp_twice_writing
from tests.contract.machine import Namespace, Vpp
from tests.contract.test_restarts import vpp_state

LOOP = LoopbackIntent(name="loop/a", mac="02:00:00:00:00:0a", tag="loop-a")
OTHER_LOOP = LoopbackIntent(name="loop/b", mac="02:00:00:00:00:0b", tag="loop-b")


@pytest.mark.parametrize("withdrawn", [False, True], ids=["wanted", "withdrawn"])
@pytest.mark.parametrize("answered", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(35))
def test_a_crash_at_any_call_is_mended_by_a_restart(
    call: int,
    answered: bool,
    withdrawn: bool,
    vpp: Vpp,
    life: Callable[[], WriterLife],
    namespace: Callable[[str], Namespace],
) -> None:
    pod = namespace("pod")
    vpp.namespace.ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
    node = worlds.Node(mac="02:00:00:00:00:aa", host_netns=pod.name)
    intents = [*worlds.tables(), *worlds.uplink(node), *worlds.pod(1, pod.name)]
    whole = life().want(*intents)
    complete = vpp_state(vpp)
    whole.want()
    empty = vpp_state(vpp)
    whole.stop()
    cut = life()
    cut.die_at(call, answered=answered)
    with pytest.raises(Cut):
        cut.want(*intents)
    cut.crash()
    mended = life()
    if not withdrawn:
        mended.want(*intents)
        assert mended.unapplied(intents) == {}
        assert vpp_state(vpp) == complete
    mended.want()
    assert vpp_state(vpp) == empty


def test_a_lost_journal_costs_nothing_that_can_be_read_back(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    pod = namespace("pod")
    vpp.namespace.ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
    node = worlds.Node(mac="02:00:00:00:00:aa", host_netns=pod.name)
    intents = [*worlds.tables(), *worlds.uplink(node), *worlds.pod(1, pod.name)]
    first = life().want(*intents)
    before, tables = vpp_state(vpp), vpp.tables()
    first.crash()
    first.journal.path.unlink()
    second = life().want(*intents)
    assert second.unapplied(intents) == {}
    assert vpp_state(vpp) == before
    assert vpp.tables() == tables


def test_an_ip6_address_that_another_interface_has_is_not_said_to_be_applied(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    first = AddressIntent(interface="loop/a", address="fd00:9::1/64")
    second = AddressIntent(interface="loop/b", address="fd00:9::1/64")
    writer = life().want(LOOP, OTHER_LOOP, first)
    writer.want(LOOP, OTHER_LOOP, first, second)
    assert vpp.addresses(vpp.interfaces()["loop-b"].sw_if_index) == set()
    assert not isinstance(writer.status(second), AppliedStatus)


def test_a_quarantined_object_is_tried_again_when_its_value_changes(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    deadly = RouteIntent(table="default", prefix="10.66.0.0/24", paths=(RoutePath(),))
    writer = life()
    kill_vpp_twice_writing(deadly, writer, vpp)
    changed = RouteIntent(table="default", prefix="10.66.0.0/24", paths=(RoutePath(next_hop="10.1.1.1"),))
    writer.want(changed)
    assert not isinstance(writer.status(changed), RejectedStatus)


def test_vpp_survives_an_interface_that_changes_tables_under_a_route(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    red, blue = (TableIntent(name=n, ip_version=4, table_id=i) for n, i in (("red", 77), ("blue", 79)))
    route = RouteIntent(table="default", prefix="10.1.0.1/32", paths=(RoutePath(interface="loop/a"),))
    writer = life().want(LOOP, red, blue, route, InterfaceTableIntent(interface="loop/a", ip_version=4, table="red"))
    writer.want(LOOP, blue, route, InterfaceTableIntent(interface="loop/a", ip_version=4, table="blue"))
    assert vpp.alive
    assert "10.1.0.1/32" in vpp.routes()
