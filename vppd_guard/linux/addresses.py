"""Addresses of a link: read, and put back in their order.

The order is part of the state: in IPv4 it decides which address of a subnet is secondary, in both families which
source address is chosen among equals. The kernel puts a new IPv4 address behind, an IPv6 address in front of those
of its scope. Source: linux/if_addr.h, net/ipv4/devinet.c, net/ipv6/addrconf.c.
"""

import errno
import struct
from collections.abc import Sequence
from ipaddress import ip_interface

from msgspec.structs import replace

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    family_of,
    ip_bytes,
    ip_text,
    number,
    pack_all,
    parse,
    string,
    text,
    u32,
)
from vppd_guard.linux.captured import LIFETIME_FOREVER, LinuxAddress, is_link_local
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_REPLACE, Netlink, NetlinkRequest

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO = 1, 2, 3, 4, 6
IFA_FLAGS, IFA_RT_PRIORITY, IFA_PROTO = 8, 9, 11
IFA_F_TEMPORARY, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_HOMEADDRESS = 0x01, 0x02, 0x08, 0x10
IFA_F_TENTATIVE, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN = 0x40, 0x100, 0x200, 0x400
SETTABLE = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN
UNPROVEN = IFA_F_DADFAILED | IFA_F_TENTATIVE  # not yet known to be ours alone
LIFETIME_TOLERANCE_S = 2
_HEAD = struct.Struct("=BBBBi")  # ifaddrmsg: family, prefix length, flags, scope, index
_CACHE = struct.Struct("=IIII")  # ifa_cacheinfo: preferred, valid, made, changed


def read(netlink: Netlink, index: int) -> list[LinuxAddress]:
    """The addresses in the kernel's order; temporary ones (RFC 8981) are its own business."""
    bodies = netlink.dump(RTM_GETADDR, _HEAD.pack(0, 0, 0, 0, index))
    return [address for address in map(_decoded, bodies) if address is not None]


def _decoded(body: bytes) -> LinuxAddress | None:
    family, length, short_flags, scope, _ = _HEAD.unpack_from(body)
    found = parse(body[_HEAD.size :])
    flags = number(found[IFA_FLAGS]) if IFA_FLAGS in found else short_flags
    if len(found.get(IFA_ADDRESS, b"")) not in (4, 16) or (family == AF_INET6 and flags & IFA_F_TEMPORARY):
        return None
    ours, theirs = found.get(IFA_LOCAL, found[IFA_ADDRESS]), found[IFA_ADDRESS]
    preferred, valid, _, _ = _CACHE.unpack(found[IFA_CACHEINFO])
    return LinuxAddress(
        address=f"{ip_text(ours)}/{length}",
        scope=scope,
        flags=flags & (SETTABLE | (UNPROVEN if family == AF_INET6 else 0)),
        broadcast=ip_text(found[IFA_BROADCAST]) if IFA_BROADCAST in found else None,
        label=text(found[IFA_LABEL]) if IFA_LABEL in found else None,
        valid_s=valid,
        preferred_s=preferred,
        peer=ip_text(theirs) if theirs != ours else None,
        metric=number(found[IFA_RT_PRIORITY]) if IFA_RT_PRIORITY in found else None,
        protocol=number(found[IFA_PROTO]) if IFA_PROTO in found else None,
    )


def put(netlink: Netlink, index: int, wanted: Sequence[LinuxAddress]) -> list[str]:
    """Gives the link these addresses, in this order, whatever others it has. Returns what could not be done."""
    present = read(netlink, index)
    requests: list[tuple[str, NetlinkRequest]] = []
    four = [a for a in wanted if family_of(a.address) == AF_INET]
    six = [a for a in wanted if family_of(a.address) == AF_INET6]
    requests += _in_order(index, four, [a for a in present if family_of(a.address) == AF_INET])
    # In IPv6 what is added last stands first: the same with both lists turned round.
    requests += _in_order(index, six[::-1], [a for a in present if family_of(a.address) == AF_INET6][::-1])
    errors = netlink.tell([request for _, request in requests])
    gone = (errno.EADDRNOTAVAIL,)
    refused = [(a, r, e) for (a, r), e in zip(requests, errors, strict=True) if e and e.errno not in gone]
    return [f"address {address}: {error.strerror}" for address, _, error in refused]


