"""Edge: a link's settings: name, MAC, MTU, flags, sizes, master, IPv6 token.

A setting is written only if it differs: a driver may refuse what it already has, or interrupt traffic for it.
"""

import errno
import struct
from collections.abc import Callable

from vppd_guard.linux import links, sysctl
from vppd_guard.linux.attributes import (
    NETLINK_NESTED,
    netlink_ip_bytes,
    netlink_ip_text,
    netlink_mac_bytes,
    netlink_number,
    netlink_string,
    netlink_text,
    netlink_u32,
    pack_netlink_attribute,
)
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.links import LinuxLink
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkRequest, NetlinkSocket

# Name of `ip -d link` : IFLA_...
_LIMITS = {
    "txqlen": 13,
    "group": 27,
    "gso_max_segs": 40,
    "gso_max_size": 41,
    "gro_max_size": 58,
    "gso_ipv4_max_size": 63,
    "gro_ipv4_max_size": 64,
}
RESTORED_LINK_FLAGS = links.IFF_ALLMULTI | links.IFF_MULTICAST | links.IFF_NOARP
IF_READY = 0x80000000  # of IFLA_INET6_FLAGS: IPv6 has taken notice that the link is up


def link_limits(link: LinuxLink) -> tuple[tuple[str, int], ...]:
    """The link's numbers that can be set."""
    return tuple(
        (name, netlink_number(link.attributes[kind])) for name, kind in _LIMITS.items() if kind in link.attributes
    )


def link_ipv6_token(link: LinuxLink) -> str:
    """The IPv6 token; "": none."""
    payload = link.ipv6.get(links.IFLA_INET6_TOKEN, b"")
    return netlink_ip_text(payload) if any(payload) else ""


def link_addr_gen_mode(link: LinuxLink) -> int | None:
    """How the kernel makes link-local addresses; None: IPv6 is off."""
    payload = link.ipv6.get(links.IFLA_INET6_ADDR_GEN_MODE)
    return None if payload is None else netlink_number(payload)


def link_alias(link: LinuxLink) -> str:
    """The alias; "": none."""
    return netlink_text(link.attributes.get(links.IFLA_IFALIAS, b""))


