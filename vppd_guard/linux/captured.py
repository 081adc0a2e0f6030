"""An uplink as Linux had it, and what follows from that. Pure.

Numbers are those of the kernel's
headers: linux/if_addr.h, linux/rtnetlink.h, linux/neighbour.h. A field that an older guard's journal lacks has its
default, which means "unknown": restoring leaves such a thing alone.
"""

from ipaddress import ip_interface, ip_network

from msgspec import Struct
from msgspec.structs import replace

LIFETIME_FOREVER = 0xFFFFFFFF
_MAIN_TABLE = 254
IFA_F_NODAD, IFA_F_DADFAILED, _IFA_F_HOMEADDRESS, _IFA_F_TENTATIVE = 0x02, 0x08, 0x10, 0x40
_IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, _IFA_F_MCAUTOJOIN = 0x100, 0x200, 0x400
SETTABLE_ADDRESS_FLAGS = (
    IFA_F_NODAD | _IFA_F_HOMEADDRESS | _IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | _IFA_F_MCAUTOJOIN
)
UNPROVEN_ADDRESS_FLAGS = IFA_F_DADFAILED | _IFA_F_TENTATIVE  # not yet known to be ours alone
ROUTE_PROTOCOL_BOOT = 3  # RTPROT_BOOT: by hand, or by whoever names no protocol
ROUTE_PROTOCOL_VPPD = 217  # of the routes that the guard adds: no number of linux/rtnetlink.h or of iproute2
ROUTE_PROTOCOL_KERNEL = 2  # made by the kernel from addresses, or by a network manager in its name
ROUTE_TYPE_UNICAST = 1
IpVersion = int
RawNetlinkAttributes = tuple[tuple[int, bytes], ...]  # netlink attributes as bytes: type, payload


class CaptureTime(Struct, frozen=True):
    """A moment, by a clock that is right within a boot, and by one for after a reboot."""

    boottime_s: float  # CLOCK_BOOTTIME: goes on while the machine sleeps
    wall_s: float  # seconds since 1970: for use after a reboot
    boot: str  # the kernel's id of this boot

    def until(self, later: "CaptureTime") -> float:
        """Seconds from this moment to a later one, not below 0."""
        if self.boot == later.boot:
            return max(0.0, later.boottime_s - self.boottime_s)
        return max(0.0, later.wall_s - self.wall_s)


class LinuxAddress(Struct, frozen=True, omit_defaults=True):
    """An address of a link, as netlink has it."""

    address: str  # interface address, "192.0.2.7/24"; with a peer the length is that of the peer's prefix
    scope: int = 0
    flags: int = 0  # IFA_F_...
    broadcast: str | None = None
    label: str | None = None  # IPv4 only
    valid_s: int = LIFETIME_FOREVER  # left when it was captured
    preferred_s: int = LIFETIME_FOREVER
    peer: str | None = None
    metric: int | None = None  # of the route that the kernel makes from it
    protocol: int | None = None  # IFA_PROTO: who made it


class LinuxHop(Struct, frozen=True, omit_defaults=True):
    """A next hop of a route with several."""

    gateway: str | None = None
    link: str = ""  # "": the captured link; else the name of another one
    weight: int = 1
    onlink: bool = False
    other: RawNetlinkAttributes = ()


class LinuxRoute(Struct, frozen=True, omit_defaults=True):
    """A route out of a link, default routes too. The gateway may be of the other family (RTA_VIA)."""

    prefix: str
    gateway: str | None = None
    source: str | None = None  # preferred source address
    metric: int | None = None
    scope: int = 0
    protocol: int = 3  # RTPROT_BOOT
    onlink: bool = False
    table: int = _MAIN_TABLE
    type: int = ROUTE_TYPE_UNICAST
    tos: int = 0
    from_prefix: str | None = None  # IPv6: only for packets from there
    hops: tuple[LinuxHop, ...] = ()  # if there are several; not all need be on this link
    nexthop: int | None = None  # a next hop object; gateway and hops then only tell what it was
    metrics: RawNetlinkAttributes = ()  # RTAX_...: mtu, advmss, lock...
    preference: int | None = None  # IPv6: RFC 4191
    expires_s: float | None = None  # left when it was captured
    other: RawNetlinkAttributes = ()  # realm, encapsulation...


