"""Felix's policies and profiles compiled to VPP's, again only when they or their sets have changed. Pure.

Inbound rules of Felix apply to what VPP sends to the endpoint (tx), outbound rules to what it receives from it (rx).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from actors.policy import ipsets
from actors.policy.model import FelixIpSet, FelixPolicy, FelixRule
from actors.policy.rules import IpSetsForRules, compile_policy_rule
from schemas.npol import IpSetIntent, PolicyIntent, PolicyRule


class CompiledPolicy(NamedTuple):
    """A policy of VPP, the sets that it uses, and problems for the status."""

    intent: PolicyIntent
    sets: dict[str, IpSetIntent]
    problems: tuple[str, ...] = ()

    def passes(self, direction: str) -> bool:
        """Does a rule of it pass to the next tier?"""
        return any(map(_passes, getattr(self.intent, direction)))


class CompiledPolicyCache:
    """Compiled sets and policies, by the name and identity of Felix's."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[FelixIpSet, ipsets.CompiledIpSet]] = {}
        self._policies: dict[str, tuple[FelixPolicy, tuple[ipsets.CompiledIpSet | None, ...], CompiledPolicy]] = {}
        self.compiled_sets: Mapping[str, ipsets.CompiledIpSet] = {}

    def learn(self, felix_sets: Mapping[str, FelixIpSet]) -> None:
        """Take the present sets of Felix; compile those that have changed."""
        before, self._sets = self._sets, {}
        for name, felix_set in felix_sets.items():
            cached = before.get(name)
            if cached is None or cached[0] is not felix_set:
                cached = (felix_set, ipsets.compile_ip_set(name, felix_set))
            self._sets[name] = cached
        self.compiled_sets = {name: compiled for name, (_, compiled) in self._sets.items()}

    def policy(self, name: str, felix_policy: FelixPolicy) -> CompiledPolicy:
        """Felix's policy compiled under `name`."""
        sets = tuple(self.compiled_sets.get(set_name) for set_name in _set_names(felix_policy))
        old_policy, old_sets, cached = self._policies.get(name, (None, (), None))
        if cached is not None and old_policy is felix_policy and all(map(_is_identical, old_sets, sets)):
            return cached
        compiled = None
        if cached is not None and old_policy is felix_policy and all(map(_reads_alike, old_sets, sets)):
            compiled = _with_members(cached, sets)
        compiled = compiled or _compile_policy(name, felix_policy, IpSetsForRules(self.compiled_sets))
        self._policies[name] = (felix_policy, sets, compiled)
        return compiled

    def forget(self, names: set[str]) -> None:
        """Drop all policies but these."""
        self._policies = {name: cached for name, cached in self._policies.items() if name in names}


def _compile_policy(name: str, felix_policy: FelixPolicy, sets: IpSetsForRules) -> CompiledPolicy:
    """Compile both directions of a policy or profile.

    How interfaces list the tiers depends on which policies pass on. So a policy that begins to pass on gets another
    name in VPP: interfaces that list the old one keep it unchanged, until they list the new one.
    """
    problems: list[str] = []
    rx = tuple(_rules("outbound", felix_policy.outbound, sets, problems))
    tx = tuple(_rules("inbound", felix_policy.inbound, sets, problems))
    passing = "".join(f"+pass-{direction}" for direction, rules in (("rx", rx), ("tx", tx)) if any(map(_passes, rules)))
    return policy_with_ip_sets(PolicyIntent(name + passing, rx, tx), sets.referenced, tuple(problems))


def _passes(rule: PolicyRule) -> bool:
    return rule.action == "pass"


def policy_with_ip_sets(
    policy: PolicyIntent, sets: Mapping[str, IpSetIntent], problems: tuple[str, ...] = ()
) -> CompiledPolicy:
    """The policy with the sets that its rules use."""
    names = {name for rule in (*policy.rx, *policy.tx) for name in _names_used(rule)}
    return CompiledPolicy(policy, {name: ip_set for name, ip_set in sets.items() if name in names}, problems)


def _rules(
    direction: str, felix_rules: tuple[FelixRule, ...], sets: IpSetsForRules, problems: list[str]
) -> Iterator[PolicyRule]:
    for number, felix_rule in enumerate(felix_rules):
        rule, rule_problems = compile_policy_rule(felix_rule, sets)
        problems += [f"{direction}_rules[{number}].{text}" for text in rule_problems]
        if rule is not None:
            yield rule


def _names_used(rule: PolicyRule) -> Iterator[str]:
    """The sets that a rule refers to."""
    for match in (rule.source, rule.destination, rule.not_source, rule.not_destination):
        yield from (*match.sets, *match.port_sets)


def _is_identical(first: object, second: object) -> bool:
    return first is second


def _reads_alike(first: ipsets.CompiledIpSet | None, second: ipsets.CompiledIpSet | None) -> bool:
    """Do rules compile equally with either set? They depend on its name, type, and whether it is damaged."""
    if first is None or second is None:
        return first is second
    same_reference = (first.intent.name, first.intent.type) == (second.intent.name, second.intent.type)
    return same_reference and bool(first.problems) == bool(second.problems)


def _with_members(policy: CompiledPolicy, sets: tuple[ipsets.CompiledIpSet | None, ...]) -> CompiledPolicy | None:
    """The policy with the present members of its sets; None if it uses an intersection of sets."""
    ip_sets = {compiled.intent.name: compiled.intent for compiled in sets if compiled is not None}
    if not policy.sets.keys() <= ip_sets.keys():
        return None
    return policy._replace(sets={name: ip_sets[name] for name in policy.sets})


def _set_names(felix_policy: FelixPolicy) -> Iterator[str]:
    for rule in (*felix_policy.inbound, *felix_policy.outbound):
        yield from rule.src_ip_set_ids
        yield from rule.dst_ip_set_ids
        yield from rule.src_named_port_ip_set_ids
        yield from rule.dst_named_port_ip_set_ids
        yield from rule.dst_ip_port_set_ids
        yield from rule.not_src_ip_set_ids
        yield from rule.not_dst_ip_set_ids
        yield from rule.not_src_named_port_ip_set_ids
        yield from rule.not_dst_named_port_ip_set_ids
