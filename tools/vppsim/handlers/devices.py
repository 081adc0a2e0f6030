"""Interfaces with a Linux end: taps and tuns, AF_PACKET uplinks; GSO on and off. AF_XDP uplinks: `af_xdp.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.devices.maker import AttachedDevice
from tools.vppsim.devices.tuntap import TapRequest
from tools.vppsim.handlers.interfaces import UPLINK
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.offload import Offload
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state import lifecycle
from tools.vppsim.state.interfaces import TAG_LENGTH_MAX, Interface
from tools.vppsim.vpp import Vpp

TAP = "tap"
GSO, CHECKSUM, PERSIST, ATTACH, TUN = 1, 2, 4, 8, 16
QDISC_BYPASS, UPLINK_GSO = 1, 2
MODE_ETHERNET, MODE_IP = 1, 2
TAPS_MAX = 1 << 16
RING_SIZE_DEFAULT, RING_SIZE_MAX = 256, 32768


@dataclass(frozen=True)
class TapRecord:
    """How a tap was made, for dumps."""

    number: int
    request: TapRequest
    flags: int
    rx_ring: int
    tx_ring: int
    host_name: str


def plug(vpp: Vpp, interface: Interface, device: AttachedDevice) -> Interface:
    """Put a new interface with its device into service."""
    interface.device = device
    lifecycle.add(vpp, interface)
    index = interface.index

    def receive(frame: bytes, offload: Offload | None) -> None:
        try:
            vpp.device_input.receive(index, frame, offload)
        except Exception as bug:  # one packet must not stop all others
            vpp.log.error("bug", packet=frame[:64].hex(), error=repr(bug))

    def on_vanished() -> None:
        lifecycle.set_link(vpp, interface, False)
        vpp.log.warning("device_gone", interface=interface.name, sw_if_index=index)

    device.start(receive, on_vanished)
    return interface


def _tag(text: str) -> str:
    """The tag as VPP shows it: without a zero at its end, whatever follows it in memory is shown too (here `?`)."""
    return (text.rstrip("\0") if text.endswith("\0") or not text else f"{text}?")[:TAG_LENGTH_MAX]


@call("tap_create_v3")
def tap_create_v3(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    number = _free_number(vpp, message.id)
    rings = [size or RING_SIZE_DEFAULT for size in (message.rx_ring_sz, message.tx_ring_sz)]
    flags = int(message.tap_flags)
    request = _tap_request(vpp, message, flags)
    device = vpp.devices.tap(request)
    if any(size & (size - 1) or size > RING_SIZE_MAX for size in rings):
        device.close()
        raise VppRefused(VnetError.INIT_FAILED)
    mac = b"" if request.tun else _mac(vpp, bytes(message.mac_address), message.use_random_mac)
    interface = Interface(f"{'tun' if request.tun else 'tap'}{number}", TAP, mac, tag=_tag(message.tag))
    interface.offload_segmentation, interface.offload_checksum = bool(flags & GSO), bool(flags & (GSO | CHECKSUM))
    if request.tun:
        interface.link_mtu = interface.mtu[0] = 0
    interface.rx_queues = max(1, message.num_rx_queues)
    plug(vpp, interface, device)
    vpp.device_records[interface.index] = TapRecord(number, request, flags, rings[0], rings[1], device.host_name)
    return {"sw_if_index": interface.index}


def _tap_request(vpp: Vpp, message: Any, flags: int) -> TapRequest:
    if message.host_ip4_prefix_set or message.host_ip6_prefix_set or message.host_ip4_gw_set or message.host_ip6_gw_set:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    return TapRequest(
        tun=bool(flags & TUN),
        host_name=message.host_if_name if message.host_if_name_set else "",
        namespace=message.host_namespace if message.host_namespace_set else "",
        host_mac=_mac(vpp, bytes(message.host_mac_addr), not message.host_mac_addr_set),
        host_mtu=message.host_mtu_size if message.host_mtu_set else 0,
        bridge=message.host_bridge if message.host_bridge_set else "",
        persist=bool(flags & PERSIST),
        attach=bool(flags & ATTACH),
        checksum_offload=bool(flags & (GSO | CHECKSUM)),
        segmentation_offload=bool(flags & GSO),
    )


def _free_number(vpp: Vpp, number: int) -> int:
    numbers = {record.number for record in vpp.device_records.values() if isinstance(record, TapRecord)}
    if number in numbers:
        raise VppRefused(VnetError.INVALID_INTERFACE)
    if number != INDEX_INVALID and number > TAPS_MAX:
        raise VppRefused(VnetError.UNSPECIFIED)
    return number if number != INDEX_INVALID else next(n for n in range(TAPS_MAX) if n not in numbers)


def _mac(vpp: Vpp, mac: bytes, random: bool) -> bytes:
    return b"\x02\xfe" + vpp.random_bytes(4) if random else mac


@call("tap_delete_v2")
def tap_delete_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if interface.dev_type != TAP:
        raise VppRefused(VnetError.INVALID_SW_IF_INDEX)
    lifecycle.delete(vpp, interface)


@dump("sw_interface_tap_v2_dump")
def sw_interface_tap_v2_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for interface in vpp.interfaces:
        tap = vpp.device_records.get(interface.index)
        if isinstance(tap, TapRecord) and message.sw_if_index in (INDEX_INVALID, interface.index):
            yield {
                "sw_if_index": interface.index,
                "id": tap.number,
                "rx_ring_sz": tap.rx_ring,
                "tx_ring_sz": tap.tx_ring,
                "host_mtu_size": tap.request.host_mtu,
                "host_mac_addr": b"" if tap.request.tun else tap.request.host_mac,
                "tap_flags": tap.flags,
                "dev_name": interface.name,
                "host_if_name": tap.host_name,
                "host_namespace": tap.request.namespace,
                "host_bridge": tap.request.bridge,
            }


@call("af_packet_create_v3")
def af_packet_create_v3(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    name, flags = message.host_if_name, int(message.flags)
    if int(message.mode) not in (MODE_ETHERNET, MODE_IP):
        raise VppRefused(VnetError.INVALID_VALUE)
    if name in _uplinks(vpp).values():
        raise VppRefused(
            VnetError.IF_ALREADY_EXISTS, sw_if_index=next(i for i, link in _uplinks(vpp).items() if link == name)
        )
    device = vpp.devices.packet_socket(name, bool(flags & QDISC_BYPASS))
    mac = _mac(vpp, bytes(message.hw_addr), message.use_random_hw_addr)
    interface = Interface(f"host-{name}", UPLINK, mac)
    interface.offload_checksum = interface.offload_segmentation = bool(flags & UPLINK_GSO)
    plug(vpp, interface, device)
    vpp.device_records[interface.index] = name
    return {"sw_if_index": interface.index}


def _uplinks(vpp: Vpp) -> dict[int, str]:
    return {i.index: vpp.device_records[i.index] for i in vpp.interfaces if i.dev_type == UPLINK}


@call("af_packet_delete")
def af_packet_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    index = next((i for i, name in _uplinks(vpp).items() if name == message.host_if_name), None)
    if index is None:
        raise VppRefused(VnetError.SYSCALL_ERROR_1)
    lifecycle.delete(vpp, vpp.interfaces.find(index))


@dump("af_packet_dump")
def af_packet_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    yield from ({"sw_if_index": index, "host_if_name": name} for index, name in _uplinks(vpp).items())


@call("feature_gso_enable_disable")
def feature_gso_enable_disable(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index).gso_feature = message.enable_disable
