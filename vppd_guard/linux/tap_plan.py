"""Linux's side of the host tap as it should be: the uplink's state in a form that leads through VPP. Pure.

VPP answers only some solicitations for on-link neighbours, and advertisements of the neighbours themselves reach the
host, which would then send to MACs that VPP does not take (spec, section 7, step 5). So in IPv6 only one next hop is
on-link, and the host is told its MAC; all else is reached by it.
"""

from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from msgspec.structs import replace

from vppd_guard.linux.captured import (
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_KERNEL,
    SETTABLE_ADDRESS_FLAGS,
    CapturedLink,
    LinuxAddress,
    LinuxRoute,
    host_next_hop_to_vpp,
    is_link_local_address,
)
from vppd_guard.linux.differences import comparable_linux_route


@dataclass(frozen=True, kw_only=True)
class TapPlan:
    """What Linux's side of an uplink's tap is made of."""

    captured: CapturedLink
    mtu: int  # bytes
    vpp_mac: str  # MAC address of the tap in VPP
    vpp_routes: tuple[LinuxRoute, ...] = ()  # to what only VPP can reach
    vpp_routes_are_known: bool = True  # else there may be more, and what an earlier guard has placed stays

    @property
    def next_hop6(self) -> str | None:
        """The one IPv6 neighbour; None: all of IPv6 stays as it was."""
        return host_next_hop_to_vpp(self.captured, 6)

    @property
    def on_link_prefixes6(self) -> list[str]:
        """IPv6 prefixes of the link's addresses, of which the kernel is to make no on-link routes."""
        networks = {
            ip_interface(a.address).network for a in self.captured.addresses if not is_link_local_address(a.address)
        }
        return [str(n) for n in sorted(n for n in networks if n.version == 6 and n.prefixlen < 128)]

    def addresses(self) -> list[LinuxAddress]:
        """The addresses, in their order."""
        return [self._address(address) for address in self.captured.addresses]

    def _address(self, address: LinuxAddress) -> LinuxAddress:
        """The address without duplicate detection, without an end, in IPv6 without an on-link prefix.

        It was ours a moment ago. Who prolongs it (a DHCP client, a router) may not know the tap, and the host must not
        lose it while VPP runs; its remaining lifetime holds again once the link is back.
        """
        address = replace(address, valid_s=LIFETIME_FOREVER, preferred_s=LIFETIME_FOREVER)
        if ip_interface(address.address).version == 4:
            return address
        flags = (address.flags & SETTABLE_ADDRESS_FLAGS) | IFA_F_NODAD
        wide = self.next_hop6 is None or is_link_local_address(address.address)
        return replace(address, flags=flags if wide else flags | IFA_F_NOPREFIXROUTE)

    def captured_routes(self) -> list[LinuxRoute]:
        """The captured routes, but for those that the kernel makes from addresses."""
        return [self.form_of(route) for route in self.captured.routes if not is_from_address(route, self.captured)]

    def form_of(self, route: LinuxRoute) -> LinuxRoute:
        """The route by the one next hop, if it is of IPv6. No router prolongs it now, so it does not expire."""
        hop, route = self.next_hop6, replace(route, expires_s=None)
        network = ip_network(route.prefix)
        if hop is None or network.version == 4 or network.is_link_local or route.prefix == f"{hop}/128":
            return route
        return replace(route, gateway=hop, hops=(), nexthop=None, onlink=False, other=())

    def own_routes(self) -> list[LinuxRoute]:
        """Routes that the uplink did not have: to what only VPP can reach, and to the one next hop."""
        hop = self.next_hop6
        if hop is None:
            return [*self.vpp_routes]
        return [
            *self.vpp_routes,
            LinuxRoute(f"{hop}/128"),
            *(LinuxRoute(p, gateway=hop) for p in self.on_link_prefixes6),
        ]

    def routes(self) -> dict[LinuxRoute, LinuxRoute]:
        """All routes, by what the kernel tells them apart."""
        return {comparable_linux_route(route): route for route in (*self.captured_routes(), *self.own_routes())}


def is_from_address(route: LinuxRoute, captured: CapturedLink) -> bool:
    """Has the kernel made the route from an address of the link?

    A route that a network manager has made in the kernel's name, beside an address without a prefix route, is its own.
    """
    making = [a for a in captured.addresses if ":" in a.address or not a.flags & IFA_F_NOPREFIXROUTE]
    networks = {str(ip_interface(text).network) for a in making for text in (a.address, a.peer) if text}
    return route.protocol == ROUTE_PROTOCOL_KERNEL and route.gateway is None and route.prefix in networks
