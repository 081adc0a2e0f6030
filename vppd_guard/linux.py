"""Edge: links, addresses, routes and namespaces, over netlink. Blocking; called in a worker thread.

All functions are idempotent: restoring what is restored already changes nothing.
"""

import errno
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv6Network, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from vppd_guard import namespaces
from vppd_guard.captured import Captured, LinuxAddress, LinuxRoute, is_link_local, link_local

MAIN_TABLE = 254
PROTOCOL_KERNEL = 2  # made by the kernel from addresses; comes back with them
IFF_UP, IFF_PROMISC = 0x1, 0x100
IFA_F_NODAD, IFA_F_PERMANENT, IFA_F_NOPREFIXROUTE, IFA_F_MANAGETEMPADDR = 0x02, 0x80, 0x200, 0x100
IFA_F_KEPT = IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR
RTNH_F_ONLINK = 4
NUD_PERMANENT = 0x80
FAMILY = {4: 2, 6: 10}
LINK_WAIT_S_MAX = 1.0


class NoLink(Exception):
    """There is no link of that name; the text names it."""


def capture(name: str) -> Captured:
    """The link as it is. Raises NoLink."""
    with IPRoute() as ip:
        index = _index(ip, name)
        link = ip.get_links(index)[0]
        return Captured(
            name=name,
            mac=link.get_attr("IFLA_ADDRESS"),
            mtu=link.get_attr("IFLA_MTU"),
            up=bool(link["flags"] & IFF_UP),
            promiscuity=1 if link["flags"] & IFF_PROMISC else 0,
            addresses=tuple(_address(a) for a in ip.get_addr(index=index)),
            routes=tuple(_routes(ip, index)),
        )


def _index(ip: Any, name: str) -> int:
    found = ip.link_lookup(ifname=name)
    if not found:
        raise NoLink(f"{name}: no such link")
    return int(found[0])


def _address(message: Any) -> LinuxAddress:
    cache = message.get_attr("IFA_CACHEINFO") or {}
    flags = int(message.get_attr("IFA_FLAGS") or message["flags"])
    local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return LinuxAddress(
        address=f"{local}/{message['prefixlen']}",
        scope=message["scope"],
        flags=flags & IFA_F_KEPT,
        broadcast=message.get_attr("IFA_BROADCAST"),
        label=message.get_attr("IFA_LABEL"),
        valid_s=cache.get("ifa_valid", 0xFFFFFFFF),
        preferred_s=cache.get("ifa_preferred", 0xFFFFFFFF),
    )


def _routes(ip: Any, index: int) -> list[LinuxRoute]:
    routes = []
    for version, family in FAMILY.items():
        for message in ip.get_routes(family=family, table=MAIN_TABLE, oif=index):
            unicast = message["type"] == 1
            if message["proto"] == PROTOCOL_KERNEL or not unicast or message.get_attr("RTA_OIF") != index:
                continue
            destination = message.get_attr("RTA_DST") or ("0.0.0.0" if version == 4 else "::")
            prefix = str(ip_network(f"{destination}/{message['dst_len']}"))
            routes.append(
                LinuxRoute(
                    prefix=prefix,
                    gateway=message.get_attr("RTA_GATEWAY"),
                    source=message.get_attr("RTA_PREFSRC"),
                    metric=message.get_attr("RTA_PRIORITY"),
                    scope=message["scope"],
                    protocol=message["proto"],
                    onlink=bool(message["flags"] & RTNH_F_ONLINK),
                )
            )
    return routes


def promiscuous(name: str, on: bool) -> None:
    """Sets or clears the link's own promiscuity. Raises NoLink."""
    with IPRoute() as ip:
        ip.link("set", index=_index(ip, name), flags=IFF_PROMISC if on else 0, change=IFF_PROMISC)


def ensure_netns(name: str) -> None:
    """Makes a named namespace if there is none, with its loopback up."""
    if not namespaces.exists(name):
        namespaces.create(name)
    namespaces.inside(name, lambda: _up(lambda ip: 1))


