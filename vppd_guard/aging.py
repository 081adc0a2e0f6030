"""What a capture is worth later: lifetimes as they are left, without what has ended. Pure."""

from msgspec.structs import replace

from vppd_guard.captured import LIFETIME_FOREVER, Captured, LinuxAddress, LinuxRoute, Moment


def aged(captured: Captured, now: Moment) -> Captured:
    """The capture as if it were taken now. An address or route whose lifetime has ended meanwhile is not in it."""
    if captured.taken is None:
        return captured
    elapsed_s = captured.taken.until(now)
    addresses = (_older(address, elapsed_s) for address in captured.addresses)
    routes = (_older_route(route, elapsed_s) for route in captured.routes)
    return replace(
        captured,
        addresses=tuple(a for a in addresses if a is not None),
        routes=tuple(r for r in routes if r is not None),
        taken=now,
    )


def _older(address: LinuxAddress, elapsed_s: float) -> LinuxAddress | None:
    valid_s = _left(address.valid_s, elapsed_s)
    if valid_s <= 0:
        return None
    return replace(address, valid_s=valid_s, preferred_s=max(0, _left(address.preferred_s, elapsed_s)))


def _left(lifetime_s: int, elapsed_s: float) -> int:
    return lifetime_s if lifetime_s == LIFETIME_FOREVER else lifetime_s - round(elapsed_s)


def _older_route(route: LinuxRoute, elapsed_s: float) -> LinuxRoute | None:
    if route.expires_s is None:
        return route
    left_s = route.expires_s - elapsed_s
    return replace(route, expires_s=left_s) if left_s > 0 else None
