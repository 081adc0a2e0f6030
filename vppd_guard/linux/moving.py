"""Edge: moves links between namespaces. All functions are idempotent."""

import errno
import struct
import time
from pathlib import Path

from vppd_guard.linux import links, namespaces
from vppd_guard.linux.attributes import NETLINK_NESTED, netlink_number, netlink_u32, pack_netlink_attribute
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.netlink import NetlinkSocket

_LINK_WAIT_S_MAX = 1.0
_LINK_WAIT_PAUSE_S = 0.01
_LOOPBACK = 1
_ANY_NAME = "dev%d"  # as the kernel names a link that returns from a namespace that ends


def set_link_promiscuous(name: str, on: bool) -> None:
    """Sets or clears the link's promiscuity. Raises NoSuchLink, OSError."""
    with NetlinkSocket() as netlink:
        index = links.linux_link_named(netlink, name).index
        netlink.execute(links.link_change_request(index, flags=links.IFF_PROMISC if on else 0, mask=links.IFF_PROMISC))


def ensure_netns(name: str) -> None:
    """Makes the named namespace, if there is none, with its loopback up."""
    if not namespaces.netns_exists(name):
        namespaces.create_netns(name)
    namespaces.run_inside_netns(name, _loopback_up)


def _loopback_up() -> None:
    with NetlinkSocket() as netlink:
        netlink.execute(links.link_up_request(_LOOPBACK))


def move_link_to_netns(name: str, into: str) -> None:
    """Moves the link into a named namespace and sets it up there; its addresses and routes are lost.

    Raises NoSuchLink, and OSError, as for a port of a bond.
    """
    with (namespaces.NETNS_DIRECTORY / into).open() as netns_file, NetlinkSocket() as netlink:
        netlink.execute(links.link_move_request(links.linux_link_named(netlink, name).index, netns_file.fileno()))
    namespaces.run_inside_netns(into, lambda: _up_for_vpp(name))


def _up_for_vpp(name: str) -> None:
    """Sets the link up, with IPv6 off: VPP would learn the kernel's link-local address, which is VPP's own, as a
    neighbour's, and no longer use it. The setting goes when the link moves again.
    """
    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    with NetlinkSocket() as netlink:
        netlink.execute(links.link_up_request(links.linux_link_named(netlink, name).index))


def bring_link_back(captured: CapturedLink, from_netns: str) -> bool:
    """Moves the captured link from the namespace to this one. False: it is not there (here already, or lost).

    If its name stays taken here, it returns under another one; `restore_captured_link` finds it nevertheless.
    """
    if not namespaces.netns_exists(from_netns):
        return False
    with Path("/proc/thread-self/ns/net").open() as home:
        return namespaces.run_inside_netns(from_netns, lambda: _send_home(captured, home.fileno()))


def _send_home(captured: CapturedLink, home: int) -> bool:
    """Moves the link from VPP's namespace, in which this runs, to the namespace of that file descriptor."""
    with NetlinkSocket() as netlink:
        link = links.find_captured_link(links.all_linux_links(netlink), captured)
        if link is None:
            return False
        deadline = time.monotonic() + _LINK_WAIT_S_MAX
        while True:
            try:
                netlink.execute(links.link_move_request(link.index, home))
                return True
            except OSError as error:
                # The tap that VPP leaves behind holds the name until the kernel has taken it away.
                if error.errno != errno.EEXIST:
                    raise
            if time.monotonic() > deadline:
                netlink.execute(links.link_move_request(link.index, home, _ANY_NAME))
                return True
            time.sleep(_LINK_WAIT_PAUSE_S)


def raise_link_mtu(netns: str, name: str, mtu: int) -> None:
    """The link in the named namespace carries packets of that many bytes. Raises OSError, as for more than it can."""
    namespaces.run_inside_netns(netns, lambda: _raise_mtu(name, mtu))


def _raise_mtu(name: str, mtu: int) -> None:
    with NetlinkSocket() as netlink:
        for link in links.all_linux_links(netlink):
            if link.name == name and netlink_number(link.attributes[links.IFLA_MTU]) < mtu:
                netlink.execute(links.link_change_request(link.index, (links.IFLA_MTU, netlink_u32(mtu))))


def link_exists_in_netns(netns: str, name: str) -> bool:
    """Is there a link of that name in the named namespace?"""
    return bool(namespaces.run_inside_netns(netns, lambda: _has_link(name)))


def is_captured_link_here(captured: CapturedLink) -> bool:
    """Is the captured link in this namespace, under whatever name?"""
    with NetlinkSocket() as netlink:
        return links.find_captured_link(links.all_linux_links(netlink), captured) is not None


def is_captured_link_in_netns(netns: str, captured: CapturedLink) -> bool:
    """Is the captured link in the named namespace? Raises OSError."""
    return namespaces.netns_exists(netns) and namespaces.run_inside_netns(
        netns, lambda: is_captured_link_here(captured)
    )


def _has_link(name: str) -> bool:
    with NetlinkSocket() as netlink:
        return any(link.name == name for link in links.all_linux_links(netlink))


def detach_link_xdp(captured: CapturedLink) -> None:
    """Takes the XDP program off the link: VPP leaves its own there, which goes on limiting what the link carries.

    Raises NoSuchLink, OSError.
    """
    with NetlinkSocket() as netlink:
        link = links.find_captured_link(links.all_linux_links(netlink), captured)
        if link is None:
            raise links.NoSuchLink(f"{captured.name}: no such link")
        no_program = pack_netlink_attribute(links.IFLA_XDP_FD, struct.pack("=i", -1))
        netlink.execute(links.link_change_request(link.index, (links.IFLA_XDP | NETLINK_NESTED, no_program)))
