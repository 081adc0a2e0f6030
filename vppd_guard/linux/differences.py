"""What of a link is not as it was, in words: it shows the effect of a restore. Pure.

Only missing and altered things count. What others have added meanwhile is theirs, but for link-local addresses and
prefix routes that had been removed and that the kernel has made again.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface

from msgspec.structs import asdict, replace

from vppd_guard.linux.captured import (
    LIFETIME_FOREVER,
    ROUTE_PROTOCOL_KERNEL,
    CapturedLink,
    LinuxAddress,
    LinuxNeighbour,
    LinuxNexthop,
    LinuxRoute,
    LinuxRule,
    is_link_local_address,
)
from vppd_guard.linux.lifetimes import age_captured_link

_LIFETIME_TOLERANCE_S = 3.0
_IFA_F_PROGRESS = 0x08 | 0x40  # DADFAILED, TENTATIVE: what the kernel finds out about an address
_METRIC_DEFAULT_V6 = 1024  # IP6_RT_PRIO_USER
_PLAIN = ("name", "mac", "mtu", "up", "promiscuity", "kind", "master", "pci", "driver", "parent")
# Only if the capture tells them: a journal of an older guard does not.
_IF_KNOWN = ("permanent_mac", "alias", "token", "flags", "addr_gen_mode")
_TABLES = ("limits", "sysctls", "channels", "rings", "features")


def link_differences(before: CapturedLink, after: CapturedLink) -> list[str]:
    """What of `before` is otherwise in `after`, one line each; empty: nothing."""
    if after.taken is not None:
        before = age_captured_link(before, after.taken)
    complete = before.taken is not None
    lines = [*_fields(before, after, _PLAIN if complete else ("name", "mac", "mtu", "up", "promiscuity"))]
    if complete:
        lines += _fields(before, after, _IF_KNOWN)
    for table in _TABLES:
        lines += _entries(table, dict(getattr(before, table)), dict(getattr(after, table)))
    lines += [f"altname {name}: is not there" for name in before.altnames if name not in after.altnames]
    lines += _addresses(before, after, complete)
    lines += _routes(before, after, complete)
    for kind, was, is_ in (
        ("neighbour", before.neighbours, after.neighbours),
        ("rule", before.rules, after.rules),
        ("next hop", before.nexthops, after.nexthops),
    ):
        lines += [f"{kind} {_entry_name(one)}: is not there as it was" for one in was if one not in is_]
    return lines


def _entry_name(entry: LinuxNeighbour | LinuxRule | LinuxNexthop) -> str:
    match entry:
        case LinuxNeighbour(address=address):
            return address
        case LinuxRule(priority=priority):
            return str(priority)
        case LinuxNexthop(id=number):
            return str(number)


def _fields(before: CapturedLink, after: CapturedLink, names: Iterable[str]) -> list[str]:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return [f"{name}: was {_word(was)}, is {_word(is_)}" for name, was, is_ in pairs if was != is_]


def _entries(table: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    changed = (name for name, value in before.items() if after.get(name) != value)
    return [f"{table} {name}: was {_word(before[name])}, is {_word(after.get(name))}" for name in changed]


def _word(value: object) -> object:
    return "none" if value in ("", None) else value


def _addresses(before: CapturedLink, after: CapturedLink, complete: bool) -> list[str]:
    present = {(a.address, a.peer): a for a in after.addresses}
    captured = {(a.address, a.peer): a for a in before.addresses}
    lines: list[str] = []
    for key, address in captured.items():
        if key not in present:
            # It may have ended in the very second of the restore.
            if address.valid_s > _LIFETIME_TOLERANCE_S:
                lines.append(f"address {address.address}: is not there")
        else:
            lines += _altered(f"address {address.address}", _of_address(address), _of_address(present[key]))
            lines += _lifetimes(address, present[key])
    for version in (4, 6):
        order_was = [key for key in captured if key in present and ip_interface(key[0]).version == version]
        order_is = [key for key in present if key in captured and ip_interface(key[0]).version == version]
        if order_was != order_is:
            lines.append(f"addresses: were in the order {_listed(order_was)}, are in {_listed(order_is)}")
    link_locals = [
        a for a in after.addresses if is_link_local_address(a.address) and (a.address, a.peer) not in captured
    ]
    return lines + [f"address {a.address}: was not there" for a in link_locals if complete]


def _listed(keys: Iterable[tuple[str, str | None]]) -> str:
    return ", ".join(address for address, _ in keys)


def _of_address(address: LinuxAddress) -> dict[str, object]:
    return asdict(replace(address, valid_s=0, preferred_s=0, flags=address.flags & ~_IFA_F_PROGRESS))


def _altered(subject: str, was: Mapping[str, object], is_: Mapping[str, object]) -> list[str]:
    return [f"{subject}: {k} was {_word(was[k])}, is {_word(is_[k])}" for k in was if was[k] != is_[k]]


def _lifetimes(was: LinuxAddress, is_: LinuxAddress) -> list[str]:
    pairs = (("valid_s", was.valid_s, is_.valid_s), ("preferred_s", was.preferred_s, is_.preferred_s))
    return [f"address {was.address}: {name} was {a}, is {b}" for name, a, b in pairs if not _near(a, b)]


def _near(lifetime_s: float, second_s: float) -> bool:
    if LIFETIME_FOREVER in (lifetime_s, second_s):
        return lifetime_s == second_s
    return abs(lifetime_s - second_s) <= _LIFETIME_TOLERANCE_S


def _routes(before: CapturedLink, after: CapturedLink, complete: bool) -> list[str]:
    present = {comparable_linux_route(route): route for route in after.routes}
    lines = []
    for route in before.routes:
        is_ = present.get(comparable_linux_route(route))
        if is_ is None:
            lines.append(f"route {linux_route_words(route)}: is not there as it was")
        elif not routes_expire_alike(is_, route):
            lines.append(
                f"route {linux_route_words(route)}: expires_s was {_word(route.expires_s)}, is {_word(is_.expires_s)}"
            )
    if complete:
        removed = routes_recreated_by_kernel(after.routes, before.routes, before.addresses)
        lines += [f"route {linux_route_words(route)}: was not there" for route in removed]
    return lines


def linux_route_words(route: LinuxRoute) -> str:
    """The route's prefix, and its table if that is not the main one."""
    return route.prefix if route.table == 254 else f"{route.prefix} table {route.table}"


