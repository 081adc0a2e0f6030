"""Several tiers that pass on, expanded to one policy that decides everything. Pure.

Each rule that passes is replaced by the rules that follow its tier, each intersected with its conditions. That
multiplies rules, so their number is bounded, and chains are expanded again only when one of the policies has changed.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from actors.policy import ipsets
from actors.policy.intersect import intersect_policy_rules
from actors.policy.policies import CompiledPolicy, policy_with_ip_sets
from actors.policy.rules import InexpressibleRule, IpSetsForRules, RuleMatchesNothing
from schemas.npol import PolicyIntent, PolicyRule

_RULES_MAX = 2000  # of a chain


class TierPolicies(NamedTuple):
    """The policies of a tier for one direction."""

    name: str
    policies: tuple[CompiledPolicy, ...]
    ends: bool  # what none of its policies decides is denied


class PolicyChains:
    """Cache of chains, by the identity of the policies that they are made of."""

    def __init__(self) -> None:
        self._previous: dict[tuple[object, ...], tuple[object, CompiledPolicy | InexpressibleRule]] = {}
        self._current: dict[tuple[object, ...], tuple[object, CompiledPolicy | InexpressibleRule]] = {}

    def chain(
        self, direction: str, tiers: Sequence[TierPolicies], profiles: Sequence[CompiledPolicy], last: str
    ) -> CompiledPolicy:
        """One policy for the tiers, then the profiles, then `last`. Raises InexpressibleRule."""
        shape = tuple((tier.ends, *map(id, tier.policies)) for tier in tiers)
        key = (direction, last, shape, *map(id, profiles))
        if key not in self._current:
            self._current[key] = self._previous.get(key) or (
                (tiers, profiles),
                _attempt(direction, tiers, profiles, last),
            )
        policy = self._current[key][1]
        if isinstance(policy, InexpressibleRule):
            raise InexpressibleRule(*policy.args)
        return policy

    def forget(self) -> None:
        """Drop chains that nobody has asked for since the last call."""
        self._previous, self._current = self._current, {}


def _attempt(
    direction: str, tiers: Sequence[TierPolicies], profiles: Sequence[CompiledPolicy], last: str
) -> CompiledPolicy | InexpressibleRule:
    try:
        return _expand_tiers(direction, tiers, profiles, last)
    except InexpressibleRule as reason:
        return reason


def _expand_tiers(
    direction: str, tiers: Sequence[TierPolicies], profiles: Sequence[CompiledPolicy], last: str
) -> CompiledPolicy:
    """Expand the tiers, profiles and `last` to one policy. Raises InexpressibleRule."""
    policies = [policy for tier in tiers for policy in tier.policies] + list(profiles)
    sets = IpSetsForRules({})
    sets.referenced = {name: ip_set for policy in policies for name, ip_set in policy.sets.items()}
    chain = [*(rule for policy in profiles for rule in _deciding(policy, direction)), PolicyRule(last)]
    for tier in reversed(tiers):
        chain = list(islice(_tier_rules(direction, tier, chain, sets), _RULES_MAX + 1))
        if len(chain) > _RULES_MAX:
            raise InexpressibleRule(f"more than {_RULES_MAX} rules")
    name = f"vppd/chain/{ipsets.digest_for_ip_set_name(direction, repr(chain))}"
    policy = PolicyIntent(name, tuple(chain), ()) if direction == "rx" else PolicyIntent(name, (), tuple(chain))
    return policy_with_ip_sets(policy, sets.referenced)


def _deciding(profile: CompiledPolicy, direction: str) -> Iterator[PolicyRule]:
    """The rules of a profile; those that pass on deny, for nothing follows."""
    for rule in getattr(profile.intent, direction):
        yield replace(rule, action="deny") if rule.action == "pass" else rule


def _tier_rules(
    direction: str, tier: TierPolicies, following: list[PolicyRule], sets: IpSetsForRules
) -> Iterator[PolicyRule]:
    for policy in tier.policies:
        for rule in getattr(policy.intent, direction):
            if rule.action != "pass":
                yield rule
                continue
            for next_rule in following:
                try:
                    yield intersect_policy_rules(rule, next_rule, sets)
                except RuleMatchesNothing:
                    continue
    yield from [PolicyRule("deny")] if tier.ends else following
