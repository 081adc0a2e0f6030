"""Kinds of uplinks whose devices a test machine does not have: their calls as data, what is refused, what is undone."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from actors.vpp_writer.kinds import kind_of_intent
from actors.vpp_writer.kinds.call import IntentRejected, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import ObservedVppObjects
from actors.vpp_writer.kinds.pci_uplinks import PciAddress
from schemas.intents import (
    AfXdpIntent,
    DevicePortIntent,
    Intent,
    PreconfiguredInterfaceIntent,
    RdmaIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)

MAC, TAG = "02:00:00:00:00:01", "main-eth0"
NOTHING_HELD = VppIndices({})
XDP = AfXdpIntent("uplink/eth0", "eth0", MAC, TAG)
VIRTIO = VirtioPciIntent("uplink/eth0", "0000:00:05.0", MAC, TAG)
VMXNET3 = Vmxnet3Intent("uplink/eth0", "0001:0b:1f.7", MAC, TAG)
RDMA = RdmaIntent("uplink/eth0", "eth0", MAC, TAG)
PORT = DevicePortIntent("uplink/eth0", "0000:3b:02.0", "iavf", MAC, TAG)
EXISTING = PreconfiguredInterfaceIntent("uplink/eth0", MAC, TAG)


class Worked:
    """An object's work, whose calls are answered one by one; `refused` messages fail."""

    def __init__(self, intent: Intent, *refused: str, existing: Any = None, **replies: Any) -> None:
        self.calls: list[VppCall] = []
        self.failure: Exception | None = None
        self.details: Any = None
        self._refused, self._replies = refused, replies
        try:
            self._walk(kind_of_intent(intent).create(intent, NOTHING_HELD, existing))
        except VppCallRetriedLater as failure:
            self.failure = failure

    def _walk(self, work: Any) -> None:
        answer: list[Any] | None = None
        try:
            while True:
                calls = work.send(answer)
                answer = self._answers(calls, work)
                if answer is None:
                    return
        except StopIteration as end:
            self.details = end.value

    def _answers(self, calls: Sequence[VppCall], work: Any) -> list[Any] | None:
        self.calls += calls
        refused = [call.message for call in calls if call.message in self._refused]
        while refused:
            calls = work.throw(VppCallRetriedLater(refused[0]))
            self.calls += calls
            refused = [call.message for call in calls if call.message in self._refused]
        return [SimpleNamespace(**self._replies.get(call.message, {})) for call in calls]

    @property
    def messages(self) -> list[str]:
        return [call.message for call in self.calls]


ATTACHED = {"dev_attach": {"dev_index": 3}, "dev_create_port_if": {"sw_if_index": 5}}


def test_a_device_is_attached_and_its_port_named_after_it() -> None:
    worked = Worked(PORT, **ATTACHED)
    assert worked.details == {"sw_if_index": 5}
    assert worked.messages == [
        "cli_inband",
        "dev_attach",
        "dev_create_port_if",
        "sw_interface_set_mac_address",
        "sw_interface_tag_add_del",
    ]
    assert worked.calls[0].fields == {"cmd": "device detach pci/0000:3b:02.0"}
    assert worked.calls[1].fields == {"device_id": "pci/0000:3b:02.0", "driver_name": "iavf"}
    assert (worked.calls[2].fields["dev_index"], worked.calls[2].fields["intf_name"]) == (3, "iavf-0/3b/2/0")


@pytest.mark.parametrize(
    ("refused", "undone"),
    [
        ("dev_attach", []),
        ("dev_create_port_if", ["cli_inband"]),
        ("sw_interface_set_mac_address", ["dev_remove_port_if", "cli_inband"]),
        ("sw_interface_tag_add_del", ["dev_remove_port_if", "cli_inband"]),
    ],
)
def test_half_of_a_device_is_taken_away_again(refused: str, undone: list[str]) -> None:
    worked = Worked(PORT, refused, **ATTACHED)
    assert str(worked.failure) == refused
    assert worked.messages[worked.messages.index(refused) + 1 :] == undone


def test_a_port_that_is_there_is_completed_and_taken_away_by_its_number() -> None:
    worked = Worked(PORT, existing={"sw_if_index": 7})
    assert worked.messages == ["sw_interface_set_mac_address", "sw_interface_tag_add_del"]
    calls = [call for batch in kind_of_intent(PORT).delete(PORT, NOTHING_HELD, {"sw_if_index": 7}) for call in batch]
    assert [call.message for call in calls] == ["dev_remove_port_if", "cli_inband"]
    assert calls[0].fields == {"sw_if_index": 7}