def routes_expire_alike(present: LinuxRoute, captured: LinuxRoute) -> bool:
    """Do both expire at about the same time, or never? A route that the kernel makes of an address lives as it does."""
    if captured.protocol == ROUTE_PROTOCOL_KERNEL:
        return True
    if present.expires_s is None or captured.expires_s is None:
        return present.expires_s == captured.expires_s
    return abs(present.expires_s - captured.expires_s) <= _LIFETIME_TOLERANCE_S


def comparable_linux_route(route: LinuxRoute) -> LinuxRoute:
    """The route without what changes by itself or is derived: the time left, and the hops of a next hop object."""
    if route.nexthop is not None:
        route = replace(route, gateway=None, hops=(), onlink=False, scope=0, other=())
    if ":" in route.prefix:
        # The kernel fills in what a request (and the journal of an older guard) leaves open.
        metric = _METRIC_DEFAULT_V6 if route.metric is None else route.metric
        route = replace(route, metric=metric, preference=route.preference or None, scope=0)
    return replace(route, expires_s=None)


def routes_recreated_by_kernel(
    present: Iterable[LinuxRoute], captured: Iterable[LinuxRoute], addresses: Iterable[LinuxAddress]
) -> list[LinuxRoute]:
    """Routes that the kernel has made from these addresses again: they had been removed by hand."""
    texts = [text for address in addresses for text in (address.address, _peer_prefix(address)) if text]
    prefixes = {str(ip_interface(text).network) for text in texts}
    captured_keys = {comparable_linux_route(route) for route in captured}
    prefix_routes = (r for r in present if r.protocol == ROUTE_PROTOCOL_KERNEL and r.prefix in prefixes and not r.hops)
    return [route for route in prefix_routes if comparable_linux_route(route) not in captured_keys]


def _peer_prefix(address: LinuxAddress) -> str:
    return f"{address.peer}/{address.address.partition('/')[2]}" if address.peer else ""
