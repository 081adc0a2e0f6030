"""Interfaces: AF_PACKET uplinks, taps and tuns, loopbacks. Each is recognised again by its tag."""

from collections.abc import Generator, Sequence
from typing import Any

from msgspec.structs import replace

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.checks import check_intent_mac, check_intent_range, check_intent_text
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices
from actors.vpp_writer.kinds.kind import (
    RANK_INTERFACE,
    I,
    IntentKind,
    ObjectDetails,
    ObservedVppObjects,
    VppCallSequence,
)
from actors.vpp_writer.kinds.retvals import vpp_retvals_named
from schemas.intents import AfPacketIntent, LoopbackIntent, TapIntent

_FRAME_BYTES = 65536  # one GSO packet fits a frame
INTERFACE_TAG_BYTES_MAX = 63
DEVICE_NAME_BYTES_MAX = 15  # Linux: IFNAMSIZ - 1
_NETNS_BYTES_MAX = 63
_AF_PACKET_ETHERNET = 1  # af_packet_mode
_AF_PACKET_QDISC_BYPASS, _AF_PACKET_CKSUM_GSO, _AF_PACKET_VERSION_2 = 1, 2, 8  # af_packet_flags
_TAP_GSO, _TAP_PERSIST, _TAP_ATTACH, _TAP_TUN, _TAP_GRO_COALESCE = 1, 4, 8, 16, 32  # tap_flags


def interface_object_details(reply: Any) -> dict[str, int | str]:
    """The new interface's sw_if_index. Raises IntentRejected."""
    number = int(reply.sw_if_index)
    if number == NO_VPP_INDEX:
        raise IntentRejected("VPP says success and names no interface")
    return {"sw_if_index": number}


def interface_tag_call(number: int, tag: str) -> VppCall:
    """Marks an interface as ours."""
    return VppCall("sw_interface_tag_add_del", {"is_add": True, "sw_if_index": number, "tag": tag})


