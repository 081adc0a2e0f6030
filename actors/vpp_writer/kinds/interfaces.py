"""Interfaces: AF_PACKET uplinks, taps and tuns, loopbacks. Each is recognised again by its tag."""

from collections.abc import Generator, Sequence
from typing import Any

from actors.vpp_writer.kinds.accepted_retvals import add_del
from actors.vpp_writer.kinds.call import Later, Never, NoAnswer, VppCall
from actors.vpp_writer.kinds.checks import check_mac, check_range, check_text
from actors.vpp_writer.kinds.indices import NO_INDEX, VppIndices
from actors.vpp_writer.kinds.kind import INTERFACE, CallSequence, Details, I, Kind, Observed
from actors.vpp_writer.kinds.retvals import retvals_named
from schemas.intents import AfPacket, Loopback, Tap

_FRAME_BYTES = 65536  # one GSO packet fits a frame
TAG_BYTES_MAX = 63
DEVICE_BYTES_MAX = 15  # Linux: IFNAMSIZ - 1
_NETNS_BYTES_MAX = 63
_AF_PACKET_ETHERNET = 1  # af_packet_mode
_AF_PACKET_QDISC_BYPASS, _AF_PACKET_CKSUM_GSO, _AF_PACKET_VERSION_2 = 1, 2, 8  # af_packet_flags
_TAP_GSO, _TAP_PERSIST, _TAP_ATTACH, _TAP_TUN, _TAP_GRO_COALESCE = 1, 4, 8, 16, 32  # tap_flags


def details_of(reply: Any) -> dict[str, int | str]:
    """The new interface's sw_if_index. Raises Never."""
    number = int(reply.sw_if_index)
    if number == NO_INDEX:
        raise Never("VPP says success and names no interface")
    return {"sw_if_index": number}


def tag_call(number: int, tag: str) -> VppCall:
    """Marks an interface as ours."""
    return VppCall("sw_interface_tag_add_del", {"is_add": True, "sw_if_index": number, "tag": tag})


class InterfaceKind(Kind[I]):
    """An interface: one call makes it, further ones complete it, the last of which gives it its tag.

    So what has its tag is complete; what cannot be completed is deleted again.
    """

    rank = INTERFACE
    has_indices = True

    def make(self, intent: I) -> Generator[Sequence[VppCall], Sequence[Any], Details]:
        """The calls that make it. Returns its details."""
        (reply,) = yield [self.making_call(intent)]
        return details_of(reply)

    def making_call(self, intent: I) -> VppCall:
        """The call that makes it, if it takes one."""
        raise NotImplementedError

    def completing_calls(self, intent: I, number: int) -> list[VppCall]:
        """The calls that complete the interface of that sw_if_index, in order."""
        return []

    def create(self, intent: I, indices: VppIndices, existing: Details | None) -> CallSequence:
        details = existing if existing is not None else (yield from self.make(intent))
        try:
            for call in self.completing_calls(intent, int(details["sw_if_index"])):
                yield [call]
        except (Later, NoAnswer):
            yield from self.delete(intent, indices, details)
            raise
        return details


class AfPacketKind(InterfaceKind[AfPacket]):
    """A host interface through an AF_PACKET socket (af_packet_create_v3)."""

    intent = AfPacket
    messages = ("af_packet_create_v3", "af_packet_delete", "sw_interface_tag_add_del")

    def check(self, intent: AfPacket) -> None:
        check_text("host_interface", intent.host_interface, DEVICE_BYTES_MAX)
        check_text("tag", intent.tag, TAG_BYTES_MAX)
        check_mac("mac", intent.mac)

    def making_call(self, intent: AfPacket) -> VppCall:
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

    def delete(self, intent: AfPacket, indices: VppIndices, details: Details) -> CallSequence:
        # The device may have left VPP's namespace before: then there is nothing left to delete.
        yield [add_del("af_packet_delete", False, {"host_if_name": intent.host_interface})]
        return details

    def completing_calls(self, intent: AfPacket, number: int) -> list[VppCall]:
        return [tag_call(number, intent.tag)]

    def recognise(self, intent: AfPacket, observed: Observed) -> dict[str, int | str] | None:
        # Without a tag: made by an earlier life that ended before it could tag it.
        name = f"host-{intent.host_interface}"
        return observed.tagged(intent.tag) or observed.interface(lambda row: row.interface_name == name and not row.tag)


