"""The uplink as Linux had it, and what follows from that. Pure.

Sources: spec of the guard, sections 3 (what is kept, views) and 8 (fake next hop).
"""

from ipaddress import ip_address, ip_interface, ip_network

from msgspec import Struct

LIFETIME_FOREVER = 0xFFFFFFFF
Version = int


class LinuxAddress(Struct, frozen=True, omit_defaults=True):
    """An address of a link, as netlink shows it."""

    address: str  # interface address, "192.0.2.7/24"
    scope: int = 0
    flags: int = 0
    broadcast: str | None = None
    label: str | None = None
    valid_s: int = LIFETIME_FOREVER
    preferred_s: int = LIFETIME_FOREVER


class LinuxRoute(Struct, frozen=True, omit_defaults=True):
    """A route of the main table out of a link. `prefix` is a default route too."""

    prefix: str
    gateway: str | None = None
    source: str | None = None
    metric: int | None = None
    scope: int = 0
    protocol: int = 3  # RTPROT_BOOT
    onlink: bool = False


class Captured(Struct, frozen=True, omit_defaults=True):
    """One uplink before it was taken."""

    name: str
    mac: str
    mtu: int
    up: bool = True
    promiscuity: int = 0
    kind: str = ""  # as `ip -d link` says: "veth", "vlan", "bond", "tun"...; "": a device of its own
    master: str = ""  # the bridge or bond that it is a port of
    pci: str = ""  # PCI address of the device, "0000:00:05.0"; "": none
    driver: str = ""  # its kernel driver, "virtio-pci"
    addresses: tuple[LinuxAddress, ...] = ()
    routes: tuple[LinuxRoute, ...] = ()
    gateway_answers: bool = False  # did the gateway answer a ping before?


class CannotCapture(Exception):
    """The link cannot be an uplink; the text names it and says why."""


def check(captured: Captured, families: str) -> None:
    """Raises CannotCapture if the link has no usable address, or lacks a family that is expected."""
    versions = {ip_interface(a.address).version for a in captured.addresses if not is_link_local(a.address)}
    if not captured.up:
        raise CannotCapture(f"uplink {captured.name}: is down")
    if not versions:
        raise CannotCapture(f"uplink {captured.name}: has no address but link-local ones")
    for family in filter(None, families.split(",")):
        if int(family.strip().removeprefix("IPv")) not in versions:
            raise CannotCapture(f"uplink {captured.name}: has no {family.strip()} address")


def is_link_local(address: str) -> bool:
    """Is it an IPv6 link-local address?"""
    interface = ip_interface(address)
    return interface.version == 6 and interface.ip.is_link_local


def addresses(captured: Captured) -> list[str]:
    """All addresses but IPv6 link-local ones, with the masks that Linux had."""
    return [a.address for a in captured.addresses if not is_link_local(a.address)]


def translated(captured: Captured, to_64: bool) -> list[str]:
    """The addresses as VPP gets them: an IPv6 /128 as /64, so that neighbours are on the link."""
    return [_wide(address) if to_64 else address for address in addresses(captured)]


def _wide(address: str) -> str:
    interface = ip_interface(address)
    if interface.version == 6 and interface.network.prefixlen == 128:
        return f"{interface.ip}/64"
    return address


def link_local(captured: Captured) -> str | None:
    """The first IPv6 link-local address, without its mask."""
    return next((str(ip_interface(a.address).ip) for a in captured.addresses if is_link_local(a.address)), None)


def routes(captured: Captured) -> list[LinuxRoute]:
    """Routes but those to IPv6 link-local prefixes: on-link first, longest prefix first, default last."""
    kept = [r for r in captured.routes if not ip_network(r.prefix).is_link_local or ip_network(r.prefix).version == 4]
    return sorted(kept, key=lambda r: (r.gateway is not None, -ip_network(r.prefix).prefixlen, r.prefix))


def gateway(captured: Captured, version: Version) -> str | None:
    """The gateway of the default route of that family."""
    found = [r for r in captured.routes if r.gateway and ip_network(r.prefix).prefixlen == 0]
    matching = [r for r in found if ip_network(r.prefix).version == version]
    return min(matching, key=lambda r: r.metric or 0).gateway if matching else None


def next_hop(captured: Captured, version: Version) -> str | None:
    """An address that the host can use as the way into VPP: the gateway, else one inside a prefix of ours."""
    known = gateway(captured, version)
    if known and not ip_address(known).is_link_local:
        return known
    for address in addresses(captured):
        interface = ip_interface(address)
        if interface.version == version and interface.network.num_addresses > 2:
            last = interface.network.broadcast_address - 1
            return str(last if last != interface.ip else interface.network.network_address + 1)
    return None