def _in_order(
    index: int, wanted: Sequence[LinuxAddress], present: Sequence[LinuxAddress]
) -> list[tuple[str, NetlinkRequest]]:
    """Both lists in the order of adding. What stands at its place stays, the rest is taken away and added again."""
    keys = {key(address) for address in wanted}
    ours = [address for address in present if key(address) in keys]
    kept = 0
    while kept < min(len(ours), len(wanted)) and _stays(ours[kept], wanted[kept]):
        kept += 1
    requests = [(a.address, delete(index, a)) for a in reversed(ours[kept:])]
    for is_, should in zip(ours[:kept], wanted[:kept], strict=True):
        if not same(is_, should):
            requests.append((should.address, add(index, should)))
    for address in wanted[kept:]:
        requests += [(address.address, request) for request in _added(index, address)]
    return requests


def key(address: LinuxAddress) -> tuple[str, str | None]:
    """What the kernel knows an address by."""
    return address.address, address.peer


def _stays(present: LinuxAddress, wanted: LinuxAddress) -> bool:
    """Can what is there be made what is wanted? In IPv4 only lifetimes and metric can be changed."""
    if key(present) != key(wanted):
        return False
    if family_of(wanted.address) == AF_INET6:
        return not present.flags & IFA_F_DADFAILED
    return _changeable(present) == _changeable(wanted)


def _changeable(address: LinuxAddress) -> LinuxAddress:
    return replace(address, valid_s=0, preferred_s=0, metric=None)


def same(present: LinuxAddress, wanted: LinuxAddress) -> bool:
    """Is what is there what is wanted, but for the seconds that have passed?"""
    close = _near(present.valid_s, wanted.valid_s) and _near(present.preferred_s, wanted.preferred_s)
    return close and _settled(present) == _settled(wanted)


def _settled(address: LinuxAddress) -> LinuxAddress:
    return replace(address, valid_s=0, preferred_s=0, flags=address.flags & SETTABLE)


def _near(one: int, other: int) -> bool:
    if LIFETIME_FOREVER in (one, other):
        return one == other
    return abs(one - other) <= LIFETIME_TOLERANCE_S


def _added(index: int, address: LinuxAddress) -> list[NetlinkRequest]:
    """Added without asking whether it is a duplicate, as it was ours a moment ago; then with its own flags.

    One that was not proven to be ours alone, or was proven not to be, is asked for again.
    """
    if family_of(address.address) != AF_INET6 or address.flags & (IFA_F_NODAD | UNPROVEN):
        return [add(index, address)]
    return [add(index, replace(address, flags=address.flags | IFA_F_NODAD)), add(index, address)]


def add(index: int, address: LinuxAddress) -> NetlinkRequest:
    """Adds it, or gives what is there these lifetimes and flags."""
    return NetlinkRequest(RTM_NEWADDR, _body(index, address), NLM_F_CREATE | NLM_F_REPLACE)


def delete(index: int, address: LinuxAddress) -> NetlinkRequest:
    """Takes it away."""
    return NetlinkRequest(RTM_DELADDR, _body(index, address))


def _body(index: int, address: LinuxAddress) -> bytes:
    family, interface = family_of(address.address), ip_interface(address.address)
    flags = address.flags & SETTABLE
    head = _HEAD.pack(family, interface.network.prefixlen, flags & 0xFF, address.scope, index)
    pairs = [
        (IFA_LOCAL, interface.ip.packed),
        (IFA_ADDRESS, ip_bytes(address.peer) if address.peer else interface.ip.packed),
        (IFA_FLAGS, u32(flags)),
        (IFA_CACHEINFO, _CACHE.pack(address.preferred_s, address.valid_s, 0, 0)),
    ]
    if address.broadcast and family == AF_INET:
        pairs.append((IFA_BROADCAST, ip_bytes(address.broadcast)))
    if address.label:
        pairs.append((IFA_LABEL, string(address.label)))
    if address.metric is not None:
        pairs.append((IFA_RT_PRIORITY, u32(address.metric)))
    if address.protocol is not None:
        pairs.append((IFA_PROTO, bytes([address.protocol])))
    return head + pack_all(pairs)


def drop_other_link_locals(netlink: Netlink, index: int, wanted: Sequence[LinuxAddress]) -> None:
    """Takes away the link-local addresses that the kernel has made meanwhile."""
    kept = {key(address) for address in wanted}
    made = [a for a in read(netlink, index) if is_link_local(a.address) and key(a) not in kept]
    netlink.tell([delete(index, address) for address in made])
