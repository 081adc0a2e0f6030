"""The objects as VPP shows them (VPP: npol_format.c). The VPP writer reads the numbers out of these texts."""

from collections.abc import Iterator
from ipaddress import ip_address

from tools.vppsim.npol import objects
from tools.vppsim.npol.objects import RX, TX, Configuration, Filter, IpSet, Member, Prefix, Rule
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.npol.pools import NpolPools
from tools.vppsim.state.interfaces import Interface, InterfacePool

TYPES = ("ip", "ip+port", "prefix")
ACTIONS = ("allow", "deny", "log", "pass")
FILTERS = {objects.ICMP_TYPE: "icmp-type", objects.ICMP_CODE: "icmp-code", objects.L4_PROTO: "proto"}
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP6", 132: "SCTP", 136: "UDP_LITE"}
SIDES = ("dst==", "src==", "dst!=", "src!=")


def ipsets(npol: NpolPools) -> Iterator[str]:
    yield from (ipset(index, each) for index, each in npol.sets)


def rules(npol: NpolPools) -> Iterator[str]:
    yield from (rule(npol, index, each) for index, each in npol.rules)


def policies(npol: NpolPools) -> Iterator[str]:
    for index, each in npol.policies:
        yield f"[policy#{index}] rx-rules:{len(each.rules[RX])} tx-rules:{len(each.rules[TX])}"


def policies_verbose(npol: NpolPools) -> Iterator[str]:
    for index, _ in npol.policies:
        yield from policy(npol, index, 0, (TX, RX))


def interfaces(npol: Npol, pool: InterfacePool) -> Iterator[str]:
    yield "Interfaces with policies configured:"
    for index, held in sorted(npol.configurations.items()):
        yield from _interface(npol, pool.get(index), index, held)


def ipset(index: int, each: IpSet) -> str:
    members = "".join(f"{_member(member)}," for _, member in each.members)
    return f"[ipset#{index};{TYPES[each.type] if each.type < len(TYPES) else 'unknownipsettype'};{members}]"


def _member(member: Member) -> str:
    if isinstance(member, Prefix):
        return f"{ip_address(member.address)}/{member.length}"
    if isinstance(member, bytes):
        return str(ip_address(member))
    return f"{_protocol(member.protocol)} {ip_address(member.address)};{member.port}"


def _protocol(number: int) -> str:
    return PROTOCOLS.get(number, f"unknown {number}")


def rule(npol: NpolPools, index: int, each: Rule) -> str:
    filters = "".join(f"{_filter(f)}," for f in each.filters if f.type != objects.NO_FILTER)
    action = ACTIONS[each.action] if each.action < len(ACTIONS) else "unknownaction"
    return f"[rule#{index};{action}][{filters}{''.join(_entries(npol, each))}]"


def _filter(each: Filter) -> str:
    value = _protocol(each.value) if each.type == objects.L4_PROTO else each.value
    return f"{FILTERS[each.type]}{'=' if each.should_match else '!'}={value}"


def _entries(npol: NpolPools, each: Rule) -> Iterator[str]:
    for side, sign in enumerate(SIDES):
        yield from (f"{sign}{_member(prefix)}," for prefix in each.prefixes[side])
        yield from (f"{sign}{a if a == b else f'[{a}-{b}]'}," for a, b in each.ports[side])
        for index in (*each.sets[side], *each.port_sets[side]):
            found = npol.sets.get(index)
            yield f"{sign}{ipset(index, found) if found else 'deleted ipset'},"


def policy(npol: NpolPools, index: int, indent: int, ways: tuple[int, ...], invert: bool = False) -> Iterator[str]:
    each = npol.policies.get(index)
    if each is None:
        yield " " * indent + "deleted policy"
        return
    yield f"{' ' * indent}[policy#{index}]"
    for way in ways:
        for number in each.rules[way ^ invert]:
            found = npol.rules.get(number)
            text = rule(npol, number, found) if found else "deleted rule"
            yield f"{' ' * (indent + 2)}{'tx' if way == TX else 'rx'}:{text}"


def _interface(npol: Npol, interface: Interface | None, index: int, held: Configuration) -> Iterator[str]:
    addresses = [
        f" {name}={ip_address(interface.addresses[family][0][0])}"
        for family, name in ((4, "addr"), (6, "addr6"))
        if interface and interface.addresses[family]
    ]
    name = interface.name if interface else "DELETED"
    yield f"[{name} sw_if_index={index} {'inverted' if held.invert else ''}{''.join(addresses)}]"
    for way, text in ((RX, "rx"), (TX, "tx")):
        policies = held.policies[way ^ held.invert]
        if policies:
            yield f"  {text}:"
        yield f"   {text}-policy-default:{held.policy_default[way]} {text}-profile-default:{held.profile_default[way]} "
        for number in policies:
            yield from policy(npol, number, 4, (way,), held.invert)
    if held.profiles:
        yield "  profiles:"
    for number in held.profiles:
        yield from policy(npol, number, 4, (TX, RX), held.invert)
