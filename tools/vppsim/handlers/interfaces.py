"""Interfaces of any kind: state, MTU, tables, tags, queues, events; loopbacks."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.offload import Offload
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state import addressing, lifecycle
from tools.vppsim.state.interfaces import TAG_LENGTH_MAX, Interface
from tools.vppsim.vpp import Vpp

ADMIN_UP, LINK_UP = 1, 2
LOOPBACK = "Loopback"
UPLINK, AF_XDP = "af-packet", "AF_XDP interface"
ADAPTIVE = 3
QUEUELESS = ("local", LOOPBACK)


class LoopbackDevice:
    """The device of a loopback: nothing is behind it."""

    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None:
        return None

    def close(self) -> None:
        return None


@dump("sw_interface_dump")
def sw_interface_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Dumps one interface, all (index 0 or ~0), or those whose name contains the filter."""
    index, name = message.sw_if_index, message.name_filter.lower()
    if not message.name_filter_valid and index not in (0, INDEX_INVALID):
        interface = vpp.interfaces.get(index)
        yield from [_details(interface)] if interface else []
        return
    for interface in vpp.interfaces:
        if not message.name_filter_valid or name in interface.name.lower():
            yield _details(interface)


def _details(interface: Interface) -> Fields:
    return {
        "sw_if_index": interface.index,
        "sup_sw_if_index": interface.index,
        "l2_address": interface.mac,
        "flags": (ADMIN_UP if interface.admin_up else 0) | (LINK_UP if interface.link_up else 0),
        "link_speed": 0,
        "link_mtu": interface.link_mtu,
        "mtu": interface.mtu,
        "interface_name": interface.name[:63],
        "interface_dev_type": interface.dev_type[:63],
        "tag": interface.tag,
    }


