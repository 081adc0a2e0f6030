"""Uplinks by other drivers than AF_PACKET: with packets where a test can have the device, else as VPP refuses them."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.vpp_writer.kinds.accepted_retvals import accepted_vpp_retvals
from schemas.intents import (
    AddressIntent,
    AdminUpIntent,
    AfXdpIntent,
    DevicePortIntent,
    Intent,
    MtuIntent,
    PreconfiguredInterfaceIntent,
    RdmaIntent,
    RxModeIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)
from schemas.statuses import FailedStatus, PendingStatus, RejectedStatus
from tests.contract import worlds
from tests.contract.living import Cut, WriterLife
from tests.contract.machine import Namespace, Vpp, finish_checksums, veth
from tests.contract.steps import MAC, OTHER_MAC
from tests.contract.test_packets import connects, dress, listening, wired_node
from tests.contract.test_restarts import vpp_state
from tests.waiting import until

NAME, TAG = "uplink/eth0", "main-eth0"
XDP = AfXdpIntent(name=NAME, host_interface="eth0", mac=MAC, tag=TAG)
ON_IT: list[Intent] = [
    MtuIntent(interface=NAME, mtu=1500),
    AdminUpIntent(interface=NAME),
    AddressIntent(interface=NAME, address="192.0.2.1/24", when_up=True),
]
UPLINK: list[Intent] = [XDP, *ON_IT]
EXISTING = PreconfiguredInterfaceIntent(name=NAME, mac=MAC, tag=TAG)
ABSENT = "0000:ff:02.0"


@pytest.fixture
def peer(vpp: Vpp, namespace: Callable[[str], Namespace]) -> Namespace:
    """A machine at the other end of VPP's eth0."""
    peer = namespace("peer")
    veth(vpp.namespace, "eth0", peer, "net0")
    peer.ip("addr", "add", "192.0.2.9/24", "dev", "net0")
    return peer


def holds(writer: WriterLife, intents: list[Intent]) -> None:
    """After a deletion the kernel frees the queues of a link a moment later: until then VPP refuses."""
    until(lambda: not writer.turn().unapplied(intents), "all is as wanted")


def names(vpp: Vpp) -> list[str]:
    return [row.interface_name for row in vpp.ask("sw_interface_dump")][1:]


def test_an_af_xdp_uplink_carries_packets_and_goes(vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace) -> None:
    writer = life().want(*UPLINK)
    assert writer.unapplied(UPLINK) == {}
    assert names(vpp) == ["eth0/0"]
    assert str(vpp.interfaces()[TAG].l2_address) == MAC
    until(lambda: peer.pings("192.0.2.1"), "VPP answers the peer")
    assert peer.pings("192.0.2.1", "-M", "do", "-s", "1472")
    assert MAC in peer.ip("neigh", "show", "192.0.2.1")
    writer.want()
    assert names(vpp) == []
    assert not peer.pings("192.0.2.1")
    link = vpp.namespace.ip("link", "show", "eth0")
    assert "state UP" in link
    assert "xdp" not in link
    holds(writer.want(*UPLINK), UPLINK)
    until(lambda: peer.pings("192.0.2.1"), "VPP answers again")