class LinkSettings:
    """Puts the settings of one link back, and collects what could not be done."""

    def __init__(self, netlink: NetlinkSocket, index: int, captured: CapturedLink) -> None:
        self.netlink, self.index, self.captured = netlink, index, captured
        self.problems: list[str] = []

    def link(self) -> LinuxLink:
        """The link's present state. Raises OSError."""
        return links.linux_link_at(self.netlink, self.index)

    def attempt(self, setting: str, change: Callable[[], None]) -> None:
        """Makes the change, or notes why it failed."""
        try:
            change()
        except OSError as error:
            self.problems.append(f"{setting}: {error.strerror or error}")

    def set_name_and_mac(self) -> None:
        """Sets name and MAC; a device that is up may refuse either, and is set down then."""
        link, captured = self.link(), self.captured
        if link.name != captured.name:
            change = links.link_change_request(self.index, (links.IFLA_IFNAME, netlink_string(captured.name)))
            self.attempt(f"name {captured.name}", lambda: self._down_if_need_be(change))
        if link.mac != captured.mac and captured.mac:
            change_mac = links.link_change_request(self.index, (links.IFLA_ADDRESS, netlink_mac_bytes(captured.mac)))
            self.attempt(f"MAC {captured.mac}", lambda: self._down_if_need_be(change_mac))

    def _down_if_need_be(self, change: NetlinkRequest) -> None:
        try:
            self.netlink.execute(change)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            self.netlink.execute(links.link_up_request(self.index, False))
            self.netlink.execute(change)

    def set_sizes(self) -> None:
        """Sets MTU, queue length and the like, and the alias."""
        link, captured = self.link(), self.captured
        if netlink_number(link.attributes[links.IFLA_MTU]) != captured.mtu:
            self._set(f"MTU {captured.mtu}", links.IFLA_MTU, netlink_u32(captured.mtu))
        present = dict(link_limits(link))
        for name, value in captured.limits:
            if present.get(name) != value:
                self._set(f"{name} {value}", _LIMITS[name], netlink_u32(value))
        if captured.taken and link_alias(link) != captured.alias:
            self._set(f"alias {captured.alias}", links.IFLA_IFALIAS, netlink_string(captured.alias))

    def _set(self, setting: str, kind: int, payload: bytes) -> None:
        self.attempt(setting, lambda: self.netlink.execute(links.link_change_request(self.index, (kind, payload))))

    def set_master(self) -> None:
        """Puts the link back into its bridge or bond, if that still exists."""
        if not self.captured.master:
            return

        def enslave() -> None:
            try:
                master = links.linux_link_named(self.netlink, self.captured.master).index
            except links.NoSuchLink as error:
                raise OSError(errno.ENODEV, str(error)) from error
            if self.link().master != master:
                self.netlink.execute(links.link_change_request(self.index, (links.IFLA_MASTER, netlink_u32(master))))

        self.attempt(f"master {self.captured.master}", enslave)

    def set_ipv6_token(self) -> None:
        """Sets the token. The kernel takes one only while the link listens to routers, so it does for that moment."""
        link, captured_token = self.link(), self.captured.token
        if not self.captured.taken or link_ipv6_token(link) == captured_token or not link.ipv6:
            return
        settings = [("ipv6/conf/accept_ra", "2"), ("ipv6/conf/router_solicitations", "1")]
        before = [(name, sysctl.get_link_sysctl(link.name, name) or "") for name, _ in settings]
        sysctl.apply_link_sysctls(link.name, settings)
        payload = netlink_ip_bytes(captured_token or "::")
        change = links.link_ipv6_request(self.index, links.IFLA_INET6_TOKEN, payload)
        self.attempt(f"IPv6 token {captured_token or 'none'}", lambda: self.netlink.execute(change))
        sysctl.apply_link_sysctls(link.name, before)

    def set_flags(self) -> None:
        """Sets promiscuity and the like, but not up and down."""
        captured, mask = self.captured, links.IFF_PROMISC
        captured_flags = links.IFF_PROMISC if captured.promiscuity else 0
        if captured.flags is not None:
            captured_flags, mask = captured_flags | captured.flags, mask | RESTORED_LINK_FLAGS
        if self.link().flags & mask != captured_flags:
            change = links.link_change_request(self.index, flags=captured_flags, mask=mask)
            self.attempt("flags", lambda: self.netlink.execute(change))

    def stop_generating_addresses(self) -> None:
        """Until the captured addresses are back the kernel makes no link-local address of its own."""
        link = self.link()
        mode, is_up = link_addr_gen_mode(link), link.flags & links.IFF_UP
        if not is_up and mode is not None and mode != links.ADDR_GEN_MODE_NONE and self.captured.taken:
            self._generate(links.ADDR_GEN_MODE_NONE)

    def generate_addresses_as_captured(self) -> None:
        """Sets the captured way of making link-local addresses."""
        captured_mode = self.captured.addr_gen_mode
        if captured_mode is not None and link_addr_gen_mode(self.link()) not in (captured_mode, None):
            self._generate(captured_mode)

    def _generate(self, mode: int) -> None:
        change = links.link_ipv6_request(self.index, links.IFLA_INET6_ADDR_GEN_MODE, struct.pack("=B", mode))
        self.attempt(f"addrgenmode {mode}", lambda: self.netlink.execute(change))

    def ipv6_is_ready(self) -> bool:
        """Has IPv6, if it is on, noticed that the link is up? It makes no addresses before."""
        flags = self.link().ipv6.get(links.IFLA_INET6_FLAGS)
        return flags is None or bool(netlink_number(flags) & IF_READY)

    def set_up_or_down(self) -> None:
        """Sets the link up or down, as captured."""
        if bool(self.link().flags & links.IFF_UP) != self.captured.up:
            change = links.link_up_request(self.index, self.captured.up)
            self.attempt("up" if self.captured.up else "down", lambda: self.netlink.execute(change))

    def add_altnames(self) -> None:
        """Adds the alternative names that are missing."""
        missing = [name for name in self.captured.altnames if name not in self.link().altnames]
        for name in missing:
            body = links.IFINFOMSG.pack(0, 0, self.index, 0, 0)
            body += pack_netlink_attribute(
                links.IFLA_PROP_LIST | NETLINK_NESTED,
                pack_netlink_attribute(links.IFLA_ALT_IFNAME, netlink_string(name)),
            )
            request = NetlinkRequest(links.RTM_NEWLINKPROP, body, NLM_F_CREATE | NLM_F_EXCL)
            self.attempt(f"altname {name}", lambda request=request: self.netlink.execute(request))  # type: ignore[misc]
