"""Configured neighbours of a link: permanent ones, and those that it answers for.

Source: linux/neighbour.h.
"""

import struct
from collections.abc import Sequence

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    netlink_family_of,
    netlink_ip_bytes,
    netlink_ip_text,
    netlink_mac,
    netlink_mac_bytes,
    netlink_number,
    netlink_u32,
    pack_netlink_attribute,
    pack_netlink_attributes,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import LinuxNeighbour
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_REPLACE, NetlinkRequest, NetlinkSocket

_RTM_NEWNEIGH, _RTM_GETNEIGH = 28, 30
_NDA_DST, _NDA_LLADDR, _NDA_IFINDEX, _NDA_PROTOCOL = 1, 2, 8, 12
_NUD_PERMANENT = 0x80
_NTF_PROXY, _NTF_ROUTER = 0x08, 0x80
_FAMILIES = (AF_INET, AF_INET6)
_HEAD = struct.Struct("=BxxxiHBB")  # ndmsg: family, index, state, flags, type


def read_link_neighbours(netlink: NetlinkSocket, index: int) -> list[LinuxNeighbour]:
    """The permanent and the proxied neighbours of the link."""
    neighbours = []
    for family in _FAMILIES:
        for proxied in (0, _NTF_PROXY):
            filters = _HEAD.pack(family, 0, 0, proxied, 0)
            filters += b"" if proxied else pack_netlink_attribute(_NDA_IFINDEX, netlink_u32(index))
            neighbours += [_decoded(body) for body in netlink.dump(_RTM_GETNEIGH, filters) if _is_set(body, index)]
    return neighbours


def _is_set(body: bytes, index: int) -> bool:
    _, of, state, flags, _ = _HEAD.unpack_from(body)
    return bool(of == index and (state & _NUD_PERMANENT or flags & _NTF_PROXY))


def _decoded(body: bytes) -> LinuxNeighbour:
    _, _, _, flags, _ = _HEAD.unpack_from(body)
    attributes = parse_netlink_attributes(body[_HEAD.size :])
    return LinuxNeighbour(
        address=netlink_ip_text(attributes[_NDA_DST]),
        mac=netlink_mac(attributes.get(_NDA_LLADDR, b"")),
        flags=flags & (_NTF_PROXY | _NTF_ROUTER),
        protocol=netlink_number(attributes[_NDA_PROTOCOL]) if _NDA_PROTOCOL in attributes else None,
    )


def apply_link_neighbours(netlink: NetlinkSocket, index: int, neighbours: Sequence[LinuxNeighbour]) -> list[str]:
    """Adds the neighbours. Returns what could not be done, in words."""
    errors = netlink.execute_all([_add_request(index, neighbour) for neighbour in neighbours])
    return [f"neighbour {n.address}: {e.strerror}" for n, e in zip(neighbours, errors, strict=True) if e]


def _add_request(index: int, neighbour: LinuxNeighbour) -> NetlinkRequest:
    """Adds the neighbour, or replaces what the kernel has learnt of it."""
    state = 0 if neighbour.flags & _NTF_PROXY else _NUD_PERMANENT
    pairs = [(_NDA_DST, netlink_ip_bytes(neighbour.address))]
    if neighbour.mac:
        pairs.append((_NDA_LLADDR, netlink_mac_bytes(neighbour.mac)))
    if neighbour.protocol is not None:
        pairs.append((_NDA_PROTOCOL, bytes([neighbour.protocol])))
    head = _HEAD.pack(netlink_family_of(neighbour.address), index, state, neighbour.flags, 0)
    return NetlinkRequest(_RTM_NEWNEIGH, head + pack_netlink_attributes(pairs), NLM_F_CREATE | NLM_F_REPLACE)
