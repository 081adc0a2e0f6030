"""Reads a link's whole state."""

import re
from pathlib import Path

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
from vppd_guard.linux.attributes import number
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.links import Link
from vppd_guard.linux.netlink import Netlink

_SYSFS = Path("/sys/class/net")
_DEVICES = Path("/sys/bus/pci/devices")
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def capture_link(name: str) -> CapturedLink:
    """The link's present state. Raises NoSuchLink, OSError."""
    with Netlink() as netlink:
        link = links.link_named(netlink, name)
        names = {one.index: one.name for one in links.all_links(netlink)}
        pci = _pci(link)
        return CapturedLink(
            name=link.name,
            mac=link.mac,
            mtu=number(link.attributes[links.IFLA_MTU]),
            up=bool(link.flags & links.IFF_UP),
            promiscuity=1 if link.flags & links.IFF_PROMISC else 0,
            kind=link.kind,
            master=names.get(link.master, ""),
            pci=pci,
            driver=_driver(pci),
            addresses=tuple(addresses.read(netlink, link.index)),
            routes=tuple(routes.read(netlink, link.index)),
            taken=clock.now(),
            parent=names.get(link.parent, "") if link.parent != link.index else "",
            permanent_mac=link.permanent_mac,
            altnames=link.altnames,
            alias=settings.alias(link),
            flags=link.flags & settings.FLAGS,
            limits=settings.limits(link),
            addr_gen_mode=settings.addr_gen_mode(link),
            token=settings.ipv6_token(link),
            sysctls=tuple(sysctl.read(link.name)),
            rules=tuple(rules.read(netlink, link.name)),
            neighbours=tuple(neighbours.read(netlink, link.index)),
            nexthops=tuple(nexthops.read(netlink, link.index)),
            channels=ethtool.channels(link.name),
            rings=ethtool.rings(link.name),
            features=ethtool.features(link.name),
        )


def _pci(link: Link) -> str:
    """PCI address of the device below, by sysfs; "": it has none.

    sysfs shows the namespace in which it was mounted, where a link of that name may be another one.
    """
    directory = _SYSFS / link.name
    try:
        sysfs_identity = (directory / "ifindex").read_text().strip(), (directory / "address").read_text().strip()
        if sysfs_identity != (str(link.index), link.mac):
            return ""
        pci_addresses = _PCI.findall(str((directory / "device").resolve(strict=True)))
    except OSError:
        return ""
    return pci_addresses[-1] if pci_addresses else ""


def _driver(pci: str) -> str:
    driver = _DEVICES / pci / "driver"
    return driver.resolve().name if pci and driver.exists() else ""
