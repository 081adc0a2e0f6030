"""Addresses of a link: read, and put back in their order.

The order is part of the state: in IPv4 it decides which address of a subnet is secondary, in both families which
source address is chosen among equals. The kernel puts a new IPv4 address last, a new IPv6 address first among those of
its scope. Source: linux/if_addr.h, net/ipv4/devinet.c, net/ipv6/addrconf.c.
"""

import errno
import struct
from collections.abc import Sequence
from ipaddress import ip_interface

from msgspec.structs import replace

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    netlink_family_of,
    netlink_ip_bytes,
    netlink_ip_text,
    netlink_number,
    netlink_string,
    netlink_text,
    netlink_u32,
    pack_netlink_attributes,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import (
    IFA_F_DADFAILED,
    IFA_F_NODAD,
    LIFETIME_FOREVER,
    SETTABLE_ADDRESS_FLAGS,
    UNPROVEN_ADDRESS_FLAGS,
    LinuxAddress,
    is_link_local_address,
)
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_REPLACE, NetlinkRequest, NetlinkSocket

_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 20, 21, 22
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST, _IFA_CACHEINFO = 1, 2, 3, 4, 6
_IFA_FLAGS, _IFA_RT_PRIORITY, _IFA_PROTO = 8, 9, 11
_IFA_F_TEMPORARY = 0x01
_LIFETIME_TOLERANCE_S = 2
_HEAD = struct.Struct("=BBBBi")  # ifaddrmsg: family, prefix length, flags, scope, index
_CACHE = struct.Struct("=IIII")  # ifa_cacheinfo: preferred, valid, made, changed


def read_link_addresses(netlink: NetlinkSocket, index: int) -> list[LinuxAddress]:
    """The addresses in the kernel's order, without temporary ones (RFC 8981), which are the kernel's business."""
    bodies = netlink.dump(_RTM_GETADDR, _HEAD.pack(0, 0, 0, 0, index))
    return [address for address in map(_decoded, bodies) if address is not None]


def _decoded(body: bytes) -> LinuxAddress | None:
    family, length, short_flags, scope, _ = _HEAD.unpack_from(body)
    attributes = parse_netlink_attributes(body[_HEAD.size :])
    flags = netlink_number(attributes[_IFA_FLAGS]) if _IFA_FLAGS in attributes else short_flags
    if len(attributes.get(_IFA_ADDRESS, b"")) not in (4, 16) or (family == AF_INET6 and flags & _IFA_F_TEMPORARY):
        return None
    local, remote = attributes.get(_IFA_LOCAL, attributes[_IFA_ADDRESS]), attributes[_IFA_ADDRESS]
    preferred, valid, _, _ = _CACHE.unpack(attributes[_IFA_CACHEINFO])
    return LinuxAddress(
        address=f"{netlink_ip_text(local)}/{length}",
        scope=scope,
        flags=flags & (SETTABLE_ADDRESS_FLAGS | (UNPROVEN_ADDRESS_FLAGS if family == AF_INET6 else 0)),
        broadcast=netlink_ip_text(attributes[_IFA_BROADCAST]) if _IFA_BROADCAST in attributes else None,
        label=netlink_text(attributes[_IFA_LABEL]) if _IFA_LABEL in attributes else None,
        valid_s=valid,
        preferred_s=preferred,
        peer=netlink_ip_text(remote) if remote != local else None,
        metric=netlink_number(attributes[_IFA_RT_PRIORITY]) if _IFA_RT_PRIORITY in attributes else None,
        protocol=netlink_number(attributes[_IFA_PROTO]) if _IFA_PROTO in attributes else None,
    )


def apply_link_addresses(netlink: NetlinkSocket, index: int, addresses: Sequence[LinuxAddress]) -> list[str]:
    """Gives the link these addresses in this order, whatever others it has. Returns what failed, in words."""
    present = read_link_addresses(netlink, index)
    requests: list[tuple[str, NetlinkRequest]] = []
    four = [a for a in addresses if netlink_family_of(a.address) == AF_INET]
    six = [a for a in addresses if netlink_family_of(a.address) == AF_INET6]
    requests += _in_order(index, four, [a for a in present if netlink_family_of(a.address) == AF_INET])
    # In IPv6 what is added last stands first, so both lists are reversed.
    requests += _in_order(index, six[::-1], [a for a in present if netlink_family_of(a.address) == AF_INET6][::-1])
    errors = netlink.execute_all([request for _, request in requests])
    already_removed = (errno.EADDRNOTAVAIL,)
    refused = [(a, r, e) for (a, r), e in zip(requests, errors, strict=True) if e and e.errno not in already_removed]
    return [f"address {address}: {error.strerror}" for address, _, error in refused]


