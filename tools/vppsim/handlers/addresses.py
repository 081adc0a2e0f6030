"""Addresses of interfaces, IPv6 on and off, and reading them back."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers import convert
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.headers import family_of
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state import addressing
from tools.vppsim.vpp import Vpp


@call("sw_interface_add_del_address")
def sw_interface_add_del_address(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    if message.del_all:
        addressing.remove_all(vpp, interface)
        return
    address, length = convert.address(message.prefix.address), message.prefix.len
    change = addressing.add if message.is_add else addressing.remove
    change(vpp, interface, family_of(address), address, length)


@call("sw_interface_ip6_enable_disable")
def sw_interface_ip6_enable_disable(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Enabling IPv6 again is refused, but counts: it must be disabled as often."""
    interface = vpp.interfaces.find(message.sw_if_index)
    if message.enable:
        if not addressing.enable_ip6(vpp, interface):
            raise VppRefused(VnetError.VALUE_EXIST)
    elif not interface.ip6_enable_count:
        raise VppRefused(VnetError.IP6_NOT_ENABLED)
    else:
        addressing.disable_ip6(vpp, interface)
    vpp.invalidate_forwarding()


@call("sw_interface_ip6_get_link_local_address")
def sw_interface_ip6_get_link_local_address(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    interface = vpp.interfaces.find(message.sw_if_index)
    if not interface.link_local:
        raise VppRefused(VnetError.IP6_NOT_ENABLED)
    return {"ip": interface.link_local}


@call("sw_interface_ip6_set_link_local_address")
def sw_interface_ip6_set_link_local_address(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    addressing.set_link_local(vpp, vpp.interfaces.find(message.sw_if_index), bytes(message.ip))


@call("sw_interface_ip6nd_ra_config")
def sw_interface_ip6nd_ra_config(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Router advertisements are never sent here, so suppressing them needs nothing done."""
    interface = vpp.interfaces.find(message.sw_if_index)
    if not interface.ip6_enable_count or not interface.ethernet:
        raise VppRefused(VnetError.IP6_NOT_ENABLED)


@dump("ip_address_dump")
def ip_address_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    interface = vpp.interfaces.find(message.sw_if_index)
    for address, length in interface.addresses[6 if message.is_ipv6 else 4]:
        yield {"sw_if_index": interface.index, "prefix": convert.prefix_fields(address, length)}


@dump("ip_unnumbered_dump")
def ip_unnumbered_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for interface in vpp.interfaces:
        if interface.unnumbered is not None and message.sw_if_index in (INDEX_INVALID, interface.index):
            yield {"sw_if_index": interface.index, "ip_sw_if_index": interface.unnumbered}


@dump("ip_dump")
def ip_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for interface in vpp.interfaces:
        if interface.unnumbered is None:
            yield {"sw_if_index": interface.index, "is_ipv6": message.is_ipv6}
