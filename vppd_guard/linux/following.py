"""What others have changed on the host tap, as a newer capture of the uplink. Pure.

While VPP has the uplink its tap is what the host's software sees and changes: a VIP comes and goes, a lease brings
another address, a daemon adds routes. What the tap has and the plan does not was added by others; what the plan has and
the tap does not was removed by them. So nothing of ours counts as a change, and a look that comes late sees the same.

The routes that the kernel makes from addresses follow those: it makes them on the tap in another form in IPv6.
"""

from collections.abc import Collection
from ipaddress import ip_interface
from typing import NamedTuple

from msgspec.structs import replace

from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_BOOT,
    ROUTE_PROTOCOL_KERNEL,
    ROUTE_PROTOCOL_VPPD,
    UNPROVEN_ADDRESS_FLAGS,
    CapturedLink,
    CaptureTime,
    LinuxAddress,
    LinuxNexthop,
    LinuxRoute,
    LinuxRule,
    is_link_local_address,
)
from vppd_guard.linux.differences import comparable_linux_route, linux_route_words
from vppd_guard.linux.tap_plan import TapPlan, is_from_address

_CLOCK_TOLERANCE_S = 3
_MTU6 = "ipv6/conf/mtu"
_IFAPROT_KERNEL_LL = 3  # IFA_PROTO of a link-local address that the kernel has made


class TapState(NamedTuple):
    """Linux's side of a tap that is up, as it is."""

    link_index: int
    mtu: int
    addresses: tuple[LinuxAddress, ...]
    routes: tuple[LinuxRoute, ...]
    rules: tuple[LinuxRule, ...]
    nexthops: tuple[LinuxNexthop, ...]
    read_at: CaptureTime


class TapCorrection(NamedTuple):
    """What of a tap is to be otherwise. Addresses are others' alone."""

    mtu: int | None  # None: as it is
    removed: tuple[LinuxRoute, ...]
    added: tuple[LinuxRoute, ...]

    @property
    def is_needed(self) -> bool:
        """Is there anything to correct?"""
        return self.mtu is not None or bool(self.removed or self.added)


def follow_tap(
    plan: TapPlan, tap: TapState, unseen: Collection[LinuxRoute], *, mtu_is_configured: bool
) -> CapturedLink:
    """The capture with what others have changed on the tap; the very same object if that is nothing.

    `unseen`: comparable routes that the tap has never had: they are missing, but nobody has removed them.
    `mtu_is_configured`: the configuration has the last word on the MTU.
    """
    captured = plan.captured
    passed_s = captured.taken.until(tap.read_at) if captured.taken else 0.0
    addresses = _addresses(captured, tap, passed_s)
    mtu_is_followed = tap.mtu != plan.mtu and not mtu_is_configured
    followed = replace(
        captured,
        addresses=addresses,
        routes=_routes(plan, tap, addresses, unseen, passed_s),
        mtu=tap.mtu if mtu_is_followed else captured.mtu,
        sysctls=_sysctls(captured, tap.mtu) if mtu_is_followed else captured.sysctls,
        rules=tap.rules,
        nexthops=tap.nexthops,
    )
    return captured if followed == captured else followed


def correct_tap_to(plan: TapPlan, tap: TapState, unseen: Collection[LinuxRoute]) -> TapCorrection:
    """How the tap, whose changes `plan` has followed, is to be brought into the form that leads through VPP."""
    planned, present = plan.routes(), {comparable_linux_route(route): route for route in tap.routes}
    on_link6 = plan.on_link_prefixes6 if plan.next_hop6 else []
    return TapCorrection(
        mtu=plan.mtu if tap.mtu != plan.mtu else None,
        removed=tuple(
            route
            for key, route in present.items()
            if key not in planned
            and (route.protocol != ROUTE_PROTOCOL_KERNEL or route.prefix in on_link6)
            and (route.protocol != ROUTE_PROTOCOL_VPPD or plan.vpp_routes_are_known)
        ),
        added=tuple(route for key, route in planned.items() if key not in present and key not in unseen),
    )


def missing_routes(plan: TapPlan, tap: TapState) -> frozenset[LinuxRoute]:
    """Routes of the plan that the tap does not have, in their comparable form."""
    return frozenset(plan.routes()) - {comparable_linux_route(route) for route in tap.routes}


def _addresses(captured: CapturedLink, tap: TapState, passed_s: float) -> tuple[LinuxAddress, ...]:
    """The tap's addresses, in its order if they are others than before."""
    before = {(a.address, a.peer): a for a in captured.addresses}
    present = {(a.address, a.peer): a for a in tap.addresses}
    followed = {
        key: _prolonged(before[key], address, passed_s) if key in before else _as_captured(address, passed_s)
        for key, address in present.items()
        if key in before or not (address.flags & UNPROVEN_ADDRESS_FLAGS or _is_made_by_kernel(address))
    }
    return tuple(followed[key] for key in (before if followed.keys() == before.keys() else followed))


