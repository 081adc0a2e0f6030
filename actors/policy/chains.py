"""Tiers of which several pass on, written out as one policy that decides everything. Pure.

Each rule that passes is replaced by what comes behind it, together with its own conditions. That multiplies, so it is
bounded, and done again only when one of the policies has changed.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from actors.policy import ipsets
from actors.policy.compiled import Compiled, with_sets
from actors.policy.conjoin import conjoined
from actors.policy.rules import Never, Sets, Unsaid
from schemas.npol import Policy, Rule

RULES_MAX = 2000  # of a chain


class Stage(NamedTuple):
    """A tier that has a say in a direction."""

    name: str
    policies: tuple[Compiled, ...]
    ends: bool  # what none of its policies decides is denied


class Chains:
    """Chains, each for as long as it is asked for, and the very policies that it is made of are there."""

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], tuple[object, Compiled | Unsaid]] = {}
        self._asked: dict[tuple[object, ...], tuple[object, Compiled | Unsaid]] = {}

    def chain(self, direction: str, steps: Sequence[Stage], profiles: Sequence[Compiled], last: str) -> Compiled:
        """The tiers, then the profiles, then `last`. Raises Unsaid."""
        shape = tuple((step.ends, *map(id, step.policies)) for step in steps)
        key = (direction, last, shape, *map(id, profiles))
        if key not in self._asked:
            self._asked[key] = self._held.get(key) or ((steps, profiles), _tried(direction, steps, profiles, last))
        found = self._asked[key][1]
        if isinstance(found, Unsaid):
            raise Unsaid(*found.args)
        return found

    def forget(self) -> None:
        """Keeps what was asked for since the last time."""
        self._held, self._asked = self._asked, {}


def _tried(direction: str, steps: Sequence[Stage], profiles: Sequence[Compiled], last: str) -> Compiled | Unsaid:
    try:
        return written_out(direction, steps, profiles, last)
    except Unsaid as unsaid:
        return unsaid


def written_out(direction: str, steps: Sequence[Stage], profiles: Sequence[Compiled], last: str) -> Compiled:
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
        yield replace(rule, action="deny") if rule.action == "pass" else rule


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
