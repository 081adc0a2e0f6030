"""Reads a link's whole state."""

import re
from pathlib import Path

from bus.shortage import raise_shortage
from vppd_guard.linux import (
    addresses,
    clock,
    ethtool,
    links,
    neighbours,
    nexthops,
    routes,
    rules,
    settings,
    sysctl,
)
from vppd_guard.linux.attributes import netlink_number
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.links import LinuxLink
from vppd_guard.linux.netlink import NetlinkSocket

_SYSFS = Path("/sys/class/net")
_DEVICES = Path("/sys/bus/pci/devices")
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def capture_link(name: str) -> CapturedLink:
    """The link's present state. Raises NoSuchLink, OSError."""
    with NetlinkSocket() as netlink:
        link = links.linux_link_named(netlink, name)
        names = {one.index: one.name for one in links.all_linux_links(netlink)}
        pci = _pci(link)
        return CapturedLink(
            name=link.name,
            mac=link.mac,
            mtu=netlink_number(link.attributes[links.IFLA_MTU]),
            up=bool(link.flags & links.IFF_UP),
            promiscuity=1 if link.flags & links.IFF_PROMISC else 0,
            kind=link.kind,
            master=names.get(link.master, ""),
            pci=pci,
            driver=_driver(pci),
            addresses=tuple(addresses.read_link_addresses(netlink, link.index)),
            routes=tuple(routes.read_link_routes(netlink, link.index)),
            taken=clock.capture_time_now(),
            parent=names.get(link.parent, "") if link.parent != link.index else "",
            permanent_mac=link.permanent_mac,
            altnames=link.altnames,
            alias=settings.link_alias(link),
            flags=link.flags & settings.RESTORED_LINK_FLAGS,
            limits=settings.link_limits(link),
            addr_gen_mode=settings.link_addr_gen_mode(link),
            token=settings.link_ipv6_token(link),
            sysctls=tuple(sysctl.read_link_sysctls(link.name)),
            rules=tuple(rules.read_link_rules(netlink, link.name)),
            neighbours=tuple(neighbours.read_link_neighbours(netlink, link.index)),
            nexthops=tuple(nexthops.read_link_nexthops(netlink, link.index)),
            channels=ethtool.ethtool_channels(link.name),
            rings=ethtool.ethtool_rings(link.name),
            features=ethtool.ethtool_features(link.name),
        )


def _pci(link: LinuxLink) -> str:
    """PCI address of the device below, by sysfs; "": it has none.

    sysfs shows the namespace in which it was mounted, where a link of that name may be another one.
    """
    directory = _SYSFS / link.name
    try:
        sysfs_identity = (directory / "ifindex").read_text().strip(), (directory / "address").read_text().strip()
        if sysfs_identity != (str(link.index), link.mac):
            return ""
        pci_addresses = _PCI.findall(str((directory / "device").resolve(strict=True)))
    except OSError as error:
        raise_shortage(error)
        return ""
    return pci_addresses[-1] if pci_addresses else ""


def _driver(pci: str) -> str:
    driver = _DEVICES / pci / "driver"
    return driver.resolve().name if pci and driver.exists() else ""
