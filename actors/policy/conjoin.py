"""One rule that matches what two rules both match. Pure.

For tiers that VPP cannot keep apart: a rule that passes to the next tier becomes the next tiers' rules, each
together with its own conditions.
"""

from ipaddress import ip_network

from actors.policy.rules import Never, Sets, Unsaid
from schemas.npol import EntityMatch, Rule


def conjoined(one: Rule, other: Rule, sets: Sets) -> Rule:
    """`other`'s action where both match. Raises Never if no packet is both, Unsaid if VPP has no words for it."""
    protocol = _protocol(one, other)
    return Rule(
        action=other.action,
        protocol=protocol,
        not_protocol=_not_protocol(one, other, protocol),
        source=_both(one.source, other.source, sets),
        destination=_both(one.destination, other.destination, sets),
        not_source=_either(one.not_source, other.not_source),
        not_destination=_either(one.not_destination, other.not_destination),
    )


def _protocol(one: Rule, other: Rule) -> int | None:
    if one.protocol is not None and other.protocol is not None and one.protocol != other.protocol:
        raise Never
    return other.protocol if one.protocol is None else one.protocol


def _not_protocol(one: Rule, other: Rule, protocol: int | None) -> int | None:
    unwanted = {number for number in (one.not_protocol, other.not_protocol) if number is not None}
    if protocol in unwanted:
        raise Never
    if protocol is not None or not unwanted:
        return None
    if len(unwanted) > 1:
        raise Unsaid("two protocols that must not be")
    return unwanted.pop()


def _both(one: EntityMatch, other: EntityMatch, sets: Sets) -> EntityMatch:
    names = tuple(dict.fromkeys((*one.sets, *other.sets)))
    ports, port_sets = _ports(one, other)
    return EntityMatch(
        nets=_nets(one.nets, other.nets),
        sets=sets.both(names) if len(names) > 1 else names,
        ports=ports,
        port_sets=port_sets,
    )


def _nets(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not other:
        return one or other
    found = set()
    for first in map(ip_network, one):
        for second in map(ip_network, other):
            if first.version == second.version and first.overlaps(second):
                found.add(str(max(first, second, key=lambda net: net.prefixlen)))
    if not found:
        raise Never
    return tuple(sorted(found))


def _ports(one: EntityMatch, other: EntityMatch) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    mine, theirs = (one.ports, one.port_sets), (other.ports, other.port_sets)
    if mine == theirs or not any(theirs):
        return mine
    if not any(mine):
        return theirs
    if one.port_sets or other.port_sets:
        raise Unsaid("named ports in two tiers")
    common = {(max(a, c), min(b, d)) for a, b in one.ports for c, d in other.ports if max(a, c) <= min(b, d)}
    if not common:
        raise Never
    return tuple(sorted(common)), ()


def _either(one: EntityMatch, other: EntityMatch) -> EntityMatch:
    """No entry of either may match."""
    return EntityMatch(
        nets=tuple(dict.fromkeys((*one.nets, *other.nets))),
        sets=tuple(dict.fromkeys((*one.sets, *other.sets))),
        ports=tuple(dict.fromkeys((*one.ports, *other.ports))),
        port_sets=tuple(dict.fromkeys((*one.port_sets, *other.port_sets))),
    )
