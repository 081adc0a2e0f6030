"""Tiers as VPP's two stages: policies, then profiles. Pure.

VPP's "pass" goes from anywhere among the policies to the profiles. So one tier that passes can be kept: the tiers
behind it become profiles. If several pass, all of it becomes one list of rules (chains.py; spec/policies.md
section 5.4).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from actors.policy.chains import Chains, Stage
from actors.policy.compiled import Compiled, with_sets
from actors.policy.model import PolicyId, Tier
from actors.policy.rules import Unsaid
from schemas.npol import Policy, Rule

DENY_ALL = Compiled(Policy("vppd/deny-all", (Rule("deny"),), (Rule("deny"),)), {})


class Book(Protocol):
    """Where policies and written out chains are found."""

    @property
    def chains(self) -> Chains: ...

    def policy(self, name: PolicyId) -> Compiled | None:
        """The policy; None: Felix has not told it."""


class Stages(NamedTuple):
    """One direction: policies, their default, profiles, their default, and what is wrong."""

    policies: tuple[Compiled, ...]
    default: str
    profiles: tuple[Compiled, ...] = ()
    profile_default: str = "deny"
    problems: tuple[str, ...] = ()


def stages(
    direction: str, tiers: Sequence[Tier], profiles: tuple[Compiled, ...], book: Book, last: str = "deny"
) -> Stages:
    """The tiers of one direction ("rx": egress, "tx": ingress), then the profiles, then `last`."""
    problems: list[str] = []
    steps = list(_steps(direction, tiers, book, problems))
    if not steps:
        return Stages((), "pass" if profiles else last, profiles, last, tuple(problems))
    passing = [number for number, step in enumerate(steps) if any(each.passes(direction) for each in step.policies)]
    if passing in ([], [len(steps) - 1]):
        return Stages(_flat(steps), "pass", profiles, last, tuple(problems))
    if len(passing) == 1:
        cut = passing[0] + 1
        return Stages(_flat(steps[:cut]), "pass", (*_flat(steps[cut:]), *profiles), last, tuple(problems))
    try:
        return Stages((book.chains.chain(direction, steps, profiles, last),), "deny", problems=tuple(problems))
    except Unsaid as unsaid:
        return Stages((DENY_ALL,), "deny", problems=(*problems, f"tiers: {unsaid}: all is denied"))


def _steps(direction: str, tiers: Sequence[Tier], book: Book, problems: list[str]) -> Iterator[Stage]:
    for tier in tiers:
        ids = [each for each in (tier.egress if direction == "rx" else tier.ingress) if not each.staged]
        if not ids:
            continue
        found = []
        for each in ids:
            policy = book.policy(each)
            if policy is None:
                problems.append(f"tier {tier.name}: policy {each.text} is not known: all is denied there")
            found.append(policy or DENY_ALL)
        yield Stage(tier.name, tuple(found), tier.default_action.lower() != "pass")


def _flat(steps: Sequence[Stage]) -> tuple[Compiled, ...]:
    return tuple(each for step in steps for each in (*step.policies, *((DENY_ALL,) if step.ends else ())))


def directed(each: Compiled, direction: str) -> Compiled:
    """The policy with its rules of one direction only, under a name of its own."""
    intent = each.intent
    only = Policy(
        f"{intent.name}#{direction}", intent.rx if direction == "rx" else (), intent.tx if direction == "tx" else ()
    )
    return with_sets(only, each.sets, each.problems)
