"""Two rules at once."""

import pytest

from actors.policy import ipsets
from actors.policy.intersect import intersect_policy_rules
from actors.policy.rules import InexpressibleRule, IpSetsForRules, RuleMatchesNothing
from schemas.npol import PolicyRule, RuleEntityMatch
from tests.unit.policy.worlds import a_set

PORT_SET = RuleEntityMatch(port_sets=("p",))


@pytest.mark.parametrize(
    ("first", "second", "intersection"),
    [
        (PolicyRule("pass"), PolicyRule("allow"), PolicyRule("allow")),
        (PolicyRule("pass", 6), PolicyRule("deny", None, 17), PolicyRule("deny", 6)),
        (PolicyRule("pass", None, 17), PolicyRule("deny", None, 17), PolicyRule("deny", None, 17)),
        (
            PolicyRule("pass", source=RuleEntityMatch(("10.0.0.0/8", "fd00::/8"))),
            PolicyRule("allow", source=RuleEntityMatch(("10.1.0.0/16", "192.0.2.0/24"))),
            PolicyRule("allow", source=RuleEntityMatch(("10.1.0.0/16",))),
        ),
        (
            PolicyRule("pass", 6, destination=RuleEntityMatch(ports=((1, 100),))),
            PolicyRule("allow", 6, destination=RuleEntityMatch(ports=((80, 200), (300, 400)))),
            PolicyRule("allow", 6, destination=RuleEntityMatch(ports=((80, 100),))),
        ),
        (
            PolicyRule("pass", not_source=RuleEntityMatch(("10.0.0.0/8",))),
            PolicyRule("allow", not_source=RuleEntityMatch(("10.0.0.0/8", "fd00::/8"))),
            PolicyRule("allow", not_source=RuleEntityMatch(("10.0.0.0/8", "fd00::/8"))),
        ),
    ],
)
def test_what_both_match(first: PolicyRule, second: PolicyRule, intersection: PolicyRule) -> None:
    assert intersect_policy_rules(first, second, IpSetsForRules({})) == intersection


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PolicyRule("pass", 6), PolicyRule("allow", 17)),
        (PolicyRule("pass", 6), PolicyRule("allow", None, 6)),
        (PolicyRule("pass", None, 6), PolicyRule("allow", 6)),
        (
            PolicyRule("pass", source=RuleEntityMatch(("10.0.0.0/8",))),
            PolicyRule("allow", source=RuleEntityMatch(("fd00::/8",))),
        ),
        (
            PolicyRule("pass", source=RuleEntityMatch(ports=((1, 2),))),
            PolicyRule("allow", source=RuleEntityMatch(ports=((3, 4),))),
        ),
    ],
)
def test_what_no_packet_matches(first: PolicyRule, second: PolicyRule) -> None:
    with pytest.raises(RuleMatchesNothing):
        intersect_policy_rules(first, second, IpSetsForRules({}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PolicyRule("pass", None, 6), PolicyRule("allow", None, 17)),
        (
            PolicyRule("pass", 6, destination=PORT_SET),
            PolicyRule("allow", 6, destination=RuleEntityMatch(ports=((1, 2),))),
        ),
    ],
)
def test_what_vpp_has_no_words_for(first: PolicyRule, second: PolicyRule) -> None:
    with pytest.raises(InexpressibleRule):
        intersect_policy_rules(first, second, IpSetsForRules({}))


def test_sets_of_both_rules_become_their_intersection() -> None:
    sets = IpSetsForRules({})
    members_by_name = {"a": ("10.0.0.0/8", "fd00::/8"), "b": ("10.1.0.0/16",)}
    sets.referenced = {
        name: ipsets.compile_ip_set(name, a_set(*members)).intent for name, members in members_by_name.items()
    }
    rule = intersect_policy_rules(
        PolicyRule("pass", source=RuleEntityMatch(sets=("a",))),
        PolicyRule("allow", source=RuleEntityMatch(sets=("b",))),
        sets,
    )
    (name,) = rule.source.sets
    assert sets.referenced[name].members == ("10.1.0.0/16",)