def test_success_without_an_interface_is_a_failure() -> None:
    """VPP's RDMA driver leaves the number 0, which is local0's, where there is no device."""
    worked = Worked(RDMA, rdma_create_v4={"sw_if_index": 0})
    assert worked.messages == ["rdma_create_v4"]
    assert "names no interface" in str(worked.failure)


def test_a_pci_address_is_packed_as_vpp_keeps_it() -> None:
    assert PciAddress.of("0001:0b:1f.7").number == 0x0001 | 0x0B << 16 | 0x1F << 24 | 7 << 29
    ((call,),) = [next(kind_of_intent(VIRTIO).create(VIRTIO, NOTHING_HELD, None))]
    assert call.fields["pci_addr"] == {"domain": 0, "bus": 0, "slot": 5, "function": 0}


@pytest.mark.parametrize(
    ("intent", "name"),
    [
        (XDP, "eth0/3"),
        (RDMA, "eth0/0"),
        (VIRTIO, "virtio-0/0/5/0"),
        (VMXNET3, "vmxnet3-1/b/1f/7"),
        (PORT, "iavf-0/3b/2/0"),
    ],
)
def test_an_uplink_without_its_tag_is_recognised_by_name(intent: Intent, name: str) -> None:
    kind = kind_of_intent(intent)
    rows = [SimpleNamespace(sw_if_index=n, interface_name=f"{name}{more}", tag="") for n, more in ((1, ".7"), (2, ""))]
    assert kind.recognise(intent, ObservedVppObjects([*rows])) == {"sw_if_index": 2}
    foreign = [SimpleNamespace(sw_if_index=2, interface_name=name, tag="another's")]
    assert kind.recognise(intent, ObservedVppObjects(foreign)) is None
    tagged = SimpleNamespace(sw_if_index=3, interface_name="renamed", tag=TAG)
    assert kind.recognise(intent, ObservedVppObjects([*rows, tagged])) == {"sw_if_index": 3}


def test_an_existing_interface_is_none_without_its_tag() -> None:
    rows = [SimpleNamespace(sw_if_index=1, interface_name="eth0", tag="")]
    assert kind_of_intent(EXISTING).recognise(EXISTING, ObservedVppObjects(rows)) is None
    assert list(kind_of_intent(EXISTING).delete(EXISTING, NOTHING_HELD, {"sw_if_index": 1})) == []


@pytest.mark.parametrize(
    ("intent", "field"),
    [
        (AfXdpIntent("u", "a" * 16, MAC, TAG), "host_interface"),
        (AfXdpIntent("u", "eth0", MAC, TAG, mode="fast"), "mode"),
        (AfXdpIntent("u", "eth0", MAC, TAG, rx_queues=-1), "rx_queues"),
        (AfXdpIntent("u", "eth0", MAC, TAG, rx_ring=128), "rx_ring"),
        (AfXdpIntent("u", "eth0", MAC, TAG, tx_ring=1000), "tx_ring"),
        (AfXdpIntent("u", "eth0", "MAC", TAG), "mac"),
        (RdmaIntent("u", "", MAC, TAG), "host_interface"),
        (RdmaIntent("u", "eth0", MAC, TAG, tx_ring=70000), "tx_ring"),
        (VirtioPciIntent("u", "00:05.0", MAC, TAG), "pci"),
        (VirtioPciIntent("u", "0000:00:25.0", MAC, TAG), "pci"),
        (Vmxnet3Intent("u", "0000:00:05.8", MAC, TAG), "pci"),
        (Vmxnet3Intent("u", "0000:00:05.0", MAC, TAG, rx_ring=100), "rx_ring"),
        (Vmxnet3Intent("u", "0000:00:05.0", MAC, TAG, tx_queues=9), "tx_queues"),
        (DevicePortIntent("u", "0000:00:05.0", "two words", MAC, TAG), "driver"),
        (DevicePortIntent("u", "0000:00:05.0", "d" * 16, MAC, TAG), "driver"),
        (DevicePortIntent("u", "0000:00:05.0", "iavf", MAC, TAG, tx_ring=0), "tx_ring"),
        (PreconfiguredInterfaceIntent("u", MAC, ""), "tag"),
    ],
)
def test_what_vpp_could_never_hold_is_refused_by_field(intent: Intent, field: str) -> None:
    with pytest.raises(IntentRejected, match=rf"^{field}: "):
        kind_of_intent(intent).check(intent)


@pytest.mark.parametrize("intent", [XDP, VIRTIO, VMXNET3, RDMA, PORT, EXISTING])
def test_what_the_guard_says_by_default_is_accepted(intent: Intent) -> None:
    kind_of_intent(intent).check(intent)
    assert not kind_of_intent(intent).single
