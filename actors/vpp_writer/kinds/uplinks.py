"""Uplinks that hang on a Linux interface or that startup.conf makes: AF_XDP, RDMA, existing ones.

An uplink is recognised by its tag; one without a tag by the name that VPP gives it: an earlier life of this process
made it and ended before it could tag it.
"""

import re
from collections.abc import Generator, Sequence
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import ExternalObjectMissing, IntentRejected, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.checks import check_intent_mac, check_intent_range, check_intent_text
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices
from actors.vpp_writer.kinds.interfaces import (
    DEVICE_NAME_BYTES_MAX,
    INTERFACE_TAG_BYTES_MAX,
    InterfaceKind,
    interface_tag_call,
)
from actors.vpp_writer.kinds.kind import ObjectDetails, ObservedVppObjects, VppCallSequence
from schemas.intents import (
    AfXdpIntent,
    DevicePortIntent,
    PreconfiguredInterfaceIntent,
    RdmaIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)

U = TypeVar(
    "U",
    bound=AfXdpIntent | DevicePortIntent | PreconfiguredInterfaceIntent | RdmaIntent | VirtioPciIntent | Vmxnet3Intent,
)
_LOCAL0 = 0  # VPP's own interface, there from the start
_RING_MIN, _RING_MAX = 256, 32768  # VPP: VLIB_FRAME_SIZE to 65535, powers of two
_ALL_QUEUES = 0xFFFF  # VPP: all that the link has
_MODES = {"auto": 0, "copy": 1, "zero-copy": 2}  # af_xdp_mode
SET_MAC_MESSAGE = "sw_interface_set_mac_address"


def _power_of_two(field: str, value: int) -> None:
    """Raises IntentRejected for what is no size of a ring of AF_XDP or RDMA."""
    check_intent_range(field, value, _RING_MIN, _RING_MAX)
    if value & (value - 1):
        raise IntentRejected(f"{field}: {value} is not a power of two")


def uplink_object_details(message: str, reply: Any) -> dict[str, int | str]:
    """The details of a new interface. Raises VppCallRetriedLater if the reply to that message names none.

    VPP's RDMA driver says success and leaves the index zero where the machine has no RDMA device at all.
    """
    number = int(reply.sw_if_index)
    if number in (_LOCAL0, NO_VPP_INDEX):
        raise VppCallRetriedLater(
            f"{message}: VPP says success and names no interface; its log says why (show logging)"
        )
    return {"sw_if_index": number}


