"""Links as netlink has them, and which of them is the captured one.

Source: linux/if_link.h. Finding is pure; reading is the edge.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from bus.shortage import raise_shortage
from vppd_guard.linux.attributes import (
    AF_INET6,
    NETLINK_NESTED,
    NetlinkAttributes,
    netlink_mac,
    netlink_number,
    netlink_string,
    netlink_text,
    netlink_u32,
    pack_netlink_attribute,
    parse_netlink_attribute_list,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.netlink import NetlinkRequest, NetlinkSocket

_RTM_NEWLINK, _RTM_GETLINK = 16, 18
RTM_NEWLINKPROP = 108
IFF_UP, IFF_PROMISC = 0x1, 0x100
IFF_NOARP, IFF_ALLMULTI, IFF_MULTICAST = 0x80, 0x200, 0x1000
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, _IFLA_LINK = 1, 3, 4, 5
IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_NET_NS_FD = 10, 18, 20, 26, 28
IFLA_PROP_LIST, IFLA_ALT_IFNAME, IFLA_PERM_ADDRESS = 52, 53, 54
_IFLA_LINK_NETNSID, IFLA_INFO_KIND = 37, 1
IFLA_XDP, IFLA_XDP_FD = 43, 1
IFLA_INET6_FLAGS, IFLA_INET6_TOKEN, IFLA_INET6_ADDR_GEN_MODE = 1, 7, 8
ADDR_GEN_MODE_NONE = 1
IFINFOMSG = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change


class NoSuchLink(Exception):
    """There is no link of that name; the text names it."""


@dataclass(frozen=True)
class LinuxLink:
    """A link of this namespace."""

    index: int
    flags: int  # IFF_...
    attributes: NetlinkAttributes

    @property
    def name(self) -> str:
        return netlink_text(self.attributes[IFLA_IFNAME])

    @property
    def mac(self) -> str:
        return netlink_mac(self.attributes.get(IFLA_ADDRESS, b""))

    @property
    def permanent_mac(self) -> str:
        """ "": the device has none."""
        address = self.attributes.get(IFLA_PERM_ADDRESS, b"")
        return netlink_mac(address) if any(address) else ""

    @property
    def kind(self) -> str:
        """As `ip -d link` has it, "veth"; "": a physical device."""
        return netlink_text(parse_netlink_attributes(self.attributes.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_KIND, b""))

    @property
    def master(self) -> int:
        """Index of its bridge or bond; 0: none."""
        return netlink_number(self.attributes.get(IFLA_MASTER, b""))

    @property
    def parent(self) -> int:
        """Index of the link below it, if that is in this namespace; else 0."""
        return 0 if _IFLA_LINK_NETNSID in self.attributes else netlink_number(self.attributes.get(_IFLA_LINK, b""))

    @property
    def altnames(self) -> tuple[str, ...]:
        listed = parse_netlink_attribute_list(self.attributes.get(IFLA_PROP_LIST, b""))
        return tuple(netlink_text(payload) for kind, payload in listed if kind == IFLA_ALT_IFNAME)

    @property
    def ipv6(self) -> NetlinkAttributes:
        """IFLA_INET6_...; empty while IPv6 is off."""
        return parse_netlink_attributes(
            parse_netlink_attributes(self.attributes.get(_IFLA_AF_SPEC, b"")).get(AF_INET6, b"")
        )


def all_linux_links(netlink: NetlinkSocket) -> list[LinuxLink]:
    """All links of the namespace."""
    return [_decoded(body) for body in netlink.dump(_RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0))]


def linux_link_named(netlink: NetlinkSocket, name: str) -> LinuxLink:
    """The link of that name. Raises NoSuchLink, and OSError: the kernel cannot say just now."""
    try:
        link = _decoded(
            netlink.query(
                _RTM_GETLINK, IFINFOMSG.pack(0, 0, 0, 0, 0) + pack_netlink_attribute(IFLA_IFNAME, netlink_string(name))
            )
        )
    except OSError as error:
        raise_shortage(error)
        raise NoSuchLink(f"{name}: no such link") from error
    return link


def linux_link_at(netlink: NetlinkSocket, index: int) -> LinuxLink:
    """The link of that index. Raises OSError."""
    return _decoded(netlink.query(_RTM_GETLINK, IFINFOMSG.pack(0, 0, index, 0, 0)))


def _decoded(body: bytes) -> LinuxLink:
    _, _, index, flags, _ = IFINFOMSG.unpack_from(body)
    return LinuxLink(index, flags, parse_netlink_attributes(body[IFINFOMSG.size :]))


def link_change_request(index: int, *attributes: tuple[int, bytes], flags: int = 0, mask: int = 0) -> NetlinkRequest:
    """Sets attributes, and the flags in `mask`."""
    body = IFINFOMSG.pack(0, 0, index, flags, mask) + b"".join(
        pack_netlink_attribute(kind, payload) for kind, payload in attributes
    )
    return NetlinkRequest(_RTM_NEWLINK, body)


def link_up_request(index: int, on: bool = True) -> NetlinkRequest:
    """Sets the link up or down."""
    return link_change_request(index, flags=IFF_UP if on else 0, mask=IFF_UP)


def link_ipv6_request(index: int, kind: int, payload: bytes) -> NetlinkRequest:
    """Sets an IFLA_INET6_ attribute."""
    return link_change_request(
        index,
        (
            _IFLA_AF_SPEC | NETLINK_NESTED,
            pack_netlink_attribute(AF_INET6 | NETLINK_NESTED, pack_netlink_attribute(kind, payload)),
        ),
    )


def link_move_request(index: int, namespace: int, name: str | None = None) -> NetlinkRequest:
    """Moves the link into the namespace of that file descriptor, under a new name if one is given."""
    renamed = [(IFLA_IFNAME, netlink_string(name))] if name else []
    return link_change_request(index, (_IFLA_NET_NS_FD, netlink_u32(namespace)), *renamed)


def find_captured_link(links: Iterable[LinuxLink], captured: CapturedLink) -> LinuxLink | None:
    """The captured link, which may have another name: a returning link whose name is taken gets one.

    A tap of its name is VPP's. A MAC address identifies the link only if no other link of its kind has it.
    """
    of_kind = [one for one in links if one.kind == captured.kind or (not captured.kind and one.kind != "tun")]
    same_name = [one for one in of_kind if one.name == captured.name]
    if captured.permanent_mac:
        same_mac = [one for one in of_kind if one.permanent_mac == captured.permanent_mac]
        if len(same_mac) == 1:
            return same_mac[0]
    if same_name:
        return same_name[0]
    of_its_own = [one for one in of_kind if one.kind == captured.kind]
    same_mac = [one for one in of_its_own if one.mac == captured.mac]
    return same_mac[0] if len(same_mac) == 1 else None
