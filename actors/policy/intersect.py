"""One rule that matches what two rules both match. Pure.

For tiers that VPP cannot keep apart: a rule that passes to the next tier becomes the rules of the next tiers, each
intersected with it.
"""

from ipaddress import ip_network

from actors.policy.rules import InexpressibleRule, IpSetsForRules, RuleMatchesNothing
from schemas.npol import PolicyRule, RuleEntityMatch


def intersect_policy_rules(first: PolicyRule, second: PolicyRule, sets: IpSetsForRules) -> PolicyRule:
    """The second rule's action where both match.

    Raises RuleMatchesNothing if no packet matches both, InexpressibleRule if VPP has no rule that says so.
    """
    protocol = _protocol(first, second)
    return PolicyRule(
        action=second.action,
        protocol=protocol,
        not_protocol=_not_protocol(first, second, protocol),
        source=_intersect_matches(first.source, second.source, sets),
        destination=_intersect_matches(first.destination, second.destination, sets),
        not_source=_union(first.not_source, second.not_source),
        not_destination=_union(first.not_destination, second.not_destination),
    )


def _protocol(first: PolicyRule, second: PolicyRule) -> int | None:
    if first.protocol is not None and second.protocol is not None and first.protocol != second.protocol:
        raise RuleMatchesNothing
    return second.protocol if first.protocol is None else first.protocol


def _not_protocol(first: PolicyRule, second: PolicyRule, protocol: int | None) -> int | None:
    excluded = {number for number in (first.not_protocol, second.not_protocol) if number is not None}
    if protocol in excluded:
        raise RuleMatchesNothing
    if protocol is not None or not excluded:
        return None
    if len(excluded) > 1:
        raise InexpressibleRule("two protocols that must not be")
    return excluded.pop()


def _intersect_matches(first: RuleEntityMatch, second: RuleEntityMatch, sets: IpSetsForRules) -> RuleEntityMatch:
    names = tuple(dict.fromkeys((*first.sets, *second.sets)))
    ports, port_sets = _ports(first, second)
    return RuleEntityMatch(
        nets=_nets(first.nets, second.nets),
        sets=sets.intersection(names) if len(names) > 1 else names,
        ports=ports,
        port_sets=port_sets,
    )


def _nets(some_nets: tuple[str, ...], other_nets: tuple[str, ...]) -> tuple[str, ...]:
    if not some_nets or not other_nets:
        return some_nets or other_nets
    common = set()
    for net in map(ip_network, some_nets):
        for other_net in map(ip_network, other_nets):
            if net.version == other_net.version and net.overlaps(other_net):
                common.add(str(max(net, other_net, key=lambda network: network.prefixlen)))
    if not common:
        raise RuleMatchesNothing
    return tuple(sorted(common))


def _ports(first: RuleEntityMatch, second: RuleEntityMatch) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    first_ports, second_ports = (first.ports, first.port_sets), (second.ports, second.port_sets)
    if first_ports == second_ports or not any(second_ports):
        return first_ports
    if not any(first_ports):
        return second_ports
    if first.port_sets or second.port_sets:
        raise InexpressibleRule("named ports in two tiers")
    common = {(max(a, c), min(b, d)) for a, b in first.ports for c, d in second.ports if max(a, c) <= min(b, d)}
    if not common:
        raise RuleMatchesNothing
    return tuple(sorted(common)), ()


def _union(first: RuleEntityMatch, second: RuleEntityMatch) -> RuleEntityMatch:
    """All entries of both."""
    return RuleEntityMatch(
        nets=tuple(dict.fromkeys((*first.nets, *second.nets))),
        sets=tuple(dict.fromkeys((*first.sets, *second.sets))),
        ports=tuple(dict.fromkeys((*first.ports, *second.ports))),
        port_sets=tuple(dict.fromkeys((*first.port_sets, *second.port_sets))),
    )