class LinuxNexthop(Struct, frozen=True, omit_defaults=True):
    """A next hop object of the link (`ip nexthop`), or a group with such a member."""

    id: int
    header: bytes
    attributes: RawNetlinkAttributes  # without the link
    group: bool = False


class LinuxRule(Struct, frozen=True, omit_defaults=True):
    """A policy rule that names the link."""

    family: int
    priority: int
    header: bytes
    attributes: RawNetlinkAttributes


class LinuxNeighbour(Struct, frozen=True, omit_defaults=True):
    """A configured neighbour: permanent, or proxied."""

    address: str
    mac: str = ""
    flags: int = 0  # NTF_...
    protocol: int | None = None


class CapturedLink(Struct, frozen=True, omit_defaults=True):
    """An uplink before it was taken."""

    name: str
    mac: str
    mtu: int
    up: bool = True
    promiscuity: int = 0
    kind: str = ""  # as `ip -d link` says: "veth", "vlan", "bond", "tun"...; "": a physical device
    master: str = ""  # the bridge or bond that it is a port of
    pci: str = ""  # PCI address of the device, "0000:00:05.0"; "": none
    driver: str = ""  # its kernel driver, "virtio-pci"
    addresses: tuple[LinuxAddress, ...] = ()  # in the order of the kernel's list, which decides what is secondary
    routes: tuple[LinuxRoute, ...] = ()  # of all tables
    gateway_answers: bool = False  # did the gateway answer a ping before?
    taken: CaptureTime | None = None  # when this was read
    parent: str = ""  # the link below, of a VLAN or macvlan
    permanent_mac: str = ""  # "": the device has none
    altnames: tuple[str, ...] = ()
    alias: str = ""
    flags: int | None = None  # IFF_ALLMULTI, IFF_MULTICAST and IFF_NOARP, of the flags of the link
    limits: tuple[tuple[str, int], ...] = ()  # txqlen (packets), group, gso_max_size (bytes)... as `ip -d link` says
    addr_gen_mode: int | None = None  # how the kernel makes the IPv6 link-local address
    token: str = ""  # IPv6 token, "::7"; "": none
    sysctls: tuple[tuple[str, str], ...] = ()  # "ipv6/conf/accept_ra" -> value
    rules: tuple[LinuxRule, ...] = ()
    neighbours: tuple[LinuxNeighbour, ...] = ()
    nexthops: tuple[LinuxNexthop, ...] = ()
    channels: tuple[tuple[str, int], ...] = ()  # ethtool -l
    rings: tuple[tuple[str, int], ...] = ()  # ethtool -g
    features: tuple[tuple[str, bool], ...] = ()  # ethtool -k: those that can be changed, as requested


class CannotCaptureLink(Exception):
    """The link cannot be an uplink; the text names it and says why."""


def check_link_usable(captured: CapturedLink, families: str) -> None:
    """Raises CannotCaptureLink: the link is down, has no usable address, or lacks an expected family."""
    versions = {ip_interface(a.address).version for a in captured.addresses if not is_link_local_address(a.address)}
    if not captured.up:
        raise CannotCaptureLink(f"uplink {captured.name}: is down")
    if not versions:
        raise CannotCaptureLink(f"uplink {captured.name}: has no address but link-local ones")
    for family in filter(None, families.split(",")):
        if int(family.strip().removeprefix("IPv")) not in versions:
            raise CannotCaptureLink(f"uplink {captured.name}: has no {family.strip()} address")


def is_link_local_address(address: str) -> bool:
    """Is it an IPv6 link-local address?"""
    interface = ip_interface(address)
    return interface.version == 6 and interface.ip.is_link_local


def link_host_addresses(captured: CapturedLink) -> list[str]:
    """Interface addresses ("192.0.2.7/24") but IPv6 link-local ones, with Linux's masks."""
    return [a.address for a in captured.addresses if not is_link_local_address(a.address)]


def has_address4(captured: CapturedLink) -> bool:
    """Has the link an IPv4 address?"""
    return any(ip_interface(address.address).version == 4 for address in captured.addresses)


