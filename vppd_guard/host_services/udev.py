"""systemd-udevd: the host tap keeps its MAC address and name, and has the names of the NIC.

* udev's default `.link` file says `MACAddressPolicy=persistent`, which gives a virtual device a MAC address made of the
  machine's id and the device's name: a race with VPP for the tap's address (systemd.link(5)).
* systemd's DHCP clients make their IAID of the properties ID_NET_NAME_*, which a tap lacks: the server would take it
  for another client (systemd.network(5), IAID=).
"""

import re

from vppd_guard.host_services.host import HostReader
from vppd_guard.linux.captured import CapturedLink

UDEV_SERVICE = "systemd-udevd"
_PROGRAM, _SIGN = "systemd-udevd", "/run/udev/control"
_PROPERTIES = ("ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT", "ID_NET_NAME_PATH", "ID_NET_NAME_MAC")
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")


def is_udevd_running(host: HostReader) -> bool:
    """Does udevd run where the uplink is?"""
    return host.runs(_PROGRAM, _SIGN)


def udev_link_path(name: str) -> str:
    """Path of the tap's `.link` file, which sorts before every numbered file; the first match wins."""
    return f"/run/systemd/network/0-vppd-{name}.link"


def udev_link_file(link: CapturedLink) -> str:
    """Text of the tap's `.link` file."""
    return (
        f"# Placed by vppd while VPP has {link.name}; removed when Linux has it back.\n"
        f"[Match]\nOriginalName={link.name}\nDriver=tun\n\n"
        "[Link]\nNamePolicy=keep\nMACAddressPolicy=none\n"
    )


def udev_nic_names(host: HostReader, link: CapturedLink) -> dict[str, str]:
    """The NIC's ID_NET_NAME_* properties, from udev's database (/run/udev/data/n<index>)."""
    lines = host.read(f"/run/udev/data/n{host.index(link.name)}").splitlines()
    pairs = (line.removeprefix("E:").partition("=") for line in lines if line.startswith("E:"))
    return {key: value for key, _, value in pairs if key in _PROPERTIES and _PLAIN.fullmatch(value)}


def udev_rule_path(name: str) -> str:
    """Path of the rule, which sorts after udev's own rules: those would set the properties of other devices."""
    return f"/run/udev/rules.d/99-vppd-{name}.rules"


def udev_rule_file(link: CapturedLink, names: dict[str, str]) -> str:
    """The rule that gives the host tap the names of the NIC (udev(7)).

    It does not match the MAC address, which the tap gets a moment after the event. Only a tap has `tun_flags`.
    """
    match = f'ACTION!="remove", SUBSYSTEM=="net", KERNEL=="{link.name}", ATTR{{tun_flags}}=="?*"'
    assignments = "".join(f', ENV{{{key}}}="{value}"' for key, value in sorted(names.items()))
    return f"# Placed by vppd while VPP has {link.name}; removed when Linux has it back.\n{match}{assignments}\n"
