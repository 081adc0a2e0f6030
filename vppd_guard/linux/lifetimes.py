"""Lifetimes of a capture at a later moment. Pure."""

from collections.abc import Sequence
from ipaddress import ip_interface

from msgspec.structs import replace

from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_KERNEL,
    CapturedLink,
    CaptureTime,
    LinuxAddress,
    LinuxRoute,
)

GRACE_S = 600  # of an address that would have ended while VPP had the link


def age_captured_link(captured: CapturedLink, now: CaptureTime) -> CapturedLink:
    """The capture as if it were made now.

    Expired routes are left out. An expired address is left out after a reboot; without one the host has had it on the
    tap all the time, and keeps it long enough for its DHCP client to ask for it again.
    """
    if captured.taken is None:
        return captured
    elapsed_s = captured.taken.until(now)
    grace_s = GRACE_S if captured.taken.boot == now.boot else 0
    older = (_older_address(address, elapsed_s, grace_s) for address in captured.addresses)
    addresses = tuple(address for address in older if address is not None)
    living = (_older_route(route, elapsed_s) for route in captured.routes)
    routes = (_with_living_source(route, captured.addresses, addresses) for route in living if route is not None)
    return replace(captured, addresses=addresses, routes=tuple(r for r in routes if r is not None), taken=now)


def _older_address(address: LinuxAddress, elapsed_s: float, grace_s: int) -> LinuxAddress | None:
    valid_s = _remaining_s(address.valid_s, elapsed_s)
    if valid_s <= 0:
        valid_s = min(grace_s, address.valid_s)
    if valid_s <= 0:
        return None
    return replace(address, valid_s=valid_s, preferred_s=max(0, _remaining_s(address.preferred_s, elapsed_s)))


def _remaining_s(lifetime_s: int, elapsed_s: float) -> int:
    return lifetime_s if lifetime_s == LIFETIME_FOREVER else lifetime_s - round(elapsed_s)


def _older_route(route: LinuxRoute, elapsed_s: float) -> LinuxRoute | None:
    if route.expires_s is None:
        return route
    left_s = route.expires_s - elapsed_s
    return replace(route, expires_s=left_s) if left_s > 0 else None


def _with_living_source(
    route: LinuxRoute, before: Sequence[LinuxAddress], living: Sequence[LinuxAddress]
) -> LinuxRoute | None:
    """A route goes with its preferred source address; a prefix route takes the next address of the prefix as source."""
    sources = {ip_interface(address.address).ip.compressed for address in before}
    if route.source not in sources - {ip_interface(address.address).ip.compressed for address in living}:
        return route
    if route.protocol != ROUTE_PROTOCOL_KERNEL:
        return None
    heirs = (ip_interface(a.address) for a in living)
    heir = next((i.ip.compressed for i in heirs if str(i.network) == route.prefix), None)
    return replace(route, source=heir) if heir else None