def uplink_vpp_addresses(captured: CapturedLink, to_64: bool) -> list[str]:
    """Interface addresses for VPP. `to_64`: an IPv6 /128 becomes a /64, so that neighbours are on the link.

    VPP refuses an address whose prefix overlaps with one of another length; it takes several addresses of one prefix.
    So an address inside another one's prefix, as of a VIP, gets that one's length.
    """
    interfaces = [ip_interface(_prefix_64(address) if to_64 else address) for address in link_host_addresses(captured)]
    lengths = {
        interface.ip: min(other.network.prefixlen for other in interfaces if interface.ip in other.network)
        for interface in interfaces
    }
    return [f"{address}/{length}" for address, length in lengths.items()]


def _prefix_64(address: str) -> str:
    interface = ip_interface(address)
    if interface.version == 6 and interface.network.prefixlen == 128:
        return f"{interface.ip}/64"
    return address


def link_local_address(captured: CapturedLink) -> str | None:
    """The first IPv6 link-local address, without mask."""
    return next((str(ip_interface(a.address).ip) for a in captured.addresses if is_link_local_address(a.address)), None)


def uplink_vpp_routes(captured: CapturedLink) -> list[LinuxRoute]:
    """Routes for VPP: unicast, main table, not made from addresses, not to IPv6 link-local prefixes.

    On-link routes first, longest prefix first, default last. Of several next hops the heaviest one on this link. A
    route whose gateway is of the other family is left out, because next hops of the writer's routes have the family of
    the prefix.
    """
    single = [_one_hop(route) for route in captured.routes if _is_for_vpp(route)]
    same_family = [r for r in single if r.gateway is None or (":" in r.gateway) == (":" in r.prefix)]
    return sorted(same_family, key=lambda r: (r.gateway is not None, -ip_network(r.prefix).prefixlen, r.prefix))


def _is_for_vpp(route: LinuxRoute) -> bool:
    network = ip_network(route.prefix)
    uses_link = not route.hops or any(not hop.link for hop in route.hops)
    plain = (
        route.type == ROUTE_TYPE_UNICAST and route.table == _MAIN_TABLE and not route.tos and route.from_prefix is None
    )
    made_by_kernel = route.protocol == ROUTE_PROTOCOL_KERNEL and route.gateway is None and not route.hops
    return uses_link and plain and not made_by_kernel and not (network.version == 6 and network.is_link_local)


def _one_hop(route: LinuxRoute) -> LinuxRoute:
    if not route.hops:
        return route
    best = max((hop for hop in route.hops if not hop.link), key=lambda hop: hop.weight)
    return replace(route, gateway=best.gateway, onlink=best.onlink, hops=())


def link_default_gateway(captured: CapturedLink, version: IpVersion) -> str | None:
    """Gateway of that family's default route."""
    defaults = [r for r in uplink_vpp_routes(captured) if r.gateway and ip_network(r.prefix).prefixlen == 0]
    matching = [r for r in defaults if ip_network(r.prefix).version == version]
    return min(matching, key=lambda r: r.metric or 0).gateway if matching else None


def uplink_wire_source(captured: CapturedLink, version: IpVersion) -> str | None:
    """The address with which the link asks for neighbours; without another one of IPv6, its link-local one."""
    addresses = (ip_interface(text).ip for text in link_host_addresses(captured))
    source = next((str(address) for address in addresses if address.version == version), None)
    return source if source or version == 4 else link_local_address(captured)


def host_next_hop_to_vpp(captured: CapturedLink, version: IpVersion) -> str | None:
    """An address by which the host can reach VPP: the gateway, else one inside a prefix of the link.

    A link-local gateway only if there is no such prefix: others on the wire may speak for it.
    """
    gateway = link_default_gateway(captured, version)
    if gateway and not is_link_local_address(gateway):
        return gateway
    for address in link_host_addresses(captured):
        interface = ip_interface(address)
        if interface.version == version and interface.network.num_addresses > 2:
            last = interface.network.broadcast_address - 1
            return str(last if last != interface.ip else interface.network.network_address + 1)
    return gateway
