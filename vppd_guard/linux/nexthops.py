"""Next hop objects (`ip nexthop`): they vanish with the link, and the routes that use them too.

Source: linux/nexthop.h.
"""

import struct
from collections.abc import Sequence

from bus.shortage import raise_shortage
from vppd_guard.linux.attributes import (
    netlink_ip_text,
    netlink_number,
    netlink_u32,
    pack_netlink_attributes,
    parse_netlink_attribute_list,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import LinuxNexthop
from vppd_guard.linux.gateways import reachable_gateways
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_REPLACE, NetlinkRequest, NetlinkSocket

_RTM_NEWNEXTHOP, _RTM_GETNEXTHOP = 104, 106
_NHA_ID, _NHA_GROUP, _NHA_GROUP_TYPE, _NHA_OIF, _NHA_GATEWAY, _NHA_ENCAP_TYPE, _NHA_ENCAP = 1, 2, 3, 5, 6, 7, 8
_RESTORED_ATTRIBUTES = (_NHA_ID, _NHA_GROUP, _NHA_GROUP_TYPE, _NHA_GATEWAY, _NHA_ENCAP_TYPE, _NHA_ENCAP)
_RTNH_F_ONLINK = 4
_HEAD = struct.Struct("=BBBBI")  # nhmsg: family, scope, protocol, reserved, flags
_MEMBER = struct.Struct("=IBBH")  # nexthop_grp: id, weight - 1, its high byte, reserved


def read_link_nexthops(netlink: NetlinkSocket, index: int) -> list[LinuxNexthop]:
    """The objects of the link, then the groups with such a member."""
    try:
        bodies = netlink.dump(_RTM_GETNEXTHOP, _HEAD.pack(0, 0, 0, 0, 0))
    except OSError as error:
        raise_shortage(error)
        return []  # a kernel before 5.3
    objects = [(body, parse_netlink_attributes(body[_HEAD.size :])) for body in bodies]
    single = [_decoded(body) for body, known in objects if netlink_number(known.get(_NHA_OIF, b"")) == index]
    ids = {one.id for one in single}
    groups = [_decoded(body) for body, known in objects if ids & _members(known.get(_NHA_GROUP, b""))]
    return single + groups


def _members(group: bytes) -> set[int]:
    return {one[0] for one in _MEMBER.iter_unpack(group)}


def _decoded(body: bytes) -> LinuxNexthop:
    # The kernel tells the scope of an object, but takes none.
    family, _, protocol, _, flags = _HEAD.unpack_from(body)
    listed = parse_netlink_attribute_list(body[_HEAD.size :])
    return LinuxNexthop(
        id=netlink_number(dict(listed)[_NHA_ID]),
        header=_HEAD.pack(family, 0, protocol, 0, flags & _RTNH_F_ONLINK),
        attributes=tuple((kind, payload) for kind, payload in listed if kind in _RESTORED_ATTRIBUTES),
        group=_NHA_GROUP in dict(listed),
    )


def apply_nexthop_objects(netlink: NetlinkSocket, index: int, nexthops: Sequence[LinuxNexthop]) -> list[str]:
    """Adds the objects that are missing or different. Returns what could not be done, in words."""
    present = set(read_link_nexthops(netlink, index)) if nexthops else set()
    missing = [one for one in nexthops if one not in present]
    refused = _add(netlink, index, missing)
    if refused:
        with reachable_gateways(netlink, index, {gateway for one, _ in refused for gateway in _gateways(one)}):
            refused = _add(netlink, index, [one for one, _ in refused])
    return [f"next hop {one.id}: {error.strerror}" for one, error in refused]


def _add(
    netlink: NetlinkSocket, index: int, nexthops: Sequence[LinuxNexthop]
) -> Sequence[tuple[LinuxNexthop, OSError]]:
    errors = netlink.execute_all([_add_request(index, one) for one in nexthops])
    return [(one, error) for one, error in zip(nexthops, errors, strict=True) if error]


def _gateways(nexthop: LinuxNexthop) -> Sequence[str]:
    return [netlink_ip_text(payload) for kind, payload in nexthop.attributes if kind == _NHA_GATEWAY]


def _add_request(index: int, nexthop: LinuxNexthop) -> NetlinkRequest:
    link = () if nexthop.group else ((_NHA_OIF, netlink_u32(index)),)
    return NetlinkRequest(
        _RTM_NEWNEXTHOP,
        nexthop.header + pack_netlink_attributes((*nexthop.attributes, *link)),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
