"""What VPP refuses is said of that object alone, tried again, and stops nobody."""

from collections.abc import Callable

from schemas.intents import (
    AddressIntent,
    AfPacketIntent,
    Intent,
    InterfaceTableIntent,
    LoopbackIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TableIntent,
    TapIntent,
)
from schemas.statuses import FailedStatus, PendingStatus, RejectedStatus
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.waiting import until

LOOP = LoopbackIntent(name="loop/a", mac="02:00:00:00:00:0a", tag="loop-a")
OTHER_LOOP = LoopbackIntent(name="loop/b", mac="02:00:00:00:00:0b", tag="loop-b")


def failure(writer: WriterLife, intent: Intent) -> str:
    status = writer.status(intent)
    assert isinstance(status, FailedStatus), status
    return status.reason


def test_a_missing_device_fails_until_it_is_there(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    uplink = AfPacketIntent(
        name="uplink/eth0", host_interface="eth0", mac="02:00:00:00:00:01", tag="main-eth0", gso=False
    )
    writer = life().want(uplink, LOOP)
    assert "af_packet_create_v3" in failure(writer, uplink)
    assert writer.unapplied([LOOP]) == {}
    vpp.namespace.ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
    until(lambda: not writer.turn().unapplied([uplink]), "the uplink is made when its time has come")


def test_a_missing_namespace_fails_until_it_is_there(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    name = f"{vpp.namespace.name}-pod"
    tun = TapIntent(name="pod/a", host_interface="eth0", netns=name, tag="tun-a", gso=False)
    writer = life().want(tun)
    assert "tap_create_v3: SYSCALL_ERROR_2" in failure(writer, tun)
    assert set(vpp.interfaces()) == {"local0"}
    writer.want()
    assert writer.status(tun) is None


def test_a_route_waits_for_its_table_and_its_interface(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    route = RouteIntent(table="red", prefix="10.7.0.0/24", paths=(RoutePath(interface="loop/a"),))
    writer = life().want(route)
    assert writer.status(route) == PendingStatus(
        writer.status(route).generation,  # type: ignore[union-attr]
        ("interface/loop/a", "table/red/ip4"),
    )
    red = TableIntent(name="red", ip_version=4, table_id=77)
    writer.want(route, LOOP, red)
    assert writer.unapplied([route, LOOP, red]) == {}
    writer.want(route, red)
    assert isinstance(writer.status(route), PendingStatus)
    assert "10.7.0.0/24" not in vpp.routes(77)


def test_an_address_that_another_interface_has_fails(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    first = AddressIntent(interface="loop/a", address="10.9.0.1/24")
    second = AddressIntent(interface="loop/b", address="10.9.0.1/24")
    writer = life().want(LOOP, OTHER_LOOP, first)
    writer.want(LOOP, OTHER_LOOP, first, second)
    assert "ADDRESS_IN_USE" in failure(writer, second)
    writer.want(LOOP, OTHER_LOOP, second)
    until(lambda: not writer.turn().unapplied([second]), "the address is there once it is free")
    assert vpp.addresses(vpp.interfaces()["loop-b"].sw_if_index) == {"10.9.0.1/24"}


def test_an_unfit_value_is_never_sent(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    unfit = [
        LoopbackIntent(name="loop/c", mac="not a MAC", tag="loop-c"),
        LoopbackIntent(name="loop/d", mac="02:00:00:00:00:0d", tag="t" * 64),
        AddressIntent(interface="loop/a", address="10.9.0.300/24"),
        RouteIntent(table="default", prefix="10.7.0.1/24", paths=(RoutePath(),)),
        RouteIntent(table="default", prefix="10.6.0.0/24", paths=()),
        RxModeIntent(interface="loop/a", mode="sometimes"),
        InterfaceTableIntent(interface="loop/a", ip_version=5, table="default"),
    ]
    writer = life().want(LOOP, *unfit)
    before = writer.writes
    writer.turn()
    statuses = {intent.key: writer.status(intent) for intent in unfit}
    assert {key for key, status in statuses.items() if not isinstance(status, RejectedStatus)} == set()
    assert writer.writes == before
    assert writer.unapplied([LOOP]) == {}
