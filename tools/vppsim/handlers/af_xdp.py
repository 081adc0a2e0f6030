"""AF_XDP uplinks, over packet sockets: no XDP program is attached, and Linux sees the packets too (docs/vppsim.md)."""

from dataclasses import dataclass
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.devices import link
from tools.vppsim.handlers.devices import plug
from tools.vppsim.handlers.interfaces import AF_XDP
from tools.vppsim.handlers.registry import Fields, call
from tools.vppsim.retvals import VnetError, VppRefused
from tools.vppsim.state import lifecycle
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.vpp import Vpp

RING_DEFAULT, RING_MIN, RING_MAX = 512, 256, 65535
NAME_BYTES = 16
QUEUES, ALL_QUEUES = 1, 65535  # a link here has one
ZERO_COPY, MAC_REUSE = 2, 2


@dataclass(frozen=True)
class XdpRecord:
    """The link of an AF_XDP interface, and the number of the device in VPP."""

    instance: int
    link: str


@call("af_xdp_create_v3")
def af_xdp_create_v3(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    rings = [size or RING_DEFAULT for size in (message.rxq_size, message.txq_size)]
    unfit = any(not RING_MIN <= size <= RING_MAX or size & (size - 1) for size in rings)
    name = message.host_if
    if not name or len(name) >= NAME_BYTES or unfit or message.rxq_num not in (0, QUEUES, ALL_QUEUES):
        raise VppRefused(VnetError.INVALID_VALUE, sw_if_index=0)
    if message.prog or message.netns:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    records = [record for record in vpp.device_records.values() if isinstance(record, XdpRecord)]
    if not link.exists(name):
        raise VppRefused(VnetError.INVALID_VALUE, sw_if_index=0)
    if message.mode == ZERO_COPY or name in {record.link for record in records}:
        raise VppRefused(VnetError.SYSCALL_ERROR_2, sw_if_index=0)
    instance = next(n for n in range(len(records) + 1) if n not in {record.instance for record in records})
    device = vpp.devices.packet_socket(name, False)
    mac = link.mac(name) if message.flags & MAC_REUSE else b"\x02\xfe" + vpp.random_bytes(4)
    interface = Interface(message.name or f"{name}/{instance}", AF_XDP, mac, link_up=False, link_follows_admin=True)
    plug(vpp, interface, device)
    vpp.device_records[interface.index] = XdpRecord(instance, name)
    return {"sw_if_index": interface.index}


@call("af_xdp_delete")
def af_xdp_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index, VnetError.INVALID_INTERFACE)
    if interface.dev_type != AF_XDP:
        raise VppRefused(VnetError.INVALID_INTERFACE)
    lifecycle.delete(vpp, interface)
