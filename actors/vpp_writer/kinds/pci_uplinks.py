"""Uplinks that VPP drives itself, by their PCI address: virtio, vmxnet3, ports of VPP's device framework."""

import re
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.checks import check_intent_range, check_intent_text
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import ObjectDetails, VppCallSequence
from actors.vpp_writer.kinds.uplinks import SET_MAC_MESSAGE, UplinkKind, uplink_object_details
from schemas.intents import DevicePortIntent, VirtioPciIntent, Vmxnet3Intent

_ADDRESS = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])")
_VIRTIO_GSO, _VIRTIO_CHECKSUM = 1, 2  # virtio_flags
_VMXNET3_RX_QUEUES_MAX, _VMXNET3_TX_QUEUES_MAX = 16, 8  # VPP: plugins/vmxnet3/vmxnet3.h
_VMXNET3_RING_STEP, _VMXNET3_RING_MAX = 64, 4096
_DRIVER_BYTES_MAX = 15  # dev_attach
_PORT = 0


class PciAddress(NamedTuple):
    """domain:bus:slot.function"""

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def of(cls, text: str) -> "PciAddress":
        """The address "0000:3b:02.0". Raises IntentRejected."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise IntentRejected(f"pci: {text!r} is not a PCI address like 0000:3b:02.0")
        return cls(*(int(part, 16) for part in match.groups()))

    @property
    def number(self) -> int:
        """As VPP keeps it in 32 bits (VPP: vlib_pci_addr_t): domain in the lowest 16, then bus, slot, function."""
        return self.domain | self.bus << 16 | self.slot << 24 | self.function << 29

    @property
    def in_names(self) -> str:
        """As VPP's names of interfaces have it: hexadecimal, without leading zeros."""
        return "/".join(f"{part:x}" for part in self)


class VirtioPciKind(UplinkKind[VirtioPciIntent]):
    """A virtio NIC (virtio_pci_create_v2)."""

    intent = VirtioPciIntent
    messages = ("virtio_pci_create_v2", "virtio_pci_delete", "sw_interface_tag_add_del")

    def vpp_name(self, intent: VirtioPciIntent) -> str:
        return f"virtio-{PciAddress.of(intent.pci).in_names}"

    def check(self, intent: VirtioPciIntent) -> None:
        super().check(intent)
        PciAddress.of(intent.pci)

    def making_call(self, intent: VirtioPciIntent) -> VppCall:
        fields = {
            "pci_addr": PciAddress.of(intent.pci)._asdict(),
            "use_random_mac": False,
            "mac_address": intent.mac,
            "virtio_flags": (_VIRTIO_GSO | _VIRTIO_CHECKSUM) * intent.gso,
        }
        return VppCall("virtio_pci_create_v2", fields)

    def delete(self, intent: VirtioPciIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("virtio_pci_delete", False, {"sw_if_index": details["sw_if_index"]})]
        return details


class Vmxnet3Kind(UplinkKind[Vmxnet3Intent]):
    """A vmxnet3 NIC (vmxnet3_create); VPP reads its MAC address from the device."""

    intent = Vmxnet3Intent
    messages = ("vmxnet3_create", "vmxnet3_delete", "sw_interface_tag_add_del")

    def vpp_name(self, intent: Vmxnet3Intent) -> str:
        return f"vmxnet3-{PciAddress.of(intent.pci).in_names}"

    def check(self, intent: Vmxnet3Intent) -> None:
        super().check(intent)
        PciAddress.of(intent.pci)
        check_intent_range("rx_queues", intent.rx_queues, 1, _VMXNET3_RX_QUEUES_MAX)
        check_intent_range("tx_queues", intent.tx_queues, 1, _VMXNET3_TX_QUEUES_MAX)
        for field, ring in (("rx_ring", intent.rx_ring), ("tx_ring", intent.tx_ring)):
            check_intent_range(field, ring, _VMXNET3_RING_STEP, _VMXNET3_RING_MAX)
            if ring % _VMXNET3_RING_STEP:
                raise IntentRejected(f"{field}: {ring} is not a multiple of {_VMXNET3_RING_STEP}")

    def making_call(self, intent: Vmxnet3Intent) -> VppCall:
        fields = {
            "pci_addr": PciAddress.of(intent.pci).number,
            "rxq_size": intent.rx_ring,
            "rxq_num": intent.rx_queues,
            "txq_size": intent.tx_ring,
            "txq_num": intent.tx_queues,
            "enable_gso": intent.gso,
        }
        return VppCall("vmxnet3_create", fields)

    def delete(self, intent: Vmxnet3Intent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("vmxnet3_delete", False, {"sw_if_index": details["sw_if_index"]})]
        return details


class DevicePortKind(UplinkKind[DevicePortIntent]):
    """Port 0 of a device: the device is attached, then its port becomes an interface, named after both.

    VPP's API lists devices nowhere, so the index that dev_detach wants is lost with a life of this process that
    ends in the middle: the device is detached by its id, which VPP's command line takes; before it is attached too.
    """

    intent = DevicePortIntent
    messages = (
        "cli_inband",
        "dev_attach",
        "dev_create_port_if",
        "dev_remove_port_if",
        SET_MAC_MESSAGE,
        "sw_interface_tag_add_del",
    )
    mac_at_creation = False

    def vpp_name(self, intent: DevicePortIntent) -> str:
        return re.escape(_interface_name(intent))

    def check(self, intent: DevicePortIntent) -> None:
        super().check(intent)
        PciAddress.of(intent.pci)
        check_intent_text("driver", intent.driver, _DRIVER_BYTES_MAX)
        if " " in intent.driver:
            raise IntentRejected(f"driver: {intent.driver!r}: no spaces")
        for field in ("rx_queues", "tx_queues", "rx_ring", "tx_ring"):
            check_intent_range(field, getattr(intent, field), 1, 0xFFFF)

    def make(self, intent: DevicePortIntent) -> Generator[Sequence[VppCall], Sequence[Any], ObjectDetails]:
        yield [_detach(intent)]
        (attached,) = yield [_attach(intent)]
        try:
            (reply,) = yield [_create_port(intent, int(attached.dev_index))]
            return uplink_object_details("dev_create_port_if", reply)
        except (VppCallRetriedLater, NoVppAnswer):
            yield [_detach(intent)]
            raise

    def delete(self, intent: DevicePortIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        fields = {"sw_if_index": int(details["sw_if_index"])}
        yield [add_del_call("dev_remove_port_if", False, fields)]
        yield [_detach(intent)]
        return details


def _interface_name(intent: DevicePortIntent) -> str:
    """What the interface is to be called; VPP's own choice would not tell which device it is."""
    return f"{intent.driver}-{PciAddress.of(intent.pci).in_names}"


def _device(intent: DevicePortIntent) -> str:
    """VPP's id of the device."""
    return f"pci/{intent.pci}"


def _attach(intent: DevicePortIntent) -> VppCall:
    return VppCall("dev_attach", {"device_id": _device(intent), "driver_name": intent.driver})


def _create_port(intent: DevicePortIntent, device: int) -> VppCall:
    fields = {
        "dev_index": device,
        "intf_name": _interface_name(intent),
        "num_rx_queues": intent.rx_queues,
        "num_tx_queues": intent.tx_queues,
        "rx_queue_size": intent.rx_ring,
        "tx_queue_size": intent.tx_ring,
        "port_id": _PORT,
    }
    return VppCall("dev_create_port_if", fields)


def _detach(intent: DevicePortIntent) -> VppCall:
    return add_del_call("cli_inband", False, {"cmd": f"device detach {_device(intent)}"})
