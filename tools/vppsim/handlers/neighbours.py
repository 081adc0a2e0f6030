"""Neighbours, and proxies for ARP and neighbour discovery."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.fib.paths import FibEntryFlag, FibPath, FibSource
from tools.vppsim.handlers import convert
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.retvals import VnetError, VppRefused
from tools.vppsim.state.neighbours import NeighbourConfig
from tools.vppsim.vpp import Vpp

STATIC, NO_FIB_ENTRY = 1, 2


@call("ip_neighbor_add_del")
def ip_neighbor_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> Fields | None:
    neighbour = message.neighbor
    interface = vpp.interfaces.find(neighbour.sw_if_index)
    key = (interface.index, convert.address(neighbour.ip_address))
    if not message.is_add:
        vpp.neighbours.remove(key)
        return None
    flags = int(neighbour.flags)
    mac = bytes(neighbour.mac_address)
    waiting = vpp.neighbours.add(key, mac, vpp.now(), bool(flags & STATIC), not flags & NO_FIB_ENTRY)
    for packet in waiting:
        vpp.output.send(packet, *key)
    return {"stats_index": 0}


@dump("ip_neighbor_dump")
def ip_neighbor_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for (if_index, address), entry in vpp.neighbours.entries(convert.decode_family(message.af), message.sw_if_index):
        yield {
            "age": vpp.now() - entry.heard_at,
            "neighbor": {
                "sw_if_index": if_index,
                "flags": STATIC if entry.static else 0,
                "mac_address": entry.mac,
                "ip_address": convert.address_fields(address),
            },
        }


@call("ip_neighbor_config")
def ip_neighbor_config(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    config = NeighbourConfig(message.max_number, message.max_age, message.recycle)
    vpp.neighbours.config[convert.decode_family(message.af)] = config


@call("ip_neighbor_config_get")
def ip_neighbor_config_get(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    config = vpp.neighbours.config[convert.decode_family(message.af)]
    return {"af": message.af, "max_number": config.number, "max_age": config.age_s, "recycle": config.recycle}


@call("ip_neighbor_flush")
def ip_neighbor_flush(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    for key, _ in vpp.neighbours.entries(convert.decode_family(message.af), message.sw_if_index):
        vpp.neighbours.remove(key)


@call("proxy_arp_add_del")
def proxy_arp_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """A range is known by both its ends; adding it again changes nothing."""
    proxy = message.proxy
    vpp.tables.find(4, proxy.table_id)
    entry = (proxy.table_id, bytes(proxy.low), bytes(proxy.hi))
    if message.is_add and entry not in vpp.proxy_arp:
        vpp.proxy_arp.append(entry)
    elif not message.is_add:
        if entry not in vpp.proxy_arp:
            raise VppRefused(VnetError.NO_SUCH_ENTRY)
        vpp.proxy_arp.remove(entry)


@dump("proxy_arp_dump")
def proxy_arp_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for table_id, low, high in vpp.proxy_arp:
        yield {"proxy": {"table_id": table_id, "low": low, "hi": high}}


@call("proxy_arp_intfc_enable_disable")
def proxy_arp_intfc_enable_disable(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index).proxy_arp = message.enable


@dump("proxy_arp_intfc_dump")
def proxy_arp_intfc_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    yield from ({"sw_if_index": interface.index} for interface in vpp.interfaces if interface.proxy_arp)


@call("ip6nd_proxy_enable_disable")
def ip6nd_proxy_enable_disable(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.interfaces.find(message.sw_if_index).nd_proxy = message.is_enable


@call("ip6nd_proxy_add_del")
def ip6nd_proxy_add_del(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """An interface answers for an address, and the address is routed to it."""
    interface = vpp.interfaces.find(message.sw_if_index)
    table, address = vpp.tables.unicast[6, interface.tables[6]], bytes(message.ip)
    if message.is_add:
        path = FibPath(if_index=interface.index, next_hop=address, proto=6)
        table.set_source(address, 128, FibSource.IP6_ND_PROXY, (path,), FibEntryFlag.ATTACHED)
    else:
        table.clear_source(address, 128, FibSource.IP6_ND_PROXY)
    vpp.invalidate_forwarding()


@dump("ip6nd_proxy_dump")
def ip6nd_proxy_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    for table in vpp.tables.unicast.values():
        for entry in table.entries():
            if FibSource.IP6_ND_PROXY in entry.sources:
                yield {"sw_if_index": entry.sources[FibSource.IP6_ND_PROXY].paths[0].if_index, "ip": entry.address}
