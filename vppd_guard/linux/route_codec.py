"""Routes as netlink's bytes and back. Pure.

Source: linux/rtnetlink.h. Attributes that are not decoded (realms, encapsulations...) are kept as bytes.
"""

import struct
from collections.abc import Mapping
from ipaddress import ip_network

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    netlink_family_of,
    netlink_ip_bytes,
    netlink_ip_text,
    netlink_number,
    netlink_u32,
    pack_netlink_attribute,
    pack_netlink_attributes,
    parse_netlink_attribute_list,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import LinuxHop, LinuxRoute, RawNetlinkAttributes

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
_RTA_DST, _RTA_SRC, RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_METRICS = 1, 2, 4, 5, 6, 7, 8
_RTA_MULTIPATH, _RTA_FLOW, _RTA_CACHEINFO, _RTA_TABLE, _RTA_VIA, _RTA_PREF = 9, 11, 12, 15, 18, 20
_RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_EXPIRES, _RTA_TTL_PROPAGATE, _RTA_NH_ID = 21, 22, 23, 26, 30
_RTNH_F_ONLINK = 4
_RTM_F_CLONED = 0x200
_AS_BYTES = (_RTA_FLOW, _RTA_ENCAP_TYPE, _RTA_ENCAP, _RTA_TTL_PROPAGATE)
_TICKS_PER_S = 100  # USER_HZ, in which the kernel tells times
RTMSG = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst, src, tos, table, protocol, scope, type, flags
_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, weight - 1, index
_ANY_ADDRESS = {AF_INET: "0.0.0.0", AF_INET6: "::"}


def decode_linux_route(body: bytes, index: int, names: Mapping[int, str]) -> LinuxRoute | None:
    """A route of the link `index`; None: it leaves by other links only, or is a learned exception."""
    family, to, source, tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(body)
    attributes = parse_netlink_attributes(body[RTMSG.size :])
    hops = _hops(attributes.get(_RTA_MULTIPATH, b""), index, names)
    uses_link = netlink_number(attributes.get(RTA_OIF, b"")) == index or any(not hop.link for hop in hops)
    if flags & _RTM_F_CLONED or not uses_link or family not in _ANY_ADDRESS:
        return None
    return LinuxRoute(
        prefix=_prefix(attributes.get(_RTA_DST), to, family),
        gateway=_gateway(attributes),
        source=netlink_ip_text(attributes[_RTA_PREFSRC]) if _RTA_PREFSRC in attributes else None,
        metric=netlink_number(attributes[_RTA_PRIORITY]) if _RTA_PRIORITY in attributes else None,
        scope=scope,
        protocol=protocol,
        onlink=bool(flags & _RTNH_F_ONLINK),
        table=netlink_number(attributes[_RTA_TABLE]) if _RTA_TABLE in attributes else table,
        type=kind,
        tos=tos,
        from_prefix=_prefix(attributes.get(_RTA_SRC), source, family) if source else None,
        hops=hops,
        nexthop=netlink_number(attributes[_RTA_NH_ID]) if _RTA_NH_ID in attributes else None,
        metrics=tuple(parse_netlink_attribute_list(attributes.get(_RTA_METRICS, b""))),
        preference=netlink_number(attributes[_RTA_PREF]) if _RTA_PREF in attributes else None,
        expires_s=_expires_s(attributes.get(_RTA_CACHEINFO, b"")),
        other=_as_bytes(attributes),
    )


def _prefix(address: bytes | None, length: int, family: int) -> str:
    return str(ip_network(f"{netlink_ip_text(address) if address else _ANY_ADDRESS[family]}/{length}"))


def _gateway(attributes: Mapping[int, bytes]) -> str | None:
    if _RTA_VIA in attributes:
        return netlink_ip_text(attributes[_RTA_VIA][2:])
    return netlink_ip_text(attributes[_RTA_GATEWAY]) if _RTA_GATEWAY in attributes else None


