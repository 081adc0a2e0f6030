"""Felix's policies and profiles as VPP's, worked out again only when they or their sets have changed. Pure.

InboundRules are about what VPP sends to the endpoint (tx), OutboundRules about what it receives from it (rx).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from actors.policy import ipsets
from actors.policy.model import FelixIpSet, FelixPolicy, FelixRule
from actors.policy.rules import Sets, compiled
from schemas.npol import IpSet, Policy, Rule


class Compiled(NamedTuple):
    """A policy, the sets that it uses, and what could not be said of it."""

    intent: Policy
    sets: dict[str, IpSet]
    problems: tuple[str, ...] = ()

    def passes(self, direction: str) -> bool:
        """Has it a rule that goes on to the next tier?"""
        return any(map(_passes, getattr(self.intent, direction)))


class Cache:
    """What became of every set and policy, the last time it was asked for."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[FelixIpSet, ipsets.Made]] = {}
        self._policies: dict[str, tuple[FelixPolicy, tuple[ipsets.Made | None, ...], Compiled]] = {}
        self.known: Mapping[str, ipsets.Made] = {}

    def learn(self, told: Mapping[str, FelixIpSet]) -> None:
        """The sets as Felix tells them now."""
        before, self._sets = self._sets, {}
        for name, each in told.items():
            held = before.get(name)
            self._sets[name] = held if held is not None and held[0] is each else (each, ipsets.made(name, each))
        self.known = {name: made for name, (_, made) in self._sets.items()}

    def policy(self, name: str, told: FelixPolicy) -> Compiled:
        """The policy as VPP should hold it under `name`."""
        uses = tuple(self.known.get(each) for each in _names(told))
        before, used, held = self._policies.get(name, (None, (), None))
        if held is not None and before is told and all(map(_is, used, uses)):
            return held
        done = None
        if held is not None and before is told and all(map(_alike, used, uses)):
            done = _with_members(held, uses)
        done = done or compile_policy(name, told, Sets(self.known))
        self._policies[name] = (told, uses, done)
        return done

    def forget(self, names: set[str]) -> None:
        """Keeps only these policies."""
        self._policies = {name: held for name, held in self._policies.items() if name in names}


def compile_policy(name: str, told: FelixPolicy, sets: Sets) -> Compiled:
    """Both directions of a policy or profile.

    Which policies pass on decides how interfaces list the tiers. So one that passes on is another policy to VPP than
    one that does not: interfaces that list the old one keep it, as it was, until they list the new one.
    """
    problems: list[str] = []
    rx = tuple(_rules("outbound", told.outbound, sets, problems))
    tx = tuple(_rules("inbound", told.inbound, sets, problems))
    passing = "".join(f"+pass-{way}" for way, rules in (("rx", rx), ("tx", tx)) if any(map(_passes, rules)))
    return with_sets(Policy(name + passing, rx, tx), sets.used, tuple(problems))


def _passes(rule: Rule) -> bool:
    return rule.action == "pass"


def with_sets(policy: Policy, sets: Mapping[str, IpSet], problems: tuple[str, ...] = ()) -> Compiled:
    """The policy with those of the sets that its rules use."""
    used = {name for rule in (*policy.rx, *policy.tx) for name in names_used(rule)}
    return Compiled(policy, {name: each for name, each in sets.items() if name in used}, problems)


def _rules(direction: str, told: tuple[FelixRule, ...], sets: Sets, problems: list[str]) -> Iterator[Rule]:
    for number, each in enumerate(told):
        rule, wrong = compiled(each, sets)
        problems += [f"{direction}_rules[{number}].{text}" for text in wrong]
        if rule is not None:
            yield rule


def names_used(rule: Rule) -> Iterator[str]:
    """The sets that a rule refers to."""
    for match in (rule.source, rule.destination, rule.not_source, rule.not_destination):
        yield from (*match.sets, *match.port_sets)


def _is(one: object, other: object) -> bool:
    return one is other


def _alike(one: ipsets.Made | None, other: ipsets.Made | None) -> bool:
    """Do rules read the same with either? They tell a set's name and type, and whether it is whole."""
    if one is None or other is None:
        return one is other
    same = (one.intent.name, one.intent.type) == (other.intent.name, other.intent.type)
    return same and bool(one.problems) == bool(other.problems)


def _with_members(held: Compiled, uses: tuple[ipsets.Made | None, ...]) -> Compiled | None:
    """The same policy, its sets with the members of now; None if it has a set that is made of others."""
    told = {made.intent.name: made.intent for made in uses if made is not None}
    if not held.sets.keys() <= told.keys():
        return None
    return held._replace(sets={name: told[name] for name in held.sets})


def _names(told: FelixPolicy) -> Iterator[str]:
    for rule in (*told.inbound, *told.outbound):
        yield from rule.src_ip_set_ids
        yield from rule.dst_ip_set_ids
        yield from rule.src_named_port_ip_set_ids
        yield from rule.dst_named_port_ip_set_ids
        yield from rule.dst_ip_port_set_ids
        yield from rule.not_src_ip_set_ids
        yield from rule.not_dst_ip_set_ids
        yield from rule.not_src_named_port_ip_set_ids
        yield from rule.not_dst_named_port_ip_set_ids
