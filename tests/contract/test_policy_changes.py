"""Policies change under an interface that they hold on: at no moment is it open, and a crash leaves nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.cnat import (
    CnatFeatureIntent,
    SnatAddressesIntent,
    SnatExclusionIntent,
    SnatMemberIntent,
    TranslationBackend,
    TranslationIntent,
)
from schemas.intents import AdminUpIntent, Intent, UnnumberedIntent
from schemas.npol import InterfacePoliciesIntent, IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch
from tests.contract import cnat_cases, npol_cases
from tests.contract.living import Cut, WriterLife
from tests.contract.machine import Vpp
from tests.contract.steps import LOOP, OTHER_LOOP, index

DENIED = "tcp 10.9.9.9;999->10.0.0.1;81"  # by the state before and the state after
POLICIES = InterfacePoliciesIntent("loop/a", tx=("p",), rx=("q",))
COMMON = (
    LOOP,
    CnatFeatureIntent("loop/a"),
    AdminUpIntent("loop/a", when_policed=True),
    SnatAddressesIntent("192.0.2.7"),
)


def web(port: int) -> PolicyRule:
    return PolicyRule("allow", protocol=6, destination=RuleEntityMatch(ports=((port, port),)))


def to_ports(name: str) -> PolicyRule:
    return PolicyRule("allow", destination=RuleEntityMatch(port_sets=(name,)))


BEFORE: tuple[Intent, ...] = (
    *COMMON,
    SnatMemberIntent("loop/a", "pod"),
    SnatExclusionIntent("10.0.0.0/16"),
    IpSetIntent("ports-1", "ip-port", ("10.0.0.1,6,80", "10.0.0.2,17,53")),
    IpSetIntent("pods", "ip", ("10.0.0.1",)),
    PolicyIntent("p", tx=(web(22), to_ports("ports-1"))),
    PolicyIntent("q", rx=(PolicyRule("deny", source=RuleEntityMatch(sets=("pods",))),)),
    POLICIES,
    TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.0.0.1", 80),)),
    TranslationIntent("10.96.0.2", 80, 6, (TranslationBackend("10.0.0.1", 80),)),
)
AFTER: tuple[Intent, ...] = (
    *COMMON,
    SnatMemberIntent("loop/a", "host"),
    SnatExclusionIntent("10.1.0.0/16"),
    IpSetIntent("ports-2", "ip-port", ("10.0.0.1,6,80",)),
    IpSetIntent("pods", "ip", ("10.0.0.3",)),
    PolicyIntent("p", tx=(web(23), to_ports("ports-2"), web(24))),
    PolicyIntent("new", rx=(web(25),)),
    InterfacePoliciesIntent("loop/a", tx=("p",), rx=("new",)),
    TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.0.0.1", 80),), load_balancer="maglev"),
    TranslationIntent("10.96.0.2", 80, 6, (TranslationBackend("10.0.0.1", 80), TranslationBackend("10.0.0.2", 80))),
)


def vpp_state(vpp: Vpp) -> Any:
    return cnat_cases.cnat_state(vpp), *map(sorted, npol_cases.npol_state(vpp)), npol_cases.interfaces(vpp)


def denies(vpp: Vpp) -> bool:
    """Is the packet denied, and is the interface under policies at all?"""
    question = f"npol match sw_if_index {index(vpp)} outbound {DENIED}"
    return "DENY" in str(vpp.ask("cli_inband", cmd=question).reply)


@pytest.mark.parametrize("answered", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(22))
def test_a_crash_in_a_change_opens_nothing_and_is_mended_by_a_restart(
    call: int, answered: bool, vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    whole = life().want(*AFTER, owner="policy")
    assert whole.unapplied(AFTER, "policy") == {}
    complete = vpp_state(vpp)
    whole.want(*BEFORE, owner="policy")
    assert whole.unapplied(BEFORE, "policy") == {}
    assert denies(vpp), vpp.show("npol interfaces")
    whole.stop()
    cut = life()
    cut.die_at(call, answered=answered)
    with pytest.raises(Cut):
        cut.want(*AFTER, owner="policy")
    assert denies(vpp), vpp.show("npol interfaces")
    cut.crash()
    mended = life().want(*AFTER, owner="policy")
    assert mended.unapplied(AFTER, "policy") == {}
    assert denies(vpp), vpp.show("npol interfaces")
    assert vpp_state(vpp) == complete
    mended.want(owner="policy")
    assert npol_cases.npol_state(vpp) == ([], [], [])
    assert cnat_cases.translations(vpp) == {}


def test_a_restart_with_unchanged_policies_writes_nothing(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    life().want(*BEFORE, owner="policy").crash()
    again = life().want(*BEFORE, owner="policy")
    assert again.writes == 0
    assert again.unapplied(BEFORE, "policy") == {}


def test_a_changed_policy_keeps_its_rules_that_have_not_changed(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    writer = life().want(PolicyIntent("p", tx=(web(1), web(2))), owner="policy")
    before = writer.writes
    writer.want(PolicyIntent("p", tx=(web(2), web(3), web(1))), owner="policy")
    assert writer.writes - before == 2  # one new rule, and the policy


def test_an_interface_is_up_and_closed_until_its_policies_hold(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    def passes() -> bool:
        answers = [
            str(vpp.ask("cli_inband", cmd=f"npol match sw_if_index {index(vpp)} {way} {DENIED}").reply)
            for way in ("inbound", "outbound")
        ]
        assert {"ALLOW" in answer for answer in answers} != {True, False}, answers
        return "ALLOW" in answers[0]

    borrowing = UnnumberedIntent("loop/a", "loop/b", when_policed=True)
    ready = (LOOP, OTHER_LOOP, CnatFeatureIntent("loop/a"), AdminUpIntent("loop/a", when_policed=True), borrowing)
    everything = InterfacePoliciesIntent("loop/a", (), (), (), "allow", "allow", "allow", "allow")
    writer = life().want(*ready, owner="cni")
    assert writer.unapplied(ready, "cni").keys() == {borrowing.key}
    assert int(vpp.interfaces()["loop-a"].flags) & 1
    assert not passes()
    writer.want(everything, owner="policy")
    assert writer.unapplied(ready, "cni") == {}
    assert passes()
    writer.want(owner="policy")
    assert writer.unapplied(ready, "cni").keys() == {borrowing.key}
    assert not passes()
