"""Does a rule match a flow, does an interface let it pass? (VPP: npol_match.c)."""

from tools.vppsim.npol import objects
from tools.vppsim.npol.objects import DST, NOT_DST, NOT_SRC, RX, SRC, TX, NpolInterfaceConfig, NpolRule, ThreeTuple
from tools.vppsim.npol.pools import NpolPools
from tools.vppsim.packets.flow import Flow
from tools.vppsim.packets.headers import ICMP, ICMP6


def passes(npol: NpolPools, config: NpolInterfaceConfig, flow: Flow, *, inbound: bool) -> bool:
    """Does a configuration let a flow pass that the interface received (`inbound`), or is about to send?"""
    direction = RX if inbound != config.invert else TX
    for index in config.policies[direction]:
        action = first_match(npol, index, direction, flow)
        if action in (objects.ALLOW, objects.DENY):
            return action == objects.ALLOW
        if action == objects.PASS:
            return _profiles_pass(npol, config, flow, direction)
    if config.policy_default[direction] == objects.DEFAULT_PASS:
        return _profiles_pass(npol, config, flow, direction)
    return config.policy_default[direction] == objects.DEFAULT_ALLOW


def _profiles_pass(npol: NpolPools, config: NpolInterfaceConfig, flow: Flow, direction: int) -> bool:
    """A profile that passes on, and a default that passes on, end in a drop."""
    for index in config.profiles:
        action = first_match(npol, index, direction, flow)
        if action in (objects.ALLOW, objects.DENY, objects.PASS):
            return action == objects.ALLOW
    return config.profile_default[direction] == objects.DEFAULT_ALLOW


def first_match(npol: NpolPools, policy_index: int, direction: int, flow: Flow) -> int | None:
    """The action of the first matching rule of a policy, or None. A rule that logs ends the policy."""
    policy = npol.policies.slot(policy_index)
    for index in policy.rules[direction] if policy else ():
        rule = npol.rules.slot(index)
        if rule is not None and matches(npol, rule, flow):
            return rule.action
    return None


def matches(npol: NpolPools, rule: NpolRule, flow: Flow) -> bool:
    """Does a flow match all filters, all kinds of positive entries on both sides, and no negative entry?"""
    if not all(_filter_matches(rule_filter, flow) for rule_filter in rule.filters):
        return False
    sides = ((SRC, NOT_SRC, flow.source, flow.source_port), (DST, NOT_DST, flow.destination, flow.destination_port))
    return all(_side_matches(npol, rule, side, flow.protocol) for side in sides)


def _filter_matches(rule_filter: objects.NpolFilter, flow: Flow) -> bool:
    if rule_filter.type == objects.NO_FILTER:
        return True
    if rule_filter.type == objects.L4_PROTO:
        return (flow.protocol == rule_filter.value) == rule_filter.should_match
    if flow.protocol not in (ICMP, ICMP6):
        return False
    # VPP looks for type and code where an echo has its identifier.
    value = flow.source_port if rule_filter.type == objects.ICMP_TYPE else flow.destination_port
    return (value == rule_filter.value) == rule_filter.should_match


def _side_matches(npol: NpolPools, rule: NpolRule, side: tuple[int, int, bytes, int], protocol: int) -> bool:
    positive, negative, address, port = side
    endpoint = ThreeTuple(address, protocol, port)
    if any(prefix.contains(address) for prefix in rule.prefixes[negative]):
        return False
    if any(npol.contains(index, address) for index in rule.sets[negative]):
        return False
    if _has_port(npol, rule, negative, endpoint):
        return False
    if rule.prefixes[positive] and not any(prefix.contains(address) for prefix in rule.prefixes[positive]):
        return False
    if rule.sets[positive] and not any(npol.contains(index, address) for index in rule.sets[positive]):
        return False
    has_ports = rule.ports[positive] or rule.port_sets[positive]
    return not has_ports or _has_port(npol, rule, positive, endpoint)


def _has_port(npol: NpolPools, rule: NpolRule, side: int, endpoint: ThreeTuple) -> bool:
    in_range = any(first <= endpoint.port <= last for first, last in rule.ports[side])
    return in_range or any(npol.contains_port(index, endpoint) for index in rule.port_sets[side])