def move_away(name: str, into: str) -> None:
    """Moves the link into a named namespace and sets it up there. Its addresses and routes are lost by that."""
    with (namespaces.DIRECTORY / into).open() as there, IPRoute() as ip:
        ip.link("set", index=_index(ip, name), net_ns_fd=there.fileno())
    namespaces.inside(into, lambda: _up_for_vpp(name))


def _up_for_vpp(name: str) -> None:
    """Up, but the kernel does not speak on it: its link-local address would be VPP's own, which VPP then learns as
    a neighbour's and no longer takes for itself. What is set here goes when the link moves again."""
    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    _up(lambda ip: _index(ip, name))


def _up(find: Callable[[Any], int]) -> None:
    with IPRoute() as ip:
        ip.link("set", index=find(ip), state="up")


def bring_back(captured: Captured, from_netns: str) -> bool:
    """Finds the link in the namespace and moves it here. False: it is not there (here already, or lost)."""
    if not namespaces.exists(from_netns):
        return False
    with Path("/proc/self/ns/net").open() as home:
        return namespaces.inside(from_netns, lambda: _send_to(captured, home.fileno()))


def _send_to(captured: Captured, home: int) -> bool:
    """From within VPP's namespace: the link, by its name or else its MAC, goes home."""
    with IPRoute() as ip:
        found = ip.link_lookup(ifname=captured.name) or ip.link_lookup(IFLA_ADDRESS=captured.mac)
        if not found:
            return False
        deadline = time.monotonic() + LINK_WAIT_S_MAX
        while True:
            try:
                ip.link("set", index=found[0], net_ns_fd=home)
                return True
            except NetlinkError as error:
                # The tap that VPP leaves behind holds the name until the kernel has taken it away.
                if error.code != errno.EEXIST or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def restore(captured: Captured) -> None:
    """Gives the link its state back: MTU, promiscuity, up, addresses, routes. Raises NoLink."""
    with IPRoute() as ip:
        index = _index(ip, captured.name)
        promiscuity = IFF_PROMISC if captured.promiscuity else 0
        ip.link("set", index=index, mtu=captured.mtu, flags=promiscuity, change=IFF_PROMISC)
        if captured.up:
            ip.link("set", index=index, state="up")
        _put_addresses(ip, index, captured)
        _put_routes(ip, index, captured)


def dress_tap(
    captured: Captured, mtu: int, next_hop6: str | None, vpp_mac: str, through: Mapping[str, str] | None = None
) -> None:
    """Makes Linux's side of the host tap what the uplink was. Raises NoLink while there is no tap.

    `through`: prefixes that only VPP knows the way to, with the next hop by which the host reaches VPP.
    """
    if any(ip_interface(a.address).version == 6 for a in captured.addresses):
        with suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{captured.name}/disable_ipv6").write_text("0")
    with IPRoute() as ip:
        index = _index(ip, captured.name)
        ip.link("set", index=index, mtu=mtu, state="up")
        # Asked for on-link neighbours, VPP answers only some solicitations, and advertisements of the neighbours
        # themselves reach the host, which would then send to MACs that VPP does not take (spec, section 7, step 5).
        # So in IPv6 nothing is on-link but one next hop, whose answer the host is told.
        _put_addresses(ip, index, captured, prefix_routes6=next_hop6 is None)
        _drop_other_link_locals(ip, index, captured)
        if next_hop6:
            ip.neigh("replace", family=FAMILY[6], dst=next_hop6, lladdr=vpp_mac, ifindex=index, state=NUD_PERMANENT)
            _reach_by(ip, index, captured, next_hop6)
        _put_routes(ip, index, captured)
        for prefix, hop in (through or {}).items():
            family = FAMILY[ip_network(prefix).version]
            ip.route("replace", family=family, dst=prefix, gateway=hop, oif=index, table=MAIN_TABLE)