def _expires_s(cache: bytes) -> float | None:
    """Seconds left, from the third word of rta_cacheinfo."""
    ticks = struct.unpack_from("=i", cache, 8)[0] if len(cache) >= 12 else 0
    return ticks / _TICKS_PER_S if ticks > 0 else None


def _as_bytes(attributes: Mapping[int, bytes]) -> RawNetlinkAttributes:
    return tuple((kind, attributes[kind]) for kind in _AS_BYTES if kind in attributes)


def _hops(data: bytes, index: int, names: Mapping[int, str]) -> tuple[LinuxHop, ...]:
    hops, at = [], 0
    while at + _HOP.size <= len(data):
        length, flags, more, link = _HOP.unpack_from(data, at)
        attributes = parse_netlink_attributes(data[at + _HOP.size : at + length])
        name = "" if link == index else names.get(link, f"#{link}")
        hops.append(LinuxHop(_gateway(attributes), name, more + 1, bool(flags & _RTNH_F_ONLINK), _as_bytes(attributes)))
        at += max((length + 3) & ~3, _HOP.size)
    return tuple(hops)


def encode_linux_route(route: LinuxRoute, index: int, indexes: Mapping[str, int]) -> bytes:
    """The route by the link `index`. Raises OSError: another link of a hop is not there."""
    network = ip_network(route.prefix)
    source = ip_network(route.from_prefix) if route.from_prefix else None
    pairs = [(_RTA_DST, network.network_address.packed), (_RTA_TABLE, netlink_u32(route.table))]
    if source:
        pairs.append((_RTA_SRC, source.network_address.packed))
    if route.metric is not None:
        pairs.append((_RTA_PRIORITY, netlink_u32(route.metric)))
    if route.source:
        pairs.append((_RTA_PREFSRC, netlink_ip_bytes(route.source)))
    if route.metrics:
        pairs.append((_RTA_METRICS, pack_netlink_attributes(route.metrics)))
    if route.preference is not None:
        pairs.append((_RTA_PREF, bytes([route.preference])))
    if route.expires_s is not None:
        pairs.append((_RTA_EXPIRES, netlink_u32(max(1, round(route.expires_s)))))
    pairs += _next_hops(route, index, indexes)
    head = RTMSG.pack(
        netlink_family_of(route.prefix),
        network.prefixlen,
        source.prefixlen if source else 0,
        route.tos,
        route.table if route.table < 256 else 0,
        route.protocol,
        route.scope,
        route.type,
        _RTNH_F_ONLINK if route.onlink and route.nexthop is None else 0,
    )
    return head + pack_netlink_attributes(pairs)


def _next_hops(route: LinuxRoute, index: int, indexes: Mapping[str, int]) -> list[tuple[int, bytes]]:
    if route.nexthop is not None:
        return [(_RTA_NH_ID, netlink_u32(route.nexthop))]
    if route.hops:
        return [(_RTA_MULTIPATH, b"".join(_hop(hop, route.prefix, index, indexes) for hop in route.hops)), *route.other]
    return [(RTA_OIF, netlink_u32(index)), *_gateway_attribute(route.gateway, route.prefix), *route.other]


def _gateway_attribute(gateway: str | None, prefix: str) -> list[tuple[int, bytes]]:
    if gateway is None:
        return []
    if netlink_family_of(gateway) == netlink_family_of(prefix):
        return [(_RTA_GATEWAY, netlink_ip_bytes(gateway))]
    return [(_RTA_VIA, struct.pack("=H", netlink_family_of(gateway)) + netlink_ip_bytes(gateway))]


def _hop(hop: LinuxHop, prefix: str, index: int, indexes: Mapping[str, int]) -> bytes:
    if hop.link and hop.link not in indexes:
        raise OSError(19, f"its other link {hop.link} is not there")
    attributes = b"".join(
        pack_netlink_attribute(kind, payload)
        for kind, payload in (*_gateway_attribute(hop.gateway, prefix), *hop.other)
    )
    flags = _RTNH_F_ONLINK if hop.onlink else 0
    link = indexes[hop.link] if hop.link else index
    return _HOP.pack(_HOP.size + len(attributes), flags, hop.weight - 1, link) + attributes
