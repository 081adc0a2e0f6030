"""Punting to the host; TTL exemptions between host and uplink."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers import convert
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.headers import TCP, UDP
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp

L4, EXCEPTION = 0, 2
ALL_PORTS = 0xFFFF
REASONS = {1: "ipsec4-spi-o-udp-0", 2: "ipsec4-no-such-tunnel", 3: "ipsec6-no-such-tunnel", 4: "ipsec6-spi-o-udp-0"}
"""Reasons to punt by id. Registering for one changes nothing: vppsim has no IPsec."""


@call("set_punt")
def set_punt(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """As in VPP, TCP (all ports), UDP (all or one), and exceptions that have a reason."""
    kind = int(message.punt.type)
    if kind == EXCEPTION and message.is_add and message.punt.punt.exception.id in REASONS:
        return
    l4 = message.punt.punt.l4
    if kind != L4 or int(l4.protocol) not in (TCP, UDP) or (int(l4.protocol) == TCP and l4.port != ALL_PORTS):
        raise VppRefused(VnetError.UNSPECIFIED)
    if int(l4.protocol) == UDP:
        _punt_udp(vpp, convert.decode_family(l4.af), l4.port, message.is_add)


def _punt_udp(vpp: Vpp, family: int, port: int, is_add: bool) -> None:
    if port == ALL_PORTS:
        (vpp.punts.families_udp.add if is_add else vpp.punts.families_udp.discard)(family)
    else:
        (vpp.punts.ports.add if is_add else vpp.punts.ports.discard)((family, port))


@dump("punt_reason_dump")
def punt_reason_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Dumps all reasons, or those whose name contains the requested one."""
    for number, name in REASONS.items():
        if message.reason.name in name:
            yield {"reason": {"id": number, "name": name}}


@call("add_del_ip_punt_redirect_v2")
def add_del_ip_punt_redirect_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    punt = message.punt
    key = (convert.decode_family(punt.af), 0 if punt.rx_sw_if_index == INDEX_INVALID else punt.rx_sw_if_index)
    paths = tuple(convert.path(vpp, path) for path in punt.paths)
    if message.is_add:
        vpp.punts.redirects[key] = paths
    else:
        vpp.punts.redirects.pop(key, None)


@dump("ip_punt_redirect_v2_dump")
def ip_punt_redirect_v2_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Dumps redirections of one receiving interface, or all."""
    family = convert.decode_family(message.af)
    for (redirect_family, rx), paths in sorted(vpp.punts.redirects.items()):
        if redirect_family == family and message.sw_if_index in (INDEX_INVALID, rx):
            fields = [convert.path_fields(path) for path in paths]
            yield {
                "punt": {
                    "rx_sw_if_index": rx or message.sw_if_index,
                    "af": message.af,
                    "n_paths": len(fields),
                    "paths": fields,
                }
            }


@call("ip_ttl_fixup_configure")
def ip_ttl_fixup_configure(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    source = vpp.interfaces.find(message.src_sw_if_index)
    destination = vpp.interfaces.find(message.dst_sw_if_index)
    pair = (source.index, destination.index)
    (vpp.ttl_exempt.add if message.enable else vpp.ttl_exempt.discard)(pair)