class InterfaceKind(IntentKind[I]):
    """An interface: one call makes it, further ones complete it, the last of which gives it its tag.

    So what has its tag is complete; what cannot be completed is deleted again.
    """

    rank = RANK_INTERFACE
    has_indices = True

    def make(self, intent: I) -> Generator[Sequence[VppCall], Sequence[Any], ObjectDetails]:
        """The calls that make it. Returns its details."""
        (reply,) = yield [self.making_call(intent)]
        return interface_object_details(reply)

    def making_call(self, intent: I) -> VppCall:
        """The call that makes it, if it takes one."""
        raise NotImplementedError

    def completing_calls(self, intent: I, number: int) -> list[VppCall]:
        """The calls that complete the interface of that sw_if_index, in order."""
        return []

    def create(self, intent: I, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        details = existing if existing is not None else (yield from self.make(intent))
        try:
            for call in self.completing_calls(intent, int(details["sw_if_index"])):
                yield [call]
        except (VppCallRetriedLater, NoVppAnswer):
            yield from self.delete(intent, indices, details)
            raise
        return details


class AfPacketKind(InterfaceKind[AfPacketIntent]):
    """A host interface through an AF_PACKET socket (af_packet_create_v3)."""

    intent = AfPacketIntent
    messages = ("af_packet_create_v3", "af_packet_delete", "sw_interface_tag_add_del")

    def check(self, intent: AfPacketIntent) -> None:
        check_intent_text("host_interface", intent.host_interface, DEVICE_NAME_BYTES_MAX)
        check_intent_text("tag", intent.tag, INTERFACE_TAG_BYTES_MAX)
        check_intent_mac("mac", intent.mac)

    def making_call(self, intent: AfPacketIntent) -> VppCall:
        flags = _AF_PACKET_CKSUM_GSO * intent.gso | _AF_PACKET_QDISC_BYPASS * intent.qdisc_bypass
        flags |= 0 if intent.v3 else _AF_PACKET_VERSION_2
        fields = {
            "mode": _AF_PACKET_ETHERNET,
            "hw_addr": intent.mac,
            "use_random_hw_addr": False,
            "host_if_name": intent.host_interface,
            "rx_frame_size": _FRAME_BYTES,
            "tx_frame_size": _FRAME_BYTES,
            "rx_frames_per_block": intent.rx_frames_per_block,
            "tx_frames_per_block": intent.tx_frames_per_block,
            "flags": flags,
            "num_rx_queues": intent.rx_queues,
            "num_tx_queues": intent.tx_queues,
        }
        return VppCall("af_packet_create_v3", fields)

    def delete(self, intent: AfPacketIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        # The device may have left VPP's namespace before: then there is nothing left to delete.
        yield [add_del_call("af_packet_delete", False, {"host_if_name": intent.host_interface})]
        return details

    def completing_calls(self, intent: AfPacketIntent, number: int) -> list[VppCall]:
        return [interface_tag_call(number, intent.tag)]

    def recognise(self, intent: AfPacketIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        # Without a tag: made by an earlier life that ended before it could tag it.
        name = f"host-{intent.host_interface}"
        return observed.tagged(intent.tag) or observed.interface(lambda row: row.interface_name == name and not row.tag)


class TapKind(InterfaceKind[TapIntent]):
    """A tap or tun in a namespace (tap_create_v3).

    A persistent device is asked for with ATTACH, which also makes a missing one; on SYSCALL_ERROR_2 (the
    namespace or /dev/net/tun could not be opened) once more without ATTACH (VPP: vnet/devices/tap/tap.c).
    """

    intent = TapIntent
    messages = ("tap_create_v3", "tap_delete_v2")

    def check(self, intent: TapIntent) -> None:
        check_intent_text("host_interface", intent.host_interface, DEVICE_NAME_BYTES_MAX)
        check_intent_text("netns", intent.netns, _NETNS_BYTES_MAX)
        check_intent_text("tag", intent.tag, INTERFACE_TAG_BYTES_MAX)
        check_intent_range("mtu", intent.mtu, 64, 65535)
        for field, ring in (("rx_ring", intent.rx_ring), ("tx_ring", intent.tx_ring)):
            check_intent_range(field, ring, 1, 32768)
            if ring & (ring - 1):
                raise IntentRejected(f"{field}: {ring} is not a power of two")
        for field, address in (("mac", intent.mac), ("host_mac", intent.host_mac)):
            if address is not None:
                check_intent_mac(field, address)
        if intent.tun and (intent.mac or intent.host_mac):
            raise IntentRejected("mac: a tun has none")

    def making_call(self, intent: TapIntent) -> VppCall:
        flags = (_TAP_GSO | _TAP_GRO_COALESCE) * intent.gso | _TAP_TUN * intent.tun
        if not intent.persist:
            return self._call(intent, flags)
        again = self._call(intent, flags | _TAP_PERSIST)
        first = self._call(intent, flags | _TAP_PERSIST | _TAP_ATTACH)
        return VppCall(first.message, first.fields, instead_on=vpp_retvals_named("SYSCALL_ERROR_2"), instead=again)

    def _call(self, intent: TapIntent, flags: int) -> VppCall:
        fields: dict[str, Any] = {
            "id": NO_VPP_INDEX,
            "use_random_mac": intent.mac is None,
            "num_rx_queues": intent.rx_queues,
            "num_tx_queues": intent.tx_queues,
            "rx_ring_sz": intent.rx_ring,
            "tx_ring_sz": intent.tx_ring,
            "host_mtu_set": True,
            "host_mtu_size": intent.mtu,
            "host_namespace_set": True,
            "host_namespace": intent.netns,
            "host_if_name_set": True,
            "host_if_name": intent.host_interface,
            "tap_flags": flags,
            "tag": intent.tag + "\0",  # VPP keeps these bytes and reads on until it finds a zero
        }
        if intent.mac is not None:
            fields["mac_address"] = intent.mac
        if intent.host_mac is not None:
            fields |= {"host_mac_addr_set": True, "host_mac_addr": intent.host_mac}
        return VppCall("tap_create_v3", fields)

    def can_update(self, old: TapIntent, new: TapIntent) -> bool:
        """Linux's side of a tap is its owner's once it is made: VPP sets its MTU then and never again."""
        return replace(old, mtu=new.mtu) == new

    def update(self, old: TapIntent, new: TapIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield from ()
        return details

    def delete(self, intent: TapIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("tap_delete_v2", False, {"sw_if_index": details["sw_if_index"]})]
        return details

    def recognise(self, intent: TapIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        return observed.tagged(intent.tag)


class LoopbackKind(InterfaceKind[LoopbackIntent]):
    """A loopback (create_loopback)."""

    intent = LoopbackIntent
    messages = ("create_loopback", "delete_loopback", "sw_interface_tag_add_del")

    def check(self, intent: LoopbackIntent) -> None:
        check_intent_text("tag", intent.tag, INTERFACE_TAG_BYTES_MAX)
        check_intent_mac("mac", intent.mac)

    def making_call(self, intent: LoopbackIntent) -> VppCall:
        return VppCall("create_loopback", {"mac_address": intent.mac})

    def delete(self, intent: LoopbackIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("delete_loopback", False, {"sw_if_index": details["sw_if_index"]})]
        return details

    def completing_calls(self, intent: LoopbackIntent, number: int) -> list[VppCall]:
        return [interface_tag_call(number, intent.tag)]

    def recognise(self, intent: LoopbackIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        def matches(row: Any) -> bool:
            mac_equal = str(row.l2_address).lower() == intent.mac.lower()
            return not row.tag and mac_equal and str(row.interface_name).startswith("loop")

        return observed.tagged(intent.tag) or observed.interface(matches)
