"""Two rules at once."""

import pytest

from actors.policy import ipsets
from actors.policy.intersect import intersect_rules
from actors.policy.rules import Inexpressible, MatchesNothing, RuleSets
from schemas.npol import EntityMatch, Rule
from tests.unit.policy.worlds import a_set

PORT_SET = EntityMatch(port_sets=("p",))


@pytest.mark.parametrize(
    ("first", "second", "intersection"),
    [
        (Rule("pass"), Rule("allow"), Rule("allow")),
        (Rule("pass", 6), Rule("deny", None, 17), Rule("deny", 6)),
        (Rule("pass", None, 17), Rule("deny", None, 17), Rule("deny", None, 17)),
        (
            Rule("pass", source=EntityMatch(("10.0.0.0/8", "fd00::/8"))),
            Rule("allow", source=EntityMatch(("10.1.0.0/16", "192.0.2.0/24"))),
            Rule("allow", source=EntityMatch(("10.1.0.0/16",))),
        ),
        (
            Rule("pass", 6, destination=EntityMatch(ports=((1, 100),))),
            Rule("allow", 6, destination=EntityMatch(ports=((80, 200), (300, 400)))),
            Rule("allow", 6, destination=EntityMatch(ports=((80, 100),))),
        ),
        (
            Rule("pass", not_source=EntityMatch(("10.0.0.0/8",))),
            Rule("allow", not_source=EntityMatch(("10.0.0.0/8", "fd00::/8"))),
            Rule("allow", not_source=EntityMatch(("10.0.0.0/8", "fd00::/8"))),
        ),
    ],
)
def test_what_both_match(first: Rule, second: Rule, intersection: Rule) -> None:
    assert intersect_rules(first, second, RuleSets({})) == intersection


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Rule("pass", 6), Rule("allow", 17)),
        (Rule("pass", 6), Rule("allow", None, 6)),
        (Rule("pass", None, 6), Rule("allow", 6)),
        (Rule("pass", source=EntityMatch(("10.0.0.0/8",))), Rule("allow", source=EntityMatch(("fd00::/8",)))),
        (Rule("pass", source=EntityMatch(ports=((1, 2),))), Rule("allow", source=EntityMatch(ports=((3, 4),)))),
    ],
)
def test_what_no_packet_matches(first: Rule, second: Rule) -> None:
    with pytest.raises(MatchesNothing):
        intersect_rules(first, second, RuleSets({}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Rule("pass", None, 6), Rule("allow", None, 17)),
        (Rule("pass", 6, destination=PORT_SET), Rule("allow", 6, destination=EntityMatch(ports=((1, 2),)))),
    ],
)
def test_what_vpp_has_no_words_for(first: Rule, second: Rule) -> None:
    with pytest.raises(Inexpressible):
        intersect_rules(first, second, RuleSets({}))


def test_sets_of_both_rules_become_their_intersection() -> None:
    sets = RuleSets({})
    members_by_name = {"a": ("10.0.0.0/8", "fd00::/8"), "b": ("10.1.0.0/16",)}
    sets.referenced = {
        name: ipsets.compile_set(name, a_set(*members)).intent for name, members in members_by_name.items()
    }
    rule = intersect_rules(
        Rule("pass", source=EntityMatch(sets=("a",))), Rule("allow", source=EntityMatch(sets=("b",))), sets
    )
    (name,) = rule.source.sets
    assert sets.referenced[name].members == ("10.1.0.0/16",)