class UplinkKind(InterfaceKind[U]):
    """An uplink. `mac_at_creation`: it has its MAC address from the call that makes it, or from the device."""

    mac_at_creation: ClassVar[bool] = True

    def vpp_name(self, intent: U) -> str:
        """A regular expression for VPP's name of it."""
        raise NotImplementedError

    def check(self, intent: U) -> None:
        check_intent_text("tag", intent.tag, INTERFACE_TAG_BYTES_MAX)
        check_intent_mac("mac", intent.mac)

    def make(self, intent: U) -> Generator[Sequence[VppCall], Sequence[Any], ObjectDetails]:
        (reply,) = yield [self.making_call(intent)]
        return uplink_object_details(self.messages[0], reply)

    def completing_calls(self, intent: U, number: int) -> list[VppCall]:
        macs = [] if self.mac_at_creation else [_mac_call(number, intent.mac)]
        return [*macs, interface_tag_call(number, intent.tag)]

    def can_update(self, old: U, new: U) -> bool:
        return not self.mac_at_creation and replace(old, mac=new.mac) == new

    def update(self, old: U, new: U, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [_mac_call(int(details["sw_if_index"]), new.mac)]
        return details

    def recognise(self, intent: U, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        name = re.compile(self.vpp_name(intent))
        return observed.tagged(intent.tag) or observed.interface(
            lambda row: not row.tag and name.fullmatch(row.interface_name) is not None
        )


def _mac_call(number: int, address: str) -> VppCall:
    """Gives an interface its MAC address, where its driver lets us."""
    return add_del_call(SET_MAC_MESSAGE, True, {"sw_if_index": number, "mac_address": address})


class AfXdpKind(UplinkKind[AfXdpIntent]):
    """A host interface through AF_XDP sockets (af_xdp_create_v3).

    Made twice on the same link, VPP refuses the second and takes the XDP program from the first, which then gets
    no packets any more: so one without a tag must be recognised. After a deletion the kernel frees the queues
    a moment later; until then VPP says SYSCALL_ERROR_2.
    """

    intent = AfXdpIntent
    messages = ("af_xdp_create_v3", "af_xdp_delete", SET_MAC_MESSAGE, "sw_interface_tag_add_del")
    mac_at_creation = False

    def vpp_name(self, intent: AfXdpIntent) -> str:
        return rf"{re.escape(intent.host_interface)}/\d+"

    def check(self, intent: AfXdpIntent) -> None:
        super().check(intent)
        check_intent_text("host_interface", intent.host_interface, DEVICE_NAME_BYTES_MAX)
        if intent.mode not in _MODES:
            raise IntentRejected(f"mode: {intent.mode!r} is not one of {', '.join(_MODES)}")
        check_intent_range("rx_queues", intent.rx_queues, 0, _ALL_QUEUES - 1)
        _power_of_two("rx_ring", intent.rx_ring)
        _power_of_two("tx_ring", intent.tx_ring)

    def making_call(self, intent: AfXdpIntent) -> VppCall:
        fields = {
            "host_if": intent.host_interface,
            "rxq_num": intent.rx_queues or _ALL_QUEUES,
            "rxq_size": intent.rx_ring,
            "txq_size": intent.tx_ring,
            "mode": _MODES[intent.mode],
        }
        return VppCall("af_xdp_create_v3", fields)

    def delete(self, intent: AfXdpIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("af_xdp_delete", False, {"sw_if_index": details["sw_if_index"]})]
        return details


class RdmaKind(UplinkKind[RdmaIntent]):
    """A Mellanox NIC by RDMA verbs (rdma_create_v4). A VPP without the plugin does not have the messages."""

    intent = RdmaIntent
    messages = ("rdma_create_v4", "rdma_delete", SET_MAC_MESSAGE, "sw_interface_tag_add_del")
    mac_at_creation = False

    def vpp_name(self, intent: RdmaIntent) -> str:
        return rf"{re.escape(intent.host_interface)}/\d+"

    def check(self, intent: RdmaIntent) -> None:
        super().check(intent)
        check_intent_text("host_interface", intent.host_interface, DEVICE_NAME_BYTES_MAX)
        check_intent_range("rx_queues", intent.rx_queues, 1, 0xFFFF)
        _power_of_two("rx_ring", intent.rx_ring)
        _power_of_two("tx_ring", intent.tx_ring)

    def making_call(self, intent: RdmaIntent) -> VppCall:
        fields = {
            "host_if": intent.host_interface,
            "rxq_num": intent.rx_queues,
            "rxq_size": intent.rx_ring,
            "txq_size": intent.tx_ring,
        }
        return VppCall("rdma_create_v4", fields)

    def delete(self, intent: RdmaIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("rdma_delete", False, {"sw_if_index": details["sw_if_index"]})]
        return details


class ExistingKind(UplinkKind[PreconfiguredInterfaceIntent]):
    """An interface that startup.conf has made: found by its tag, given its MAC address, never deleted."""

    intent = PreconfiguredInterfaceIntent
    messages = (SET_MAC_MESSAGE,)
    mac_at_creation = False
    external = True

    def making_call(self, intent: PreconfiguredInterfaceIntent) -> VppCall:
        raise ExternalObjectMissing(f"no interface with tag {intent.tag}: does startup.conf make it?")

    def delete(
        self, intent: PreconfiguredInterfaceIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        yield from ()
        return details

    def completing_calls(self, intent: PreconfiguredInterfaceIntent, number: int) -> list[VppCall]:
        return [_mac_call(number, intent.mac)]

    def recognise(
        self, intent: PreconfiguredInterfaceIntent, observed: ObservedVppObjects
    ) -> dict[str, int | str] | None:
        return observed.tagged(intent.tag)