def _in_order(
    index: int, addresses: Sequence[LinuxAddress], present: Sequence[LinuxAddress]
) -> list[tuple[str, NetlinkRequest]]:
    """Requests for one family; both lists in the order of adding. From the first difference on all is added anew."""
    keys = {_address_key(address) for address in addresses}
    matching = [address for address in present if _address_key(address) in keys]
    unchanged = 0
    while unchanged < min(len(matching), len(addresses)) and _can_stay(matching[unchanged], addresses[unchanged]):
        unchanged += 1
    requests = [(a.address, _delete_request(index, a)) for a in reversed(matching[unchanged:])]
    for is_, should in zip(matching[:unchanged], addresses[:unchanged], strict=True):
        if not _same_address(is_, should):
            requests.append((should.address, _add_request(index, should)))
    for address in addresses[unchanged:]:
        requests += [(address.address, request) for request in _add_requests(index, address)]
    return requests


def _address_key(address: LinuxAddress) -> tuple[str, str | None]:
    """By what the kernel identifies an address."""
    return address.address, address.peer


def _can_stay(present: LinuxAddress, captured: LinuxAddress) -> bool:
    """Can the present address be changed into the captured one? In IPv4 only lifetimes and metric can be changed."""
    if _address_key(present) != _address_key(captured):
        return False
    if netlink_family_of(captured.address) == AF_INET6:
        return not present.flags & IFA_F_DADFAILED
    return _changeable(present) == _changeable(captured)


def _changeable(address: LinuxAddress) -> LinuxAddress:
    return replace(address, valid_s=0, preferred_s=0, metric=None)


def _same_address(present: LinuxAddress, captured: LinuxAddress) -> bool:
    """Are both equal, but for the seconds that have passed?"""
    close = _lifetimes_alike(present.valid_s, captured.valid_s) and _lifetimes_alike(
        present.preferred_s, captured.preferred_s
    )
    return close and _comparable(present) == _comparable(captured)


def _comparable(address: LinuxAddress) -> LinuxAddress:
    return replace(address, valid_s=0, preferred_s=0, flags=address.flags & SETTABLE_ADDRESS_FLAGS)


def _lifetimes_alike(lifetime_s: int, second_s: int) -> bool:
    if LIFETIME_FOREVER in (lifetime_s, second_s):
        return lifetime_s == second_s
    return abs(lifetime_s - second_s) <= _LIFETIME_TOLERANCE_S


def _add_requests(index: int, address: LinuxAddress) -> list[NetlinkRequest]:
    """An IPv6 address is added without duplicate detection, as it was ours a moment ago; then with its own flags.

    One that was not proven to be ours alone, or was proven not to be, goes through the detection again.
    """
    if netlink_family_of(address.address) != AF_INET6 or address.flags & (IFA_F_NODAD | UNPROVEN_ADDRESS_FLAGS):
        return [_add_request(index, address)]
    return [_add_request(index, replace(address, flags=address.flags | IFA_F_NODAD)), _add_request(index, address)]


def _add_request(index: int, address: LinuxAddress) -> NetlinkRequest:
    """Adds the address, or changes lifetimes and flags of the present one."""
    return NetlinkRequest(_RTM_NEWADDR, _body(index, address), NLM_F_CREATE | NLM_F_REPLACE)


def _delete_request(index: int, address: LinuxAddress) -> NetlinkRequest:
    """Removes the address."""
    return NetlinkRequest(_RTM_DELADDR, _body(index, address))


def _body(index: int, address: LinuxAddress) -> bytes:
    family, interface = netlink_family_of(address.address), ip_interface(address.address)
    flags = address.flags & SETTABLE_ADDRESS_FLAGS
    head = _HEAD.pack(family, interface.network.prefixlen, flags & 0xFF, address.scope, index)
    pairs = [
        (_IFA_LOCAL, interface.ip.packed),
        (_IFA_ADDRESS, netlink_ip_bytes(address.peer) if address.peer else interface.ip.packed),
        (_IFA_FLAGS, netlink_u32(flags)),
        (_IFA_CACHEINFO, _CACHE.pack(address.preferred_s, address.valid_s, 0, 0)),
    ]
    if address.broadcast and family == AF_INET:
        pairs.append((_IFA_BROADCAST, netlink_ip_bytes(address.broadcast)))
    if address.label:
        pairs.append((_IFA_LABEL, netlink_string(address.label)))
    if address.metric is not None:
        pairs.append((_IFA_RT_PRIORITY, netlink_u32(address.metric)))
    if address.protocol is not None:
        pairs.append((_IFA_PROTO, bytes([address.protocol])))
    return head + pack_netlink_attributes(pairs)


def drop_other_link_locals(netlink: NetlinkSocket, index: int, captured: Sequence[LinuxAddress]) -> None:
    """Removes link-local addresses that the kernel has made meanwhile."""
    captured_keys = {_address_key(address) for address in captured}
    kernel_made = [
        a
        for a in read_link_addresses(netlink, index)
        if is_link_local_address(a.address) and _address_key(a) not in captured_keys
    ]
    netlink.execute_all([_delete_request(index, address) for address in kernel_made])
