"""What npol lets pass: rules, policies, profiles, defaults, and what becomes of what is deleted too early."""

from dataclasses import replace

import pytest

from tests.unit.vppsim.bench import packed
from tools.vppsim.cnat.hooks import PolicyHooks
from tools.vppsim.npol.match import matches, passes
from tools.vppsim.npol.objects import (
    ALLOW,
    DEFAULT_ALLOW,
    DEFAULT_DENY,
    DEFAULT_PASS,
    DENY,
    DST,
    ICMP_TYPE,
    IP,
    IP_AND_PORT,
    L4_PROTO,
    LOG,
    NET,
    NOT_DST,
    NOT_SRC,
    PASS,
    RX,
    SRC,
    TX,
    NpolFilter,
    NpolInterfaceConfig,
    NpolIpSet,
    NpolPolicy,
    NpolRule,
    Prefix,
    ThreeTuple,
)
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.packets.flow import Flow


def prefix(text: str) -> Prefix:
    address, length = text.split("/")
    return Prefix(packed(address), int(length))


FLOW = Flow(4, 6, packed("10.0.0.1"), packed("10.0.0.2"), 1000, 80)
FLOW6 = Flow(6, 6, packed("fd00::1"), packed("fd00::2"), 1000, 80)


@pytest.fixture
def npol() -> Npol:
    return Npol(PolicyHooks())


def entries(*, side: int = SRC, **lists: object) -> NpolRule:
    rule = NpolRule(ALLOW)
    for name, value in lists.items():
        getattr(rule, name)[side].extend(value)
    return rule


def add_set(npol: Npol, kind: int, *members: object) -> int:
    ip_set = NpolIpSet(kind)
    for member in members:
        ip_set.members.allocate(member)  # type: ignore[arg-type]
    return npol.sets.allocate(ip_set)


def test_a_rule_without_conditions_matches_both_families(npol: Npol) -> None:
    assert matches(npol, NpolRule(ALLOW), FLOW)
    assert matches(npol, NpolRule(ALLOW), FLOW6)


def test_prefixes_count_for_their_family_only_and_one_of_several_is_enough(npol: Npol) -> None:
    rule = entries(prefixes=[prefix("10.1.0.0/16"), prefix("10.0.0.0/24")])
    assert matches(npol, rule, FLOW)
    assert not matches(npol, rule, FLOW6)


@pytest.mark.parametrize(("side", "expected"), [(SRC, True), (DST, False), (NOT_SRC, False), (NOT_DST, True)])
def test_sides_and_signs(npol: Npol, side: int, expected: bool) -> None:
    assert matches(npol, entries(side=side, prefixes=[prefix("10.0.0.1/32")]), FLOW) is expected
    clients = add_set(npol, IP, packed("10.0.0.1"))
    assert matches(npol, entries(side=side, sets=[clients]), FLOW) is expected
    net = add_set(npol, NET, prefix("10.0.0.0/31"))
    assert matches(npol, entries(side=side, sets=[net]), FLOW) is expected
    ports = entries(side=side, ports=[(1000, 1000)])
    assert matches(npol, ports, FLOW) is expected


def test_a_range_or_a_set_of_ports_is_enough_whatever_the_protocol(npol: Npol) -> None:
    ports = add_set(npol, IP_AND_PORT, ThreeTuple(packed("10.0.0.2"), 6, 80))
    rule = entries(side=DST, ports=[(1, 10)], port_sets=[ports])
    assert matches(npol, rule, FLOW)
    assert not matches(npol, rule, replace(FLOW, protocol=17))
    assert matches(npol, rule, replace(FLOW, protocol=17, destination_port=5))


def test_kinds_of_entries_must_all_hold(npol: Npol) -> None:
    strangers = add_set(npol, IP, packed("10.0.0.9"))
    assert not matches(npol, entries(prefixes=[prefix("10.0.0.0/8")], sets=[strangers]), FLOW)


def test_protocol_filters_and_icmp_types(npol: Npol) -> None:
    def filtered(*filters: NpolFilter) -> NpolRule:
        return NpolRule(ALLOW, list(filters))

    assert matches(npol, filtered(NpolFilter(L4_PROTO, 6, True)), FLOW)
    assert not matches(npol, filtered(NpolFilter(L4_PROTO, 6, False)), FLOW)
    assert not matches(npol, filtered(NpolFilter(ICMP_TYPE, 8, True)), FLOW)
    assert matches(npol, filtered(NpolFilter(ICMP_TYPE, 1000, True)), replace(FLOW, protocol=1))  # the identifier