@call("sw_interface_set_flags")
def sw_interface_set_flags(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    lifecycle.set_admin(vpp, vpp.interfaces.find(message.sw_if_index), bool(message.flags & ADMIN_UP))


@call("sw_interface_set_mtu")
def sw_interface_set_mtu(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index).mtu = list(message.mtu)


@call("hw_interface_set_mtu")
def hw_interface_set_mtu(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if not interface.ethernet:
        raise VppRefused(VnetError.FEATURE_DISABLED)
    if interface.dev_type in (LOOPBACK, AF_XDP):
        raise VppRefused(VnetError.UNSUPPORTED)
    interface.link_mtu = interface.mtu[0] = message.mtu


@call("sw_interface_set_table")
def sw_interface_set_table(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Refused while the interface has, or borrows, an address of that family."""
    interface = vpp.interfaces.find(message.sw_if_index)
    family = 6 if message.is_ipv6 else 4
    vpp.tables.find(family, message.vrf_id)
    lender = vpp.interfaces.get(interface.unnumbered) if interface.unnumbered is not None else interface
    if lender is not None and lender.addresses[family]:
        raise VppRefused(VnetError.ADDRESS_FOUND_FOR_INTERFACE)
    listens = interface.ip_enabled(family)
    if listens:
        addressing.listen_to_groups(vpp, interface, family, False)
    interface.tables[family] = message.vrf_id
    vpp.urpf.rebind(family, interface.index, message.vrf_id)
    if listens:
        addressing.listen_to_groups(vpp, interface, family, True)
    vpp.tables.collect()


@call("sw_interface_get_table")
def sw_interface_get_table(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    interface = vpp.interfaces.find(message.sw_if_index)
    return {"vrf_id": interface.tables[6 if message.is_ipv6 else 4]}


@call("sw_interface_set_unnumbered")
def sw_interface_set_unnumbered(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """`unnumbered_sw_if_index` borrows the addresses of `sw_if_index`; both must be in the same tables."""
    borrower = vpp.interfaces.find(message.unnumbered_sw_if_index)
    if message.is_add:
        lender = vpp.interfaces.find(message.sw_if_index, VnetError.INVALID_SW_IF_INDEX_2)
        if lender.tables != borrower.tables:
            raise VppRefused(VnetError.UNEXPECTED_INTF_STATE)
        borrower.unnumbered = lender.index
    else:
        borrower.unnumbered = None
    vpp.invalidate_forwarding()


@call("sw_interface_tag_add_del")
def sw_interface_tag_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if message.is_add and not message.tag:
        raise VppRefused(VnetError.INVALID_VALUE)
    interface.tag = message.tag[:TAG_LENGTH_MAX] if message.is_add else ""


@call("sw_interface_set_rx_mode")
def sw_interface_set_rx_mode(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    unfit = (
        message.mode == ADAPTIVE if interface.dev_type == UPLINK else message.queue_id_valid and message.queue_id != 0
    )
    if interface.dev_type != LOOPBACK and unfit:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    interface.rx_mode = int(message.mode)


@call("sw_interface_set_rx_placement")
def sw_interface_set_rx_placement(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """There are no workers: accepts worker 0 with queue 0, or the main thread."""
    interface = vpp.interfaces.find(message.sw_if_index)
    if interface.dev_type in QUEUELESS or message.queue_id != 0 or (not message.is_main and message.worker_id != 0):
        raise VppRefused(VnetError.UNIMPLEMENTED)


@call("sw_interface_set_tx_placement")
def sw_interface_set_tx_placement(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index)


@dump("sw_interface_rx_placement_dump")
def sw_interface_rx_placement_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for interface in vpp.interfaces:
        if interface.dev_type not in QUEUELESS and message.sw_if_index in (INDEX_INVALID, interface.index):
            for queue in range(interface.rx_queues):
                yield {"sw_if_index": interface.index, "queue_id": queue, "worker_id": 0, "mode": interface.rx_mode}


@call("sw_interface_set_promisc")
def sw_interface_set_promisc(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if not interface.ethernet:
        raise VppRefused(VnetError.INVALID_VALUE)
    if interface.dev_type in (LOOPBACK, UPLINK, AF_XDP):
        raise VppRefused(VnetError.UNSPECIFIED)
    interface.promiscuous = message.promisc_on


@call("sw_interface_set_mac_address")
def sw_interface_set_mac_address(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if not interface.ethernet:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    interface.mac = bytes(message.mac_address)


@call("sw_interface_get_mac_address")
def sw_interface_get_mac_address(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"mac_address": vpp.interfaces.find(message.sw_if_index).mac}


@call("sw_interface_set_interface_name")
def sw_interface_set_interface_name(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index).name = message.name


@call("want_interface_events")
def want_interface_events(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Subscribing twice, or unsubscribing without a subscription, is refused."""
    if bool(message.enable_disable) == (client.index in vpp.subscribers):
        raise VppRefused(VnetError.INVALID_REGISTRATION)
    if message.enable_disable:
        vpp.subscribers[client.index] = message.pid
    else:
        del vpp.subscribers[client.index]


@call("create_loopback")
def create_loopback(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return _create_loopback(vpp, bytes(message.mac_address), None)


@call("create_loopback_instance")
def create_loopback_instance(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return _create_loopback(vpp, bytes(message.mac_address), message.user_instance if message.is_specified else None)


def _create_loopback(vpp: Vpp, mac: bytes, instance: int | None) -> Fields:
    instances = {vpp.device_records[i.index] for i in vpp.interfaces if i.dev_type == LOOPBACK}
    if instance in instances:
        raise VppRefused(VnetError.INVALID_REGISTRATION)
    number = instance if instance is not None else next(n for n in range(len(instances) + 1) if n not in instances)
    mac = mac if any(mac) else b"\xde\xad\0\0\0" + bytes([number & 0xFF])
    interface = Interface(f"loop{number}", LOOPBACK, mac, link_up=False, link_follows_admin=True)
    interface.device = LoopbackDevice()
    vpp.device_records[lifecycle.add(vpp, interface).index] = number
    return {"sw_if_index": interface.index}


@call("delete_loopback")
def delete_loopback(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if interface.dev_type != LOOPBACK:
        raise VppRefused(VnetError.INVALID_SW_IF_INDEX)
    lifecycle.delete(vpp, interface)
