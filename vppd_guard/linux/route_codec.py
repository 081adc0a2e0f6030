"""Routes as netlink's bytes and back. Pure.

Source: linux/rtnetlink.h. Attributes that are not decoded (realms, encapsulations...) are kept as bytes.
"""

import struct
from collections.abc import Mapping
from ipaddress import ip_network

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    family_of,
    ip_bytes,
    ip_text,
    number,
    pack,
    pack_all,
    parse,
    parse_all,
    u32,
)
from vppd_guard.linux.captured import LinuxHop, LinuxRoute, RawAttributes

RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS = 1, 2, 4, 5, 6, 7, 8
RTA_MULTIPATH, RTA_FLOW, RTA_CACHEINFO, RTA_TABLE, RTA_VIA, RTA_PREF = 9, 11, 12, 15, 18, 20
RTA_ENCAP_TYPE, RTA_ENCAP, RTA_EXPIRES, RTA_TTL_PROPAGATE, RTA_NH_ID = 21, 22, 23, 26, 30
RTNH_F_ONLINK = 4
RTM_F_CLONED = 0x200
AS_BYTES = (RTA_FLOW, RTA_ENCAP_TYPE, RTA_ENCAP, RTA_TTL_PROPAGATE)
TICKS_PER_S = 100  # USER_HZ, in which the kernel tells times
HEAD = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst, src, tos, table, protocol, scope, type, flags
_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, weight - 1, index
ANY_ADDRESS = {AF_INET: "0.0.0.0", AF_INET6: "::"}


def decode(body: bytes, index: int, names: Mapping[int, str]) -> LinuxRoute | None:
    """A route of the link `index`; None: it leaves by other links only, or is a learned exception."""
    family, to, source, tos, table, protocol, scope, kind, flags = HEAD.unpack_from(body)
    attributes = parse(body[HEAD.size :])
    hops = _hops(attributes.get(RTA_MULTIPATH, b""), index, names)
    uses_link = number(attributes.get(RTA_OIF, b"")) == index or any(not hop.link for hop in hops)
    if flags & RTM_F_CLONED or not uses_link or family not in ANY_ADDRESS:
        return None
    return LinuxRoute(
        prefix=_prefix(attributes.get(RTA_DST), to, family),
        gateway=_gateway(attributes),
        source=ip_text(attributes[RTA_PREFSRC]) if RTA_PREFSRC in attributes else None,
        metric=number(attributes[RTA_PRIORITY]) if RTA_PRIORITY in attributes else None,
        scope=scope,
        protocol=protocol,
        onlink=bool(flags & RTNH_F_ONLINK),
        table=number(attributes[RTA_TABLE]) if RTA_TABLE in attributes else table,
        type=kind,
        tos=tos,
        from_prefix=_prefix(attributes.get(RTA_SRC), source, family) if source else None,
        hops=hops,
        nexthop=number(attributes[RTA_NH_ID]) if RTA_NH_ID in attributes else None,
        metrics=tuple(parse_all(attributes.get(RTA_METRICS, b""))),
        preference=number(attributes[RTA_PREF]) if RTA_PREF in attributes else None,
        expires_s=_expires_s(attributes.get(RTA_CACHEINFO, b"")),
        other=_as_bytes(attributes),
    )


def _prefix(address: bytes | None, length: int, family: int) -> str:
    return str(ip_network(f"{ip_text(address) if address else ANY_ADDRESS[family]}/{length}"))


def _gateway(attributes: Mapping[int, bytes]) -> str | None:
    if RTA_VIA in attributes:
        return ip_text(attributes[RTA_VIA][2:])
    return ip_text(attributes[RTA_GATEWAY]) if RTA_GATEWAY in attributes else None


def _expires_s(cache: bytes) -> float | None:
    """Seconds left, from the third word of rta_cacheinfo."""
    ticks = struct.unpack_from("=i", cache, 8)[0] if len(cache) >= 12 else 0
    return ticks / TICKS_PER_S if ticks > 0 else None


def _as_bytes(attributes: Mapping[int, bytes]) -> RawAttributes:
    return tuple((kind, attributes[kind]) for kind in AS_BYTES if kind in attributes)


def _hops(data: bytes, index: int, names: Mapping[int, str]) -> tuple[LinuxHop, ...]:
    hops, at = [], 0
    while at + _HOP.size <= len(data):
        length, flags, more, link = _HOP.unpack_from(data, at)
        attributes = parse(data[at + _HOP.size : at + length])
        name = "" if link == index else names.get(link, f"#{link}")
        hops.append(LinuxHop(_gateway(attributes), name, more + 1, bool(flags & RTNH_F_ONLINK), _as_bytes(attributes)))
        at += max((length + 3) & ~3, _HOP.size)
    return tuple(hops)


def encode(route: LinuxRoute, index: int, indexes: Mapping[str, int]) -> bytes:
    """The route by the link `index`. Raises OSError: another link of a hop is not there."""
    network = ip_network(route.prefix)
    source = ip_network(route.from_prefix) if route.from_prefix else None
    pairs = [(RTA_DST, network.network_address.packed), (RTA_TABLE, u32(route.table))]
    if source:
        pairs.append((RTA_SRC, source.network_address.packed))
    if route.metric is not None:
        pairs.append((RTA_PRIORITY, u32(route.metric)))
    if route.source:
        pairs.append((RTA_PREFSRC, ip_bytes(route.source)))
    if route.metrics:
        pairs.append((RTA_METRICS, pack_all(route.metrics)))
    if route.preference is not None:
        pairs.append((RTA_PREF, bytes([route.preference])))
    if route.expires_s is not None:
        pairs.append((RTA_EXPIRES, u32(max(1, round(route.expires_s)))))
    pairs += _next_hops(route, index, indexes)
    head = HEAD.pack(
        family_of(route.prefix),
        network.prefixlen,
        source.prefixlen if source else 0,
        route.tos,
        route.table if route.table < 256 else 0,
        route.protocol,
        route.scope,
        route.type,
        RTNH_F_ONLINK if route.onlink and route.nexthop is None else 0,
    )
    return head + pack_all(pairs)


def _next_hops(route: LinuxRoute, index: int, indexes: Mapping[str, int]) -> list[tuple[int, bytes]]:
    if route.nexthop is not None:
        return [(RTA_NH_ID, u32(route.nexthop))]
    if route.hops:
        return [(RTA_MULTIPATH, b"".join(_hop(hop, route.prefix, index, indexes) for hop in route.hops)), *route.other]
    return [(RTA_OIF, u32(index)), *_gateway_attribute(route.gateway, route.prefix), *route.other]


def _gateway_attribute(gateway: str | None, prefix: str) -> list[tuple[int, bytes]]:
    if gateway is None:
        return []
    if family_of(gateway) == family_of(prefix):
        return [(RTA_GATEWAY, ip_bytes(gateway))]
    return [(RTA_VIA, struct.pack("=H", family_of(gateway)) + ip_bytes(gateway))]


def _hop(hop: LinuxHop, prefix: str, index: int, indexes: Mapping[str, int]) -> bytes:
    if hop.link and hop.link not in indexes:
        raise OSError(19, f"its other link {hop.link} is not there")
    attributes = b"".join(
        pack(kind, payload) for kind, payload in (*_gateway_attribute(hop.gateway, prefix), *hop.other)
    )
    flags = RTNH_F_ONLINK if hop.onlink else 0
    link = indexes[hop.link] if hop.link else index
    return _HOP.pack(_HOP.size + len(attributes), flags, hop.weight - 1, link) + attributes