def policy(npol: Npol, *actions: int, direction: int = RX) -> int:
    npol_policy = NpolPolicy()
    npol_policy.rules[direction].extend(npol.rules.allocate(NpolRule(action)) for action in actions)
    return npol.policies.allocate(npol_policy)


def configured(
    rx: list[int], profiles: list[int], default: int, profile_default: int = DEFAULT_DENY
) -> NpolInterfaceConfig:
    return NpolInterfaceConfig((rx, []), profiles, False, (default, DEFAULT_ALLOW), (profile_default, DEFAULT_ALLOW))


@pytest.mark.parametrize(
    ("actions", "default", "expected"),
    [
        ([ALLOW], DEFAULT_DENY, True),
        ([DENY], DEFAULT_ALLOW, False),
        ([], DEFAULT_ALLOW, True),
        ([], DEFAULT_DENY, False),
        ([LOG, ALLOW], DEFAULT_DENY, False),
    ],
)
def test_the_first_rule_decides_and_else_the_default(
    npol: Npol, actions: list[int], default: int, expected: bool
) -> None:
    config = configured([policy(npol, *actions)], [], default)
    assert passes(npol, config, FLOW, inbound=True) is expected


def test_a_rule_that_logs_ends_its_policy_and_the_next_goes_on(npol: Npol) -> None:
    config = configured([policy(npol, LOG, DENY), policy(npol, ALLOW)], [], DEFAULT_DENY)
    assert passes(npol, config, FLOW, inbound=True)


def test_pass_goes_to_the_profiles_and_skips_the_other_policies(npol: Npol) -> None:
    policies = [policy(npol, PASS), policy(npol, DENY)]
    assert passes(npol, configured(policies, [policy(npol, ALLOW)], DEFAULT_DENY), FLOW, inbound=True)
    assert not passes(npol, configured(policies, [], DEFAULT_ALLOW), FLOW, inbound=True)
    assert not passes(
        npol, configured(policies, [policy(npol, PASS)], DEFAULT_ALLOW, DEFAULT_ALLOW), FLOW, inbound=True
    )


def test_a_default_that_passes_asks_the_profiles(npol: Npol) -> None:
    config = configured([], [policy(npol)], DEFAULT_PASS, DEFAULT_ALLOW)
    assert passes(npol, config, FLOW, inbound=True)
    assert not passes(npol, configured([], [], DEFAULT_PASS, DEFAULT_PASS), FLOW, inbound=True)


def test_an_inverted_interface_swaps_the_directions(npol: Npol) -> None:
    config = replace(configured([policy(npol, DENY)], [], DEFAULT_ALLOW), invert=True)
    assert passes(npol, config, FLOW, inbound=True)
    assert not passes(npol, config, FLOW, inbound=False)


def test_a_freed_rule_that_is_still_referenced_matches_everything(npol: Npol) -> None:
    rule = npol.rules.allocate(entries(prefixes=[prefix("192.0.2.0/24")]))
    npol_policy = NpolPolicy()
    npol_policy.rules[TX].append(rule)
    index = npol.policies.allocate(npol_policy)
    configuration = NpolInterfaceConfig(
        ([], [index]), [], False, (DEFAULT_DENY, DEFAULT_DENY), (DEFAULT_DENY, DEFAULT_DENY)
    )
    assert not passes(npol, configuration, FLOW, inbound=False)
    npol.rules.slots[rule] = npol.rules.slots[rule].freed()
    npol.rules.free(rule)
    assert passes(npol, configuration, FLOW, inbound=False)


def test_freed_slots_are_given_out_again_the_last_first(npol: Npol) -> None:
    first, second = npol.policies.allocate(NpolPolicy()), npol.policies.allocate(NpolPolicy())
    npol.policies.free(first)
    npol.policies.free(second)
    assert [npol.policies.allocate(NpolPolicy()), npol.policies.allocate(NpolPolicy())] == [second, first]


def test_removing_from_a_set_of_ports_takes_those_of_other_ports_with_it() -> None:
    members = [
        ThreeTuple(packed("10.0.0.1"), 6, 80),
        ThreeTuple(packed("10.0.0.2"), 6, 80),
        ThreeTuple(packed("10.0.0.1"), 17, 53),
    ]
    ip_set = NpolIpSet(IP_AND_PORT)
    for member in members:
        ip_set.members.allocate(member)
    ip_set.remove(members[0])
    assert [member for _, member in ip_set.members] == [members[1]]


def test_doubled_members_are_kept_and_all_removed() -> None:
    ip_set = NpolIpSet(IP)
    for _ in range(2):
        ip_set.members.allocate(packed("10.0.0.1"))
    assert len(list(ip_set.members)) == 2
    ip_set.remove(packed("10.0.0.1"))
    assert list(ip_set.members) == []