def _prolonged(before: LinuxAddress, present: LinuxAddress, passed_s: float) -> LinuxAddress:
    """An address has no end on the tap; if it has one, somebody has given it a lifetime again."""
    if present.valid_s == LIFETIME_FOREVER:
        return before
    valid_s, preferred_s = _since_capture(present.valid_s, passed_s), _since_capture(present.preferred_s, passed_s)
    is_older = abs(valid_s - before.valid_s) <= _CLOCK_TOLERANCE_S
    return before if is_older else replace(before, valid_s=valid_s, preferred_s=preferred_s)


def _as_captured(address: LinuxAddress, passed_s: float) -> LinuxAddress:
    """An address of the tap as if the capture had found it then."""
    valid_s, preferred_s = _since_capture(address.valid_s, passed_s), _since_capture(address.preferred_s, passed_s)
    return replace(address, valid_s=valid_s, preferred_s=preferred_s)


def _since_capture(lifetime_s: int, passed_s: float) -> int:
    return lifetime_s if lifetime_s == LIFETIME_FOREVER else min(lifetime_s + round(passed_s), LIFETIME_FOREVER - 1)


def _is_made_by_kernel(address: LinuxAddress) -> bool:
    """Is it the link-local address that the kernel makes of a MAC address?"""
    packed = ip_interface(address.address).ip.packed
    is_eui64 = packed[11:13] == b"\xff\xfe"
    return is_link_local_address(address.address) and (address.protocol == _IFAPROT_KERNEL_LL or is_eui64)


def _routes(
    plan: TapPlan, tap: TapState, addresses: tuple[LinuxAddress, ...], unseen: Collection[LinuxRoute], passed_s: float
) -> tuple[LinuxRoute, ...]:
    present = {comparable_linux_route(route) for route in tap.routes}
    staying = replace(plan.captured, addresses=addresses)
    kept = [route for route in plan.captured.routes if _stays(route, plan, staying, present | set(unseen))]
    known = {*plan.routes(), *map(comparable_linux_route, (*kept, *map(_as_earlier_guards_did, plan.vpp_routes)))}
    # Of an address that came, or of one that took another's place in a subnet.
    new_prefixes = {str(ip_interface(a.address).network) for a in addresses if a not in plan.captured.addresses}
    new_prefixes |= {route.prefix for route in plan.captured.routes if route not in kept}
    added = (
        route
        for route in tap.routes
        if comparable_linux_route(route) not in known
        and route.protocol != ROUTE_PROTOCOL_VPPD
        and (route.protocol != ROUTE_PROTOCOL_KERNEL or route.prefix in new_prefixes)
    )
    return (*kept, *(_route_as_captured(route, passed_s) for route in added))


def _as_earlier_guards_did(route: LinuxRoute) -> LinuxRoute:
    """A guard of an earlier version, whose VPP is adopted, has not marked its routes to services as its own."""
    return replace(route, source=None, protocol=ROUTE_PROTOCOL_BOOT, metrics=())


def _stays(route: LinuxRoute, plan: TapPlan, staying: CapturedLink, present: Collection[LinuxRoute]) -> bool:
    """Is the captured route still there? `staying`: the capture with the addresses that are there now."""
    if is_from_address(route, plan.captured):
        sources = {str(ip_interface(a.address).ip) for a in staying.addresses}
        return is_from_address(route, staying) and (route.source is None or route.source in sources)
    return comparable_linux_route(plan.form_of(route)) in present


def _route_as_captured(route: LinuxRoute, passed_s: float) -> LinuxRoute:
    return route if route.expires_s is None else replace(route, expires_s=route.expires_s + passed_s)


def _sysctls(captured: CapturedLink, mtu: int) -> tuple[tuple[str, str], ...]:
    """IPv6's MTU is the link's, unless it is smaller."""
    limits = {str(captured.mtu), *(value for name, value in captured.sysctls if name == _MTU6 and int(value) > mtu)}
    return tuple((n, str(mtu)) if n == _MTU6 and value in limits else (n, value) for n, value in captured.sysctls)


def changes_in_words(before: CapturedLink, after: CapturedLink) -> list[str]:
    """What has changed, one line each."""
    lines = [f"MTU {after.mtu}, was {before.mtu}"] if after.mtu != before.mtu else []
    for kind, was, is_ in (
        ("address", _address_words(before), _address_words(after)),
        ("route", _route_words(before), _route_words(after)),
        ("rule", {str(r.priority) for r in before.rules}, {str(r.priority) for r in after.rules}),
        ("next hop", {str(n.id) for n in before.nexthops}, {str(n.id) for n in after.nexthops}),
    ):
        lines += [f"{kind} {word} has come" for word in sorted(is_ - was)]
        lines += [f"{kind} {word} has gone" for word in sorted(was - is_)]
    return lines


def _address_words(captured: CapturedLink) -> set[str]:
    return {address.address for address in captured.addresses}


def _route_words(captured: CapturedLink) -> set[str]:
    routes = (route for route in captured.routes if not is_from_address(route, captured))
    return {f"{linux_route_words(r)} via {r.gateway}" if r.gateway else linux_route_words(r) for r in routes}
