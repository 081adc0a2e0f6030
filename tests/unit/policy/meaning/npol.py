"""What VPP's npol would do with intents, flow by flow."""

from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address, ip_network

from schemas.intents import Intent
from schemas.npol import (
    InterfacePoliciesIntent,
    IpSetIntent,
    PolicyIntent,
    PolicyRule,
    RuleEntityMatch,
    ip_set_of_piece,
)
from tests.unit.policy.meaning.reference import Flow


class Npol:
    """Holds intents. Whatever they name must be there."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        all_intents = list(intents)
        self.sets = {intent.name: intent for intent in all_intents if isinstance(intent, IpSetIntent)}
        self.policies = {intent.name: intent for intent in all_intents if isinstance(intent, PolicyIntent)}
        self.interfaces = {
            intent.interface: intent for intent in all_intents if isinstance(intent, InterfacePoliciesIntent)
        }
        assert len(all_intents) == len({intent.key for intent in all_intents})
        self._ready = {name: frozenset(intent.members) for name, intent in self.sets.items()}

    def allows(self, interface: str, flow: Flow, direction: str) -> bool:
        """`direction` "rx": VPP receives it there, or, where the world is behind it, sends it there."""
        config = self.interfaces.get(interface)
        if config is None:
            return True
        verdict = self.first(getattr(config, direction), flow, direction)
        if verdict is None:
            verdict = getattr(config, f"{direction}_default")
        if verdict == "pass":
            verdict = self.first(config.profiles, flow, direction) or getattr(config, f"{direction}_profile_default")
        return bool(verdict == "allow")  # a pass among the profiles is a drop

    def first(self, names: Iterable[str], flow: Flow, direction: str) -> str | None:
        rules: Iterable[PolicyRule] = (rule for name in names for rule in getattr(self.policies[name], direction))
        return next((rule.action for rule in rules if self.matches(rule, flow)), None)

    def matches(self, rule: PolicyRule, flow: Flow) -> bool:
        return (
            rule.protocol in (None, flow.protocol)
            and rule.not_protocol != flow.protocol
            and self.fits(rule.source, flow, flow.source, flow.sport)
            and self.fits(rule.destination, flow, flow.destination, flow.dport)
            and not self.touches(rule.not_source, flow, flow.source, flow.sport)
            and not self.touches(rule.not_destination, flow, flow.destination, flow.dport)
        )

    def fits(self, match: RuleEntityMatch, flow: Flow, address: str, port: int) -> bool:
        nets, sets, ports = self.sides(match, flow, address, port)
        assert len({ip_set_of_piece(name) for name in match.sets}) < 2
        return (not match.nets or nets) and (not match.sets or sets) and (not (match.ports or match.port_sets) or ports)

    def touches(self, match: RuleEntityMatch, flow: Flow, address: str, port: int) -> bool:
        return any(self.sides(match, flow, address, port))

    def sides(self, match: RuleEntityMatch, flow: Flow, address: str, port: int) -> tuple[bool, bool, bool]:
        return (
            contains(match.nets, address),
            any(self.holds(name, address) for name in match.sets),
            any(a <= port <= b for a, b in match.ports)
            or any(f"{address},{flow.protocol},{port}" in self.member(name, "ip-port") for name in match.port_sets),
        )

    def member(self, name: str, kind: str) -> frozenset[str]:
        assert self.sets[name].type == kind
        return self._ready[name]

    def holds(self, name: str, address: str) -> bool:
        if self.sets[name].type == "ip":
            return address in self.member(name, "ip")
        return contains(self.member(name, "net"), address)


def contains(nets: Iterable[str], address: str) -> bool:
    return any(inside(net, address) for net in nets)


@cache
def inside(net: str, address: str) -> bool:
    return ip_address(address) in ip_network(net)