def is_tap(name: str) -> bool:
    """Is the link of that name a tap or tun? Such a one is VPP's, not an uplink."""
    with IPRoute() as ip:
        found = ip.link_lookup(ifname=name)
        return bool(found) and ip.get_links(found[0])[0].get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "tun"


def _reach_by(ip: Any, index: int, captured: Captured, hop: str) -> None:
    """The IPv6 prefixes of the link are reached by `hop`, and `hop` is on the link."""
    ip.route("replace", family=FAMILY[6], dst=f"{hop}/128", oif=index, table=MAIN_TABLE)
    networks = {ip_interface(a.address).network for a in captured.addresses if not is_link_local(a.address)}
    for network in sorted(n for n in networks if isinstance(n, IPv6Network) and n.prefixlen < 128):
        ip.route("replace", family=FAMILY[6], dst=str(network), gateway=hop, oif=index, table=MAIN_TABLE)
        with suppress(NetlinkError):  # what the kernel made of the address, if it was there before
            ip.route("del", family=FAMILY[6], dst=str(network), oif=index, table=MAIN_TABLE, proto=PROTOCOL_KERNEL)


def _put_addresses(ip: Any, index: int, captured: Captured, *, prefix_routes6: bool = True) -> None:
    for address in captured.addresses:
        interface = ip_interface(address.address)
        fields: dict[str, Any] = {
            "index": index,
            "address": str(interface.ip),
            "prefixlen": interface.network.prefixlen,
            "scope": address.scope,
            "family": FAMILY[interface.version],
        }
        if interface.version == 6:
            fields["flags"] = address.flags | IFA_F_NODAD  # it was ours a moment ago: no need to ask
            if not prefix_routes6 and not is_link_local(address.address):
                fields["flags"] |= IFA_F_NOPREFIXROUTE
        elif address.broadcast:
            fields["broadcast"] = address.broadcast
        if address.valid_s != 0xFFFFFFFF:
            fields |= {"preferred": address.preferred_s, "valid": address.valid_s}
        ip.addr("replace", **fields)


def _drop_other_link_locals(ip: Any, index: int, captured: Captured) -> None:
    """The kernel may have made another link-local address than the uplink had."""
    wanted = link_local(captured)
    if wanted is None:
        return
    for message in ip.get_addr(index=index, family=FAMILY[6]):
        address = message.get_attr("IFA_ADDRESS")
        if ip_address(address).is_link_local and address != wanted:
            ip.addr("del", index=index, address=address, prefixlen=message["prefixlen"])


def _put_routes(ip: Any, index: int, captured: Captured) -> None:
    ordered = sorted(captured.routes, key=lambda r: (r.gateway is not None, -ip_network(r.prefix).prefixlen))
    for route in ordered:
        network = ip_network(route.prefix)
        fields: dict[str, Any] = {
            "family": FAMILY[network.version],
            "dst": route.prefix,
            "oif": index,
            "table": MAIN_TABLE,
            "proto": route.protocol,
            "scope": route.scope,
        }
        if route.gateway:
            fields["gateway"] = route.gateway
        if route.source:
            fields["prefsrc"] = route.source
        if route.metric is not None:
            fields["priority"] = route.metric
        if route.onlink:
            fields["flags"] = RTNH_F_ONLINK
        ip.route("replace", **fields)


def exists_in(netns: str, name: str) -> bool:
    """Is there a link of that name in the named namespace?"""
    return bool(namespaces.inside(netns, lambda: _named(name)))


def find_again(captured: Captured) -> bool:
    """Is the captured link here, by its name or its MAC address?"""
    with IPRoute() as ip:
        return bool(ip.link_lookup(ifname=captured.name) or ip.link_lookup(IFLA_ADDRESS=captured.mac))


def _named(name: str) -> list[int]:
    with IPRoute() as ip:
        return list(ip.link_lookup(ifname=name))
