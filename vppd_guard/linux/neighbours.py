"""Configured neighbours of a link: permanent ones, and those that it answers for.

Source: linux/neighbour.h.
"""

import struct
from collections.abc import Sequence

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    family_of,
    ip_bytes,
    ip_text,
    netlink_mac,
    netlink_mac_bytes,
    number,
    pack,
    pack_all,
    parse,
    u32,
)
from vppd_guard.linux.captured import LinuxNeighbour
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_REPLACE, Netlink, NetlinkRequest

RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
NDA_DST, NDA_LLADDR, NDA_IFINDEX, NDA_PROTOCOL = 1, 2, 8, 12
NUD_PERMANENT = 0x80
NTF_PROXY, NTF_ROUTER = 0x08, 0x80
FAMILIES = (AF_INET, AF_INET6)
_HEAD = struct.Struct("=BxxxiHBB")  # ndmsg: family, index, state, flags, type


def read(netlink: Netlink, index: int) -> list[LinuxNeighbour]:
    """The permanent and the proxied neighbours of the link."""
    neighbours = []
    for family in FAMILIES:
        for proxied in (0, NTF_PROXY):
            filters = _HEAD.pack(family, 0, 0, proxied, 0)
            filters += b"" if proxied else pack(NDA_IFINDEX, u32(index))
            neighbours += [_decoded(body) for body in netlink.dump(RTM_GETNEIGH, filters) if _is_set(body, index)]
    return neighbours


def _is_set(body: bytes, index: int) -> bool:
    _, of, state, flags, _ = _HEAD.unpack_from(body)
    return bool(of == index and (state & NUD_PERMANENT or flags & NTF_PROXY))


def _decoded(body: bytes) -> LinuxNeighbour:
    _, _, _, flags, _ = _HEAD.unpack_from(body)
    attributes = parse(body[_HEAD.size :])
    return LinuxNeighbour(
        address=ip_text(attributes[NDA_DST]),
        mac=netlink_mac(attributes.get(NDA_LLADDR, b"")),
        flags=flags & (NTF_PROXY | NTF_ROUTER),
        protocol=number(attributes[NDA_PROTOCOL]) if NDA_PROTOCOL in attributes else None,
    )


def apply(netlink: Netlink, index: int, neighbours: Sequence[LinuxNeighbour]) -> list[str]:
    """Adds the neighbours. Returns what could not be done, in words."""
    errors = netlink.execute_all([add_request(index, neighbour) for neighbour in neighbours])
    return [f"neighbour {n.address}: {e.strerror}" for n, e in zip(neighbours, errors, strict=True) if e]


def add_request(index: int, neighbour: LinuxNeighbour) -> NetlinkRequest:
    """Adds the neighbour, or replaces what the kernel has learnt of it."""
    state = 0 if neighbour.flags & NTF_PROXY else NUD_PERMANENT
    pairs = [(NDA_DST, ip_bytes(neighbour.address))]
    if neighbour.mac:
        pairs.append((NDA_LLADDR, netlink_mac_bytes(neighbour.mac)))
    if neighbour.protocol is not None:
        pairs.append((NDA_PROTOCOL, bytes([neighbour.protocol])))
    head = _HEAD.pack(family_of(neighbour.address), index, state, neighbour.flags, 0)
    return NetlinkRequest(RTM_NEWNEIGH, head + pack_all(pairs), NLM_F_CREATE | NLM_F_REPLACE)
