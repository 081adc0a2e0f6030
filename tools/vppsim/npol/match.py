"""Does a rule match a flow, does an interface let it pass? (VPP: npol_match.c)."""

from tools.vppsim.npol import objects
from tools.vppsim.npol.objects import DST, NOT_DST, NOT_SRC, RX, SRC, TX, Configuration, Rule, Tuple3
from tools.vppsim.npol.pools import NpolPools
from tools.vppsim.packets.flow import Flow
from tools.vppsim.packets.headers import ICMP, ICMP6


def passes(npol: NpolPools, held: Configuration, flow: Flow, *, inbound: bool) -> bool:
    """Received on the interface (`inbound`) or about to be sent there."""
    way = RX if inbound != held.invert else TX
    for index in held.policies[way]:
        action = first_match(npol, index, way, flow)
        if action in (objects.ALLOW, objects.DENY):
            return action == objects.ALLOW
        if action == objects.PASS:
            return _profiles_pass(npol, held, flow, way)
    if held.policy_default[way] == objects.DEFAULT_PASS:
        return _profiles_pass(npol, held, flow, way)
    return held.policy_default[way] == objects.DEFAULT_ALLOW


def _profiles_pass(npol: NpolPools, held: Configuration, flow: Flow, way: int) -> bool:
    """A profile that passes on, and a default that does, end in a drop."""
    for index in held.profiles:
        action = first_match(npol, index, way, flow)
        if action in (objects.ALLOW, objects.DENY, objects.PASS):
            return action == objects.ALLOW
    return held.profile_default[way] == objects.DEFAULT_ALLOW


def first_match(npol: NpolPools, policy: int, way: int, flow: Flow) -> int | None:
    """The action of the first rule that matches; None: none does. One that logs ends the policy."""
    held = npol.policies.raw(policy)
    for index in held.rules[way] if held else ():
        rule = npol.rules.raw(index)
        if rule is not None and matches(npol, rule, flow):
            return rule.action
    return None


def matches(npol: NpolPools, rule: Rule, flow: Flow) -> bool:
    """All filters, all positive kinds of entries on both sides, and no negative entry."""
    if not all(_filter_holds(each, flow) for each in rule.filters):
        return False
    sides = ((SRC, NOT_SRC, flow.source, flow.source_port), (DST, NOT_DST, flow.destination, flow.destination_port))
    return all(_side_holds(npol, rule, side, flow.protocol) for side in sides)


def _filter_holds(each: objects.Filter, flow: Flow) -> bool:
    if each.type == objects.NO_FILTER:
        return True
    if each.type == objects.L4_PROTO:
        return (flow.protocol == each.value) == each.should_match
    if flow.protocol not in (ICMP, ICMP6):
        return False
    # VPP looks for type and code where an echo has its identifier.
    value = flow.source_port if each.type == objects.ICMP_TYPE else flow.destination_port
    return (value == each.value) == each.should_match


def _side_holds(npol: NpolPools, rule: Rule, side: tuple[int, int, bytes, int], protocol: int) -> bool:
    wanted, unwanted, address, port = side
    known = Tuple3(address, protocol, port)
    if any(prefix.holds(address) for prefix in rule.prefixes[unwanted]):
        return False
    if any(npol.holds(index, address) for index in rule.sets[unwanted]):
        return False
    if _has_port(npol, rule, unwanted, known):
        return False
    if rule.prefixes[wanted] and not any(prefix.holds(address) for prefix in rule.prefixes[wanted]):
        return False
    if rule.sets[wanted] and not any(npol.holds(index, address) for index in rule.sets[wanted]):
        return False
    asks_for_port = rule.ports[wanted] or rule.port_sets[wanted]
    return not asks_for_port or _has_port(npol, rule, wanted, known)


def _has_port(npol: NpolPools, rule: Rule, side: int, known: Tuple3) -> bool:
    in_range = any(first <= known.port <= last for first, last in rule.ports[side])
    return in_range or any(npol.holds_port(index, known) for index in rule.port_sets[side])
