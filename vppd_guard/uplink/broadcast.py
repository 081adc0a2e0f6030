"""What the host's DHCP client needs of VPP beyond the uplink's addresses and routes. Pure.

DISCOVER, INIT-REBOOT and REBIND go to 255.255.255.255, and so may their answers; VPP drops that address unless a route
says otherwise (vnet/fib/ip4_fib.c). Other answers go to an address that the host does not have yet.
"""

from schemas.intents import EVERY_STATION, AddressIntent, RouteIntent, RoutePath

_LIMITED_BROADCAST = "255.255.255.255/32"


def broadcasts_to_wire(uplink: str, tap_table: str) -> RouteIntent:
    """What the host sends to everybody leaves by the uplink. `tap_table`: of the host's tap."""
    return RouteIntent(tap_table, _LIMITED_BROADCAST, _to_every_station(uplink))


def broadcasts_to_host(tap: str, uplink_table: str) -> RouteIntent:
    """What arrives for everybody is for the host. `uplink_table`: of the uplink."""
    return RouteIntent(uplink_table, _LIMITED_BROADCAST, _to_every_station(tap))


def unknown_to_host(uplink: str, tap: str, uplink_table: str, address: str) -> tuple[AddressIntent, RouteIntent]:
    """For an uplink without an IPv4 address: what arrives that no other route knows goes to the host.

    As a broadcast, which hosts do not forward. `address`: VPP takes no IPv4 by an interface that has none.
    """
    return AddressIntent(uplink, address), RouteIntent(uplink_table, "0.0.0.0/0", _to_every_station(tap))


def _to_every_station(interface: str) -> tuple[RoutePath, ...]:
    return (RoutePath(next_hop=EVERY_STATION, interface=interface),)
