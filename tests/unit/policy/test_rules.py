"""One rule of Felix's as VPP's, and sets, case by case."""

from typing import Any

import pytest

from actors.policy import ipsets
from actors.policy.model import FelixIpSet, FelixRule
from actors.policy.rules import IpSetsForRules, compile_policy_rule
from schemas.npol import PolicyRule, RuleEntityMatch
from tests.unit.policy.worlds import a_set

SETS = {
    "net": a_set("10.0.0.0/24", "10.1.0.0/24"),
    "small": a_set("10.0.0.7/32", "10.2.0.0/16"),
    "ports": a_set("10.0.0.1,tcp:80", "10.0.0.1,udp:53", kind="ip-port"),
    "damaged": a_set("10.0.0.0/24", "10.0.0.0/33"),
}


def rule(action: str, **fields: Any) -> tuple[PolicyRule | None, list[str]]:
    return compile_policy_rule(
        FelixRule(action, **fields),
        IpSetsForRules({name: ipsets.compile_ip_set(name, felix_set) for name, felix_set in SETS.items()}),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PolicyRule("allow")),
        ({"protocol": "tcp"}, PolicyRule("allow", 6)),
        ({"protocol": 132}, PolicyRule("allow", 132)),
        ({"not_protocol": "UDP"}, PolicyRule("allow", None, 17)),
        ({"src_net": ("10.0.0.7/24",)}, PolicyRule("allow", source=RuleEntityMatch(("10.0.0.0/24",)))),
        ({"ip_version": 6}, PolicyRule("allow", source=RuleEntityMatch(("::/0",)))),
        (
            {"ip_version": 4, "dst_net": ("10.0.0.0/8", "::/0")},
            PolicyRule("allow", destination=RuleEntityMatch(("10.0.0.0/8",))),
        ),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 0}, PolicyRule("allow", 1)),
        ({"protocol": "icmpv6", "not_icmp_type": 3}, PolicyRule("allow", 58)),
        ({"not_dst_ip_set_ids": ("net",)}, PolicyRule("allow", not_destination=RuleEntityMatch(sets=("s:net",)))),
    ],
)
def test_a_condition_becomes_its_word(fields: dict[str, Any], expected: PolicyRule) -> None:
    assert rule("allow", **fields) == (expected, [])


def test_named_ports_are_beside_the_numbers() -> None:
    compiled, problems = rule("allow", protocol=6, dst_ports=((80, 90),), dst_named_port_ip_set_ids=("ports",))
    name = ipsets.compile_ip_set("ports", SETS["ports"]).intent.name
    assert compiled == PolicyRule("allow", 6, destination=RuleEntityMatch(ports=((80, 90),), port_sets=(name,)))
    assert problems == []


@pytest.mark.parametrize(
    "fields",
    [
        {"ip_version": 4, "src_net": ("fd00::/8",)},
    ],
)
def test_a_rule_that_can_never_match_is_left_out(fields: dict[str, Any]) -> None:
    assert rule("allow", **fields) == (None, [])


@pytest.mark.parametrize("action", ["allow", "deny", "pass"])
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"protocol": "icmp", "icmp_type": 3}, "icmp_type: 3: VPP lets it pass unasked"),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 1}, "icmp_type: 8/1: VPP lets it pass unasked"),
        ({"protocol": "icmpv6", "icmp_type": 135}, "icmp_type: 135: VPP lets it pass unasked"),
        ({"protocol": "icmp", "not_icmp_type": 8}, "not_icmp_type: 8: VPP lets all other types pass unasked"),
    ],
)
def test_of_icmp_that_vpp_does_not_ask_about_it_is_said_that_it_passes(
    action: str, fields: dict[str, Any], problem: str
) -> None:
    assert rule(action, **fields) == (None, [problem])


@pytest.mark.parametrize(
    "fields",
    [
        {"src_ip_set_ids": ("missing",)},
        {"src_ip_set_ids": ("ports",)},
        {"not_src_ip_set_ids": ("damaged",)},
        {"not_src_net": ("10.0.0.0/33",)},
        {"src_net": ("10.0.0.0/33",)},
        {"protocol": "what"},
        {"protocol": 300},
        {"dst_ports": ((80, 80),)},
        {"protocol": 6, "dst_ports": ((90, 80),)},
        {"protocol": 6, "dst_ports": ((80, 80),), "dst_ip_port_set_ids": ("ports",)},
        {"not_icmp_type": 8},
    ],
)
def test_what_cannot_be_said_is_reported_and_lets_nothing_pass(fields: dict[str, Any]) -> None:
    allowing, passing = rule("allow", **fields), rule("pass", **fields)
    assert allowing[0] is None
    assert allowing[1]
    assert passing[0] is not None
    assert passing[0].action == "deny"
    assert passing[1]


def test_a_rule_that_denies_does_so_without_what_cannot_be_said() -> None:
    compiled, problems = rule("deny", protocol="tcp", src_ip_set_ids=("damaged",))
    assert compiled == PolicyRule("deny", 6)
    assert len(problems) == 1


def test_a_damaged_set_still_names_who_is_let_in() -> None:
    compiled, problems = rule("allow", src_ip_set_ids=("damaged",))
    assert compiled == PolicyRule("allow", source=RuleEntityMatch(sets=("s:damaged",)))
    assert problems == []


def test_logging_is_left_out_and_said_and_an_unknown_action_denies() -> None:
    assert rule("log") == (None, ["action: log: VPP logs no packets: the rule is left out"])
    compiled, problems = rule("shout")
    assert compiled == PolicyRule("deny")
    assert "shout" in problems[0]


def test_several_sets_that_must_all_hold_become_their_intersection() -> None:
    sets = IpSetsForRules({name: ipsets.compile_ip_set(name, felix_set) for name, felix_set in SETS.items()})
    compiled, _ = compile_policy_rule(FelixRule("allow", src_ip_set_ids=("net", "small")), sets)
    assert compiled is not None
    (name,) = compiled.source.sets
    assert sets.referenced[name].members == ("10.0.0.7/32",)


def test_members_are_canonical_sorted_and_each_once() -> None:
    assert ipsets.compile_ip_set("x", a_set("10.0.0.9/24", "10.0.0.0/24", "FD00::1/128")).intent.members == (
        "10.0.0.0/24",
        "fd00::1/128",
    )
    assert ipsets.compile_ip_set("x", a_set("10.0.0.1,tcp:80", kind="ip-port")).intent.members == ("10.0.0.1,6,80",)


@pytest.mark.parametrize("member", ["10.0.0.1", "10.0.0.1,tcp", "10.0.0.1,gre:1", "10.0.0.1,tcp:70000", "x,tcp:1"])
def test_a_member_that_cannot_be_read_is_named_and_left_out(member: str) -> None:
    compiled = ipsets.compile_ip_set("x", a_set(member, "10.0.0.1,udp:1", kind="ip-port"))
    assert compiled.intent.members == ("10.0.0.1,17,1",)
    assert len(compiled.problems) == 1
    assert repr(member) in compiled.problems[0]


def test_a_set_of_addresses_with_ports_gets_another_name_when_it_changes() -> None:
    first, second = (
        ipsets.compile_ip_set("x", FelixIpSet("ip-port", frozenset(m))).intent for m in (["10.0.0.1,tcp:1"], [])
    )
    assert first.name != second.name
