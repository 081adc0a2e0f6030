"""Objects of npol as VPP shows them (VPP: npol_format.c). The VPP writer reads indices from these texts."""

from collections.abc import Iterator
from ipaddress import ip_address

from tools.vppsim.npol import objects
from tools.vppsim.npol.objects import RX, TX, Member, NpolFilter, NpolInterfaceConfig, NpolIpSet, NpolRule, Prefix
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.npol.pools import NpolPools
from tools.vppsim.state.interfaces import Interface, InterfacePool

TYPES = ("ip", "ip+port", "prefix")
ACTIONS = ("allow", "deny", "log", "pass")
FILTERS = {objects.ICMP_TYPE: "icmp-type", objects.ICMP_CODE: "icmp-code", objects.L4_PROTO: "proto"}
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP6", 132: "SCTP", 136: "UDP_LITE"}
SIDES = ("dst==", "src==", "dst!=", "src!=")


def ipsets(npol: NpolPools) -> Iterator[str]:
    yield from (ipset(index, ip_set) for index, ip_set in npol.sets)


def rules(npol: NpolPools) -> Iterator[str]:
    yield from (rule(npol, index, npol_rule) for index, npol_rule in npol.rules)


def policies(npol: NpolPools) -> Iterator[str]:
    for index, npol_policy in npol.policies:
        yield f"[policy#{index}] rx-rules:{len(npol_policy.rules[RX])} tx-rules:{len(npol_policy.rules[TX])}"


def policies_verbose(npol: NpolPools) -> Iterator[str]:
    for index, _ in npol.policies:
        yield from policy(npol, index, 0, (TX, RX))


def interfaces(npol: Npol, pool: InterfacePool) -> Iterator[str]:
    yield "Interfaces with policies configured:"
    for index, config in sorted(npol.configurations.items()):
        yield from _interface(npol, pool.get(index), index, config)


def ipset(index: int, ip_set: NpolIpSet) -> str:
    members = "".join(f"{_member(member)}," for _, member in ip_set.members)
    return f"[ipset#{index};{TYPES[ip_set.type] if ip_set.type < len(TYPES) else 'unknownipsettype'};{members}]"


def _member(member: Member) -> str:
    if isinstance(member, Prefix):
        return f"{ip_address(member.address)}/{member.length}"
    if isinstance(member, bytes):
        return str(ip_address(member))
    return f"{_protocol(member.protocol)} {ip_address(member.address)};{member.port}"


def _protocol(number: int) -> str:
    return PROTOCOLS.get(number, f"unknown {number}")


def rule(npol: NpolPools, index: int, npol_rule: NpolRule) -> str:
    filters = "".join(f"{_filter(f)}," for f in npol_rule.filters if f.type != objects.NO_FILTER)
    action = ACTIONS[npol_rule.action] if npol_rule.action < len(ACTIONS) else "unknownaction"
    return f"[rule#{index};{action}][{filters}{''.join(_entries(npol, npol_rule))}]"


def _filter(rule_filter: NpolFilter) -> str:
    value = _protocol(rule_filter.value) if rule_filter.type == objects.L4_PROTO else rule_filter.value
    return f"{FILTERS[rule_filter.type]}{'=' if rule_filter.should_match else '!'}={value}"


def _entries(npol: NpolPools, npol_rule: NpolRule) -> Iterator[str]:
    for side, sign in enumerate(SIDES):
        yield from (f"{sign}{_member(prefix)}," for prefix in npol_rule.prefixes[side])
        yield from (f"{sign}{a if a == b else f'[{a}-{b}]'}," for a, b in npol_rule.ports[side])
        for index in (*npol_rule.sets[side], *npol_rule.port_sets[side]):
            ip_set = npol.sets.get(index)
            yield f"{sign}{ipset(index, ip_set) if ip_set else 'deleted ipset'},"


def policy(
    npol: NpolPools, index: int, indent: int, directions: tuple[int, ...], invert: bool = False
) -> Iterator[str]:
    npol_policy = npol.policies.get(index)
    if npol_policy is None:
        yield " " * indent + "deleted policy"
        return
    yield f"{' ' * indent}[policy#{index}]"
    for direction in directions:
        for number in npol_policy.rules[direction ^ invert]:
            npol_rule = npol.rules.get(number)
            text = rule(npol, number, npol_rule) if npol_rule else "deleted rule"
            yield f"{' ' * (indent + 2)}{'tx' if direction == TX else 'rx'}:{text}"


def _interface(npol: Npol, interface: Interface | None, index: int, config: NpolInterfaceConfig) -> Iterator[str]:
    addresses = [
        f" {name}={ip_address(interface.addresses[family][0][0])}"
        for family, name in ((4, "addr"), (6, "addr6"))
        if interface and interface.addresses[family]
    ]
    name = interface.name if interface else "DELETED"
    yield f"[{name} sw_if_index={index} {'inverted' if config.invert else ''}{''.join(addresses)}]"
    for direction, text in ((RX, "rx"), (TX, "tx")):
        policies = config.policies[direction ^ config.invert]
        if policies:
            yield f"  {text}:"
        policy_default, profile_default = config.policy_default[direction], config.profile_default[direction]
        yield f"   {text}-policy-default:{policy_default} {text}-profile-default:{profile_default} "
        for number in policies:
            yield from policy(npol, number, 4, (direction,), config.invert)
    if config.profiles:
        yield "  profiles:"
    for number in config.profiles:
        yield from policy(npol, number, 4, (TX, RX), config.invert)
