"""Uplinks that hang on a Linux interface or that startup.conf makes: AF_XDP, RDMA, existing ones.

An uplink is recognised by its tag; one without a tag by the name that VPP gives it: an earlier life of this process
made it and ended before it could tag it.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from actors.vpp_writer.kinds.accepted_retvals import add_del
from actors.vpp_writer.kinds.call import Call, ExternalMissing, Later, Never
from actors.vpp_writer.kinds.checks import mac, short, within
from actors.vpp_writer.kinds.indices import NONE, Indices
from actors.vpp_writer.kinds.interfaces import DEVICE_BYTES_MAX, TAG_BYTES_MAX, tag_call
from actors.vpp_writer.kinds.kind import INTERFACE, Details, Kind, Observed
from schemas.intents import AfXdp, DevicePort, PreconfiguredInterface, Rdma, VirtioPci, Vmxnet3

U = TypeVar("U", bound=AfXdp | DevicePort | PreconfiguredInterface | Rdma | VirtioPci | Vmxnet3)
LOCAL0 = 0  # VPP's own interface, there from the start
RING_MIN, RING_MAX = 256, 32768  # VPP: VLIB_FRAME_SIZE to 65535, powers of two
ALL_QUEUES = 0xFFFF  # VPP: all that the link has
MODES = {"auto": 0, "copy": 1, "zero-copy": 2}  # af_xdp_mode
SET_MAC = "sw_interface_set_mac_address"


def power_of_two(field: str, value: int) -> None:
    """Raises Never for what is no size of a ring of AF_XDP or RDMA."""
    within(field, value, RING_MIN, RING_MAX)
    if value & (value - 1):
        raise Never(f"{field}: {value} is not a power of two")


def made(message: str, reply: Any) -> dict[str, int | str]:
    """The details of a new interface. Raises Later if the reply to that message names none.

    VPP's RDMA driver says success and leaves the index zero where the machine has no RDMA device at all.
    """
    number = int(reply.sw_if_index)
    if number in (LOCAL0, NONE):
        raise Later(f"{message}: VPP says success and names no interface; its log says why (show logging)")
    return {"sw_if_index": number}


class UplinkKind(Kind[U]):
    """What they have in common. `told_mac`: does the call that makes it carry the MAC address, or the device itself?"""

    rank = INTERFACE
    has_indices = True
    told_mac: ClassVar[bool] = True

    def vpp_name(self, intent: U) -> str:
        """A regular expression for VPP's name of it."""
        raise NotImplementedError

    def check(self, intent: U) -> None:
        short("tag", intent.tag, TAG_BYTES_MAX)
        mac("mac", intent.mac)

    def learn(self, intent: U, replies: Sequence[Any]) -> dict[str, int | str]:
        return made(self.messages[0], replies[0])

    def follow(self, intent: U, details: Details) -> list[Call]:
        number = int(details["sw_if_index"])
        macs = [] if self.told_mac else [mac_call(number, intent.mac)]
        return [*macs, tag_call(number, intent.tag)]

    def update(self, old: U, new: U, indices: Indices) -> list[Call] | None:
        if self.told_mac or replace(old, mac=new.mac) != new:
            return None
        return [mac_call(indices.interface(new.name), new.mac)]

    def recognise(self, intent: U, observed: Observed) -> dict[str, int | str] | None:
        name = re.compile(self.vpp_name(intent))
        return observed.tagged(intent.tag) or observed.interface(
            lambda row: not row.tag and name.fullmatch(row.interface_name) is not None
        )


def mac_call(number: int, address: str) -> Call:
    """Gives an interface its MAC address, where its driver lets us."""
    return add_del(SET_MAC, True, {"sw_if_index": number, "mac_address": address})


class AfXdpKind(UplinkKind[AfXdp]):
    """A host interface through AF_XDP sockets (af_xdp_create_v3).

    Made twice on the same link, VPP refuses the second and takes the XDP program from the first, which then gets
    no packets any more: so one without a tag must be recognised. After a deletion the kernel frees the queues
    a moment later; until then VPP says SYSCALL_ERROR_2.
    """

    intent = AfXdp
    messages = ("af_xdp_create_v3", "af_xdp_delete", SET_MAC, "sw_interface_tag_add_del")
    told_mac = False

    def vpp_name(self, intent: AfXdp) -> str:
        return rf"{re.escape(intent.host_interface)}/\d+"

    def check(self, intent: AfXdp) -> None:
        super().check(intent)
        short("host_interface", intent.host_interface, DEVICE_BYTES_MAX)
        if intent.mode not in MODES:
            raise Never(f"mode: {intent.mode!r} is not one of {', '.join(MODES)}")
        within("rx_queues", intent.rx_queues, 0, ALL_QUEUES - 1)
        power_of_two("rx_ring", intent.rx_ring)
        power_of_two("tx_ring", intent.tx_ring)

    def create(self, intent: AfXdp, indices: Indices) -> list[Call]:
        fields = {
            "host_if": intent.host_interface,
            "rxq_num": intent.rx_queues or ALL_QUEUES,
            "rxq_size": intent.rx_ring,
            "txq_size": intent.tx_ring,
            "mode": MODES[intent.mode],
        }
        return [Call("af_xdp_create_v3", fields)]

    def delete(self, intent: AfXdp, indices: Indices) -> list[Call]:
        fields = {"sw_if_index": indices.interface(intent.name)}
        return [add_del("af_xdp_delete", False, fields)]


class RdmaKind(UplinkKind[Rdma]):
    """A Mellanox NIC by RDMA verbs (rdma_create_v4). A VPP without the plugin does not have the messages."""

    intent = Rdma
    messages = ("rdma_create_v4", "rdma_delete", SET_MAC, "sw_interface_tag_add_del")
    told_mac = False

    def vpp_name(self, intent: Rdma) -> str:
        return rf"{re.escape(intent.host_interface)}/\d+"

    def check(self, intent: Rdma) -> None:
        super().check(intent)
        short("host_interface", intent.host_interface, DEVICE_BYTES_MAX)
        within("rx_queues", intent.rx_queues, 1, 0xFFFF)
        power_of_two("rx_ring", intent.rx_ring)
        power_of_two("tx_ring", intent.tx_ring)

    def create(self, intent: Rdma, indices: Indices) -> list[Call]:
        fields = {
            "host_if": intent.host_interface,
            "rxq_num": intent.rx_queues,
            "rxq_size": intent.rx_ring,
            "txq_size": intent.tx_ring,
        }
        return [Call("rdma_create_v4", fields)]

    def delete(self, intent: Rdma, indices: Indices) -> list[Call]:
        fields = {"sw_if_index": indices.interface(intent.name)}
        return [add_del("rdma_delete", False, fields)]


class ExistingKind(UplinkKind[PreconfiguredInterface]):
    """An interface that startup.conf has made: found by its tag, given its MAC address, never deleted."""

    intent = PreconfiguredInterface
    messages = (SET_MAC,)
    told_mac = False
    external = True

    def create(self, intent: PreconfiguredInterface, indices: Indices) -> list[Call]:
        raise ExternalMissing(f"no interface with tag {intent.tag}: does startup.conf make it?")

    def delete(self, intent: PreconfiguredInterface, indices: Indices) -> list[Call]:
        return []

    def follow(self, intent: PreconfiguredInterface, details: Details) -> list[Call]:
        return [mac_call(int(details["sw_if_index"]), intent.mac)]

    def recognise(self, intent: PreconfiguredInterface, observed: Observed) -> dict[str, int | str] | None:
        return observed.tagged(intent.tag)
