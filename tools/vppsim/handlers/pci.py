"""NICs by PCI address: each is refused as VPP refuses one that does not exist."""

from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers.registry import call
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp

RING_DEFAULT, RING_STEP, RING_MAX = 4096, 64, 4096
RX_QUEUES_MAX, THREADS = 16, 1
BUS = "pci/"
INVALID_BUS, INVALID_DEVICE_ID, NOT_FOUND, UNKNOWN_INTERFACE = -10, -12, -20, -31  # VPP: vnet/dev/errors.h


@call("virtio_pci_create_v2")
def virtio_pci_create_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(VnetError.INVALID_INTERFACE, sw_if_index=INDEX_INVALID)


@call("virtio_pci_delete")
def virtio_pci_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(VnetError.INVALID_SW_IF_INDEX)


@call("vmxnet3_create")
def vmxnet3_create(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    rings = [size or RING_DEFAULT for size in (message.rxq_size, message.txq_size)]
    unfit = any(not RING_STEP <= size <= RING_MAX or size % RING_STEP for size in rings)
    if unfit or message.rxq_num > RX_QUEUES_MAX or message.txq_num > THREADS:
        raise VppRefused(VnetError.INVALID_VALUE, sw_if_index=0)
    raise VppRefused(VnetError.INVALID_INTERFACE, sw_if_index=0)


@call("vmxnet3_delete")
def vmxnet3_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(VnetError.INVALID_SW_IF_INDEX)


@call("dev_attach")
def dev_attach(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    if not message.device_id.startswith(BUS):
        raise VppRefused(INVALID_BUS, dev_index=INDEX_INVALID, error_string="invalid bus")
    raise VppRefused(INVALID_DEVICE_ID, dev_index=INDEX_INVALID, error_string="invalid device id")


@call("dev_create_port_if")
def dev_create_port_if(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(NOT_FOUND, sw_if_index=INDEX_INVALID, error_string="not found")


@call("dev_remove_port_if")
def dev_remove_port_if(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    raise VppRefused(UNKNOWN_INTERFACE, error_string="unknown interface")