def test_connections_of_the_host_pass_an_af_xdp_uplink(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    host, peer = namespace("host"), namespace("peer")
    node = wired_node(vpp, host, peer)
    finish_checksums(peer, "net0")  # AF_XDP hands packets over as they are, and no wire finishes a veth's
    xdp = AfXdpIntent(name=worlds.UPLINK, host_interface="eth0", mac=node.mac, tag=TAG)
    intents = [xdp if intent.key == xdp.key else intent for intent in worlds.guard(node)]
    assert life().want(*intents).unapplied(intents) == {}
    dress(host)
    with listening(host, "192.0.2.1", 7001):
        until(lambda: connects(peer, "192.0.2.1", 7001), "TCP over IPv4 from the peer to the host")
    with listening(peer, "192.0.2.9", 7002):
        until(lambda: connects(host, "192.0.2.9", 7002), "TCP over IPv4 from the host to the peer")
    with listening(host, "2001:db8:2::1", 7003):
        until(lambda: connects(peer, "2001:db8:2::1", 7003), "TCP over IPv6 from the peer to the host")


@pytest.mark.parametrize("mode", ["polling", "interrupt", "adaptive"])
def test_an_af_xdp_uplink_is_read_in_every_mode(
    mode: str, vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace
) -> None:
    intents = [*UPLINK, RxModeIntent(interface=NAME, mode=mode)]
    assert life().want(*intents).unapplied(intents) == {}
    until(lambda: peer.pings("192.0.2.1"), "VPP answers the peer")


def test_the_mac_address_of_an_af_xdp_uplink_is_changed_in_place(
    vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace
) -> None:
    moved = [AfXdpIntent(name=NAME, host_interface="eth0", mac=OTHER_MAC, tag=TAG), *ON_IT]
    writer = life().want(*UPLINK)
    before = vpp.interfaces()[TAG].sw_if_index, writer.writes
    writer.want(*moved)
    assert writer.unapplied(moved) == {}
    row = vpp.interfaces()[TAG]
    assert (row.sw_if_index, writer.writes) == (before[0], before[1] + 1)
    assert str(row.l2_address) == OTHER_MAC
    until(lambda: peer.pings("192.0.2.1"), "VPP answers under the new address")


def test_a_restarted_writer_leaves_an_af_xdp_uplink_alone(
    vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace
) -> None:
    life().want(*UPLINK).crash()
    second = life().want(*UPLINK)
    assert second.unapplied(UPLINK) == {}
    assert second.writes == 0
    until(lambda: peer.pings("192.0.2.1"), "VPP answers the peer")


@pytest.mark.parametrize("answered", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(6))
def test_a_crash_at_any_call_leaves_one_af_xdp_uplink_that_works(
    call: int, answered: bool, vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace
) -> None:
    cut = life()
    cut.die_at(call, answered=answered)
    with pytest.raises(Cut):
        cut.want(*UPLINK)
    cut.crash()
    mended = life().want(*UPLINK)
    assert mended.unapplied(UPLINK) == {}
    assert names(vpp) == ["eth0/0"]
    until(lambda: peer.pings("192.0.2.1"), "VPP answers the peer")
    mended.want()
    assert names(vpp) == []


def test_a_killed_vpp_gets_its_af_xdp_uplink_again(vpp: Vpp, life: Callable[[], WriterLife], peer: Namespace) -> None:
    writer = life().want(*UPLINK)
    until(lambda: peer.pings("192.0.2.1"), "VPP answers the peer")
    vpp.kill()
    vpp.namespace.ip("addr", "add", "192.0.2.1/24", "dev", "eth0")
    peer.ip("neigh", "flush", "all")
    until(lambda: peer.pings("192.0.2.1"), "Linux gets the packets of a link whose VPP has died")
    vpp.namespace.ip("addr", "flush", "dev", "eth0")
    vpp.start()
    holds(writer.connect(), UPLINK)
    peer.ip("neigh", "flush", "all")
    until(lambda: peer.pings("192.0.2.1"), "the next VPP answers the peer")


def test_an_af_xdp_uplink_waits_for_its_link(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    writer = life().want(*UPLINK)
    assert reason(writer, XDP) == "af_xdp_create_v3: INVALID_VALUE"
    assert names(vpp) == []
    veth(vpp.namespace, "eth0", namespace("peer"), "net0")
    holds(writer, UPLINK)


def reason(writer: WriterLife, intent: Intent) -> str:
    status = writer.status(intent)
    assert isinstance(status, FailedStatus), status
    return status.reason


@pytest.mark.parametrize(
    ("intent", "refusal"),
    [
        (VirtioPciIntent(name=NAME, pci=ABSENT, mac=MAC, tag=TAG), "virtio_pci_create_v2: INVALID_INTERFACE"),
        (Vmxnet3Intent(name=NAME, pci=ABSENT, mac=MAC, tag=TAG), "vmxnet3_create: INVALID_INTERFACE"),
        (DevicePortIntent(name=NAME, pci=ABSENT, driver="iavf", mac=MAC, tag=TAG), "dev_attach: invalid device id"),
    ],
    ids=["virtio", "vmxnet3", "device port"],
)
def test_a_nic_that_is_not_there_is_refused(
    intent: Intent, refusal: str, vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    writer = life().want(intent)
    assert reason(writer, intent) == refusal
    assert names(vpp) == []
    writer.want()
    assert writer.objects.held == {}
    assert vpp.alive


@pytest.mark.parametrize(
    ("message", "fields", "answer"),
    [
        ("virtio_pci_delete", {"sw_if_index": 99}, (-2, None)),
        ("vmxnet3_delete", {"sw_if_index": 99}, (-2, None)),
        ("dev_create_port_if", {"dev_index": 7, "intf_name": "iavf-0/ff/2/0"}, (-20, "not found")),
        ("dev_remove_port_if", {"sw_if_index": 99}, (-31, "unknown interface")),
    ],
)
def test_calls_that_need_a_nic_are_understood_and_refused_without(
    message: str, fields: dict[str, Any], answer: tuple[int, str | None], vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    writer = life()
    assert writer.api is not None
    reply = writer.runner.run(writer.api.request(message, fields))
    assert (reply.retval, getattr(reply, "error_string", None)) == answer


def test_rdma_needs_a_vpp_that_has_it_and_a_nic(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    intent = RdmaIntent(name=NAME, host_interface="eth0", mac=MAC, tag=TAG)
    writer = life().want(intent)
    assert writer.api is not None
    if writer.api.supports("rdma_create_v4"):
        assert reason(writer, intent).startswith("rdma_create_v4: VPP says success and names no interface")
        reply = writer.runner.run(writer.api.request("rdma_delete", {"sw_if_index": 99}))
        assert reply.retval in accepted_vpp_retvals("rdma_delete", False)
    else:
        status = writer.status(intent)
        assert isinstance(status, RejectedStatus)
        assert status.reason == "VPP lacks rdma_create_v4, rdma_delete"


def make_existing(vpp: Vpp) -> int:
    """As startup.conf would."""
    number = int(vpp.ask("create_loopback").sw_if_index)
    assert vpp.ask("sw_interface_tag_add_del", sw_if_index=number, is_add=True, tag=TAG).retval == 0
    return number


def waits(writer: WriterLife) -> None:
    status = writer.status(EXISTING)
    assert isinstance(status, PendingStatus)
    assert status.needs == (f"no interface with tag {TAG}: does startup.conf make it?",)


def test_an_existing_interface_is_found_by_its_tag_and_outlives_the_intent(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    intents = [EXISTING, *ON_IT]
    writer = life().want(*intents)
    waits(writer)
    assert writer.writes == 0
    number = make_existing(vpp)
    holds(writer, intents)
    assert str(vpp.interfaces()[TAG].l2_address) == MAC
    assert vpp.addresses(number) == {"192.0.2.1/24"}
    writer.crash()
    second = life().want(*intents)
    assert (second.unapplied(intents), second.writes) == ({}, 0)
    second.want()
    assert set(vpp.interfaces()) == {"local0", TAG}
    assert vpp.addresses(number) == set()
    assert second.want(*intents).unapplied(intents) == {}
    vpp.ask("delete_loopback", sw_if_index=number)
    second.look()
    waits(second)


@pytest.mark.parametrize("answered", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(4))
def test_a_crash_at_any_call_on_an_existing_interface_is_mended(
    call: int, answered: bool, vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    intents = [EXISTING, *ON_IT]
    make_existing(vpp)
    whole = life().want(*intents)
    complete = vpp_state(vpp)
    whole.want()
    whole.stop()
    cut = life()
    cut.die_at(call, answered=answered)
    with pytest.raises(Cut):
        cut.want(*intents)
    cut.crash()
    mended = life().want(*intents)
    assert mended.unapplied(intents) == {}
    assert vpp_state(vpp) == complete


def test_a_new_vpp_is_asked_for_its_existing_interface_again(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    make_existing(vpp)
    writer = life().want(EXISTING)
    assert writer.unapplied([EXISTING]) == {}
    vpp.kill()
    vpp.start()
    waits(writer.connect().turn())
    make_existing(vpp)
    holds(writer, [EXISTING])
