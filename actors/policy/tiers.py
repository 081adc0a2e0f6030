"""Tiers as VPP's two stages: policies, then profiles. Pure.

VPP's "pass" goes from anywhere among the policies to the profiles. So one tier that passes can be kept: the tiers
behind it become profiles. If several pass, the whole chain becomes one list of rules in which each rule that passes
is replaced by what comes behind it, together with its own conditions (spec/policies.md section 5.4).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from actors.policy import ipsets
from actors.policy.compiled import Compiled, with_sets
from actors.policy.conjoin import conjoined
from actors.policy.model import PolicyId, Tier
from actors.policy.rules import Never, Sets, Unsaid
from schemas.npol import Policy, Rule

DENY_ALL = Compiled(Policy("vppd/deny-all", (Rule("deny"),), (Rule("deny"),)), {})
RULES_MAX = 2000  # of a chain that is written out
Find = Callable[[PolicyId], Compiled | None]


class Stages(NamedTuple):
    """One direction: policies, their default, profiles, their default, and what is wrong."""

    policies: tuple[Compiled, ...]
    default: str
    profiles: tuple[Compiled, ...] = ()
    profile_default: str = "deny"
    problems: tuple[str, ...] = ()


class Stage(NamedTuple):
    """A tier that has a say in a direction."""

    name: str
    policies: tuple[Compiled, ...]
    ends: bool  # what none of its policies decides is denied


def stages(
    direction: str, tiers: Sequence[Tier], profiles: tuple[Compiled, ...], find: Find, last: str = "deny"
) -> Stages:
    """The tiers of one direction ("rx": egress, "tx": ingress), then the profiles, then `last`."""
    problems: list[str] = []
    steps = list(_steps(direction, tiers, find, problems))
    if not steps:
        return Stages((), "pass" if profiles else last, profiles, last, tuple(problems))
    passing = [number for number, step in enumerate(steps) if any(each.passes(direction) for each in step.policies)]
    if passing in ([], [len(steps) - 1]):
        return Stages(_flat(steps), "pass", profiles, last, tuple(problems))
    if len(passing) == 1:
        cut = passing[0] + 1
        return Stages(_flat(steps[:cut]), "pass", (*_flat(steps[cut:]), *profiles), last, tuple(problems))
    try:
        return Stages((_written_out(direction, steps, profiles, last),), "deny", problems=tuple(problems))
    except Unsaid as unsaid:
        return Stages((DENY_ALL,), "deny", problems=(*problems, f"tiers: {unsaid}: all is denied"))


def _steps(direction: str, tiers: Sequence[Tier], find: Find, problems: list[str]) -> Iterator[Stage]:
    for tier in tiers:
        ids = [each for each in (tier.egress if direction == "rx" else tier.ingress) if not each.staged]
        if not ids:
            continue
        found = []
        for each in ids:
            policy = find(each)
            if policy is None:
                problems.append(f"tier {tier.name}: policy {each.text} is not known: all is denied there")
            found.append(policy or DENY_ALL)
        yield Stage(tier.name, tuple(found), tier.default_action.lower() != "pass")


def _flat(steps: Sequence[Stage]) -> tuple[Compiled, ...]:
    return tuple(each for step in steps for each in (*step.policies, *((DENY_ALL,) if step.ends else ())))


def _written_out(direction: str, steps: Sequence[Stage], profiles: Sequence[Compiled], last: str) -> Compiled:
    """One policy that decides everything. Raises Unsaid."""
    involved = [each for step in steps for each in step.policies] + list(profiles)
    sets = Sets({})
    sets.used = {name: found for each in involved for name, found in each.sets.items()}
    chain = [*(rule for each in profiles for rule in _deciding(each, direction)), Rule(last)]
    for step in reversed(steps):
        chain = list(islice(_step_rules(direction, step, chain, sets), RULES_MAX + 1))
        if len(chain) > RULES_MAX:
            raise Unsaid(f"more than {RULES_MAX} rules")
    name = f"vppd/chain/{ipsets.digest(direction, repr(chain))}"
    policy = Policy(name, tuple(chain), ()) if direction == "rx" else Policy(name, (), tuple(chain))
    return with_sets(policy, sets.used)


def _deciding(profile: Compiled, direction: str) -> Iterator[Rule]:
    """A profile's rules; one that passes on has nowhere to go and denies."""
    for rule in getattr(profile.intent, direction):
        yield _with(rule, "deny") if rule.action == "pass" else rule


def _with(rule: Rule, action: str) -> Rule:
    return Rule(
        action,
        rule.protocol,
        rule.not_protocol,
        rule.source,
        rule.destination,
        rule.not_source,
        rule.not_destination,
    )


def _step_rules(direction: str, step: Stage, behind: list[Rule], sets: Sets) -> Iterator[Rule]:
    for policy in step.policies:
        for rule in getattr(policy.intent, direction):
            if rule.action != "pass":
                yield rule
                continue
            for later in behind:
                try:
                    yield conjoined(rule, later, sets)
                except Never:
                    continue
    yield from [Rule("deny")] if step.ends else behind


def directed(each: Compiled, direction: str) -> Compiled:
    """The policy with its rules of one direction only, under a name of its own."""
    intent = each.intent
    only = Policy(
        f"{intent.name}#{direction}", intent.rx if direction == "rx" else (), intent.tx if direction == "tx" else ()
    )
    return with_sets(only, each.sets, each.problems)
