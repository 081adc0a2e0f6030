"""Tiers as VPP's two stages: policies, then profiles. Pure.

VPP's "pass" jumps from any policy to the profiles. One tier that passes can be kept: the tiers behind it become
profiles. If several pass, they become one list of rules (`chains.py`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from actors.policy.chains import PolicyChains, TierPolicies
from actors.policy.model import FelixPolicyId, FelixTier
from actors.policy.policies import CompiledPolicy, policy_with_ip_sets
from actors.policy.rules import InexpressibleRule
from schemas.npol import PolicyIntent, PolicyRule

DENY_ALL_POLICY = CompiledPolicy(PolicyIntent("vppd/deny-all", (PolicyRule("deny"),), (PolicyRule("deny"),)), {})


class CompiledPolicyBook(Protocol):
    """Compiled policies and chains by name."""

    @property
    def chains(self) -> PolicyChains: ...

    def policy(self, name: FelixPolicyId) -> CompiledPolicy | None:
        """The policy; None: Felix has not sent it."""


class DirectionPolicies(NamedTuple):
    """One direction of an interface: policies and profiles with their defaults, and problems for the status."""

    policies: tuple[CompiledPolicy, ...]
    default: str
    profiles: tuple[CompiledPolicy, ...] = ()
    profile_default: str = "deny"
    problems: tuple[str, ...] = ()


def policies_of_direction(
    direction: str,
    tiers: Sequence[FelixTier],
    profiles: tuple[CompiledPolicy, ...],
    book: CompiledPolicyBook,
    last: str = "deny",
) -> DirectionPolicies:
    """The tiers of one direction ("rx": egress, "tx": ingress), then the profiles, then `last`."""
    problems: list[str] = []
    deciding = list(_deciding_tiers(direction, tiers, book, problems))
    if not deciding:
        return DirectionPolicies((), "pass" if profiles else last, profiles, last, tuple(problems))
    passing = [
        number for number, tier in enumerate(deciding) if any(policy.passes(direction) for policy in tier.policies)
    ]
    if passing in ([], [len(deciding) - 1]):
        return DirectionPolicies(_flat(deciding), "pass", profiles, last, tuple(problems))
    if len(passing) == 1:
        cut = passing[0] + 1
        return DirectionPolicies(
            _flat(deciding[:cut]), "pass", (*_flat(deciding[cut:]), *profiles), last, tuple(problems)
        )
    try:
        return DirectionPolicies(
            (book.chains.chain(direction, deciding, profiles, last),), "deny", problems=tuple(problems)
        )
    except InexpressibleRule as reason:
        return DirectionPolicies((DENY_ALL_POLICY,), "deny", problems=(*problems, f"tiers: {reason}: all is denied"))


def _deciding_tiers(
    direction: str, tiers: Sequence[FelixTier], book: CompiledPolicyBook, problems: list[str]
) -> Iterator[TierPolicies]:
    for tier in tiers:
        ids = [policy_id for policy_id in (tier.egress if direction == "rx" else tier.ingress) if not policy_id.staged]
        if not ids:
            continue
        policies = []
        for policy_id in ids:
            policy = book.policy(policy_id)
            if policy is None:
                problems.append(f"tier {tier.name}: policy {policy_id.text} is not known: all is denied there")
            policies.append(policy or DENY_ALL_POLICY)
        yield TierPolicies(tier.name, tuple(policies), tier.default_action.lower() != "pass")


def _flat(deciding: Sequence[TierPolicies]) -> tuple[CompiledPolicy, ...]:
    return tuple(policy for tier in deciding for policy in (*tier.policies, *((DENY_ALL_POLICY,) if tier.ends else ())))


def policy_of_one_direction(policy: CompiledPolicy, direction: str) -> CompiledPolicy:
    """The policy with the rules of one direction only, under its own name."""
    intent = policy.intent
    half = PolicyIntent(
        f"{intent.name}#{direction}", intent.rx if direction == "rx" else (), intent.tx if direction == "tx" else ()
    )
    return policy_with_ip_sets(half, policy.sets, policy.problems)