class TapKind(InterfaceKind[Tap]):
    """A tap or tun in a namespace (tap_create_v3).

    A persistent device is asked for with ATTACH, which also makes a missing one; on SYSCALL_ERROR_2 (the
    namespace or /dev/net/tun could not be opened) once more without ATTACH (VPP: vnet/devices/tap/tap.c).
    """

    intent = Tap
    messages = ("tap_create_v3", "tap_delete_v2")

    def check(self, intent: Tap) -> None:
        check_text("host_interface", intent.host_interface, DEVICE_BYTES_MAX)
        check_text("netns", intent.netns, _NETNS_BYTES_MAX)
        check_text("tag", intent.tag, TAG_BYTES_MAX)
        check_range("mtu", intent.mtu, 64, 65535)
        for field, ring in (("rx_ring", intent.rx_ring), ("tx_ring", intent.tx_ring)):
            check_range(field, ring, 1, 32768)
            if ring & (ring - 1):
                raise Never(f"{field}: {ring} is not a power of two")
        for field, address in (("mac", intent.mac), ("host_mac", intent.host_mac)):
            if address is not None:
                check_mac(field, address)
        if intent.tun and (intent.mac or intent.host_mac):
            raise Never("mac: a tun has none")

    def making_call(self, intent: Tap) -> VppCall:
        flags = (_TAP_GSO | _TAP_GRO_COALESCE) * intent.gso | _TAP_TUN * intent.tun
        if not intent.persist:
            return self._call(intent, flags)
        again = self._call(intent, flags | _TAP_PERSIST)
        first = self._call(intent, flags | _TAP_PERSIST | _TAP_ATTACH)
        return VppCall(first.message, first.fields, instead_on=retvals_named("SYSCALL_ERROR_2"), instead=again)

    def _call(self, intent: Tap, flags: int) -> VppCall:
        fields: dict[str, Any] = {
            "id": NO_INDEX,
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

    def delete(self, intent: Tap, indices: VppIndices, details: Details) -> CallSequence:
        yield [add_del("tap_delete_v2", False, {"sw_if_index": details["sw_if_index"]})]
        return details

    def recognise(self, intent: Tap, observed: Observed) -> dict[str, int | str] | None:
        return observed.tagged(intent.tag)


class LoopbackKind(InterfaceKind[Loopback]):
    """A loopback (create_loopback)."""

    intent = Loopback
    messages = ("create_loopback", "delete_loopback", "sw_interface_tag_add_del")

    def check(self, intent: Loopback) -> None:
        check_text("tag", intent.tag, TAG_BYTES_MAX)
        check_mac("mac", intent.mac)

    def making_call(self, intent: Loopback) -> VppCall:
        return VppCall("create_loopback", {"mac_address": intent.mac})

    def delete(self, intent: Loopback, indices: VppIndices, details: Details) -> CallSequence:
        yield [add_del("delete_loopback", False, {"sw_if_index": details["sw_if_index"]})]
        return details

    def completing_calls(self, intent: Loopback, number: int) -> list[VppCall]:
        return [tag_call(number, intent.tag)]

    def recognise(self, intent: Loopback, observed: Observed) -> dict[str, int | str] | None:
        def matches(row: Any) -> bool:
            mac_equal = str(row.l2_address).lower() == intent.mac.lower()
            return not row.tag and mac_equal and str(row.interface_name).startswith("loop")

        return observed.tagged(intent.tag) or observed.interface(matches)
