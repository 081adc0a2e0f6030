"""Tiers in VPP's two stages: which policies an interface gets, and where the limits are."""

from collections.abc import Sequence

from actors.policy.model import FelixPolicy, FelixPolicyId, FelixRule, FelixSnapshot, FelixTier, FelixWorkload
from schemas.npol import InterfacePoliciesIntent, PolicyIntent
from tests.unit.policy.worlds import KEY, POD, WEB, enforced, intents, policy, world

ALLOW, PASS, DENY = (FelixPolicy((FelixRule(action, protocol=6),)) for action in ("allow", "pass", "deny"))
PROFILE = {"p": FelixPolicy((FelixRule("allow"),), (FelixRule("allow"),))}


def snapshot_with(*policies: FelixPolicy, default: str = "Deny") -> FelixSnapshot:
    """A tier of each policy, in order: a, b, c..., on ingress."""
    names = [policy(name) for name in "abcdef"[: len(policies)]]
    tiers = tuple(FelixTier(name.name, ingress=(name,), default_action=default) for name in names)
    table: dict[FelixPolicyId, FelixPolicy] = dict(zip(names, policies, strict=True))
    workload = FelixWorkload(profiles=("p",), tiers=tiers)
    return FelixSnapshot(policies=table, profiles=PROFILE, workloads={WEB: workload}, in_sync=True)


def pod_policies(snapshot: FelixSnapshot) -> InterfacePoliciesIntent:
    intent = intents(world(snapshot))[f"interface-policies/{POD.interface}"]
    assert isinstance(intent, InterfacePoliciesIntent)
    return intent


def short(names: Sequence[str]) -> list[str]:
    return [name.removeprefix("calico/NetworkPolicy/default/").removeprefix("vppd/") for name in names]


def test_tiers_that_never_pass_are_one_list() -> None:
    intent = pod_policies(snapshot_with(ALLOW, DENY))
    assert short(intent.tx) == ["from-host", "a", "deny-all", "b", "deny-all"]
    assert (intent.tx_default, intent.profiles, intent.tx_profile_default) == ("pass", ("profile/p",), "deny")


def test_a_tier_whose_default_is_pass_has_no_end() -> None:
    assert short(pod_policies(snapshot_with(ALLOW, DENY, default="Pass")).tx) == ["from-host", "a", "b"]


def test_a_last_tier_that_passes_goes_on_to_the_profiles() -> None:
    intent = pod_policies(snapshot_with(ALLOW, PASS))
    assert short(intent.tx) == ["from-host", "a", "deny-all", "b+pass-tx", "deny-all"]
    assert intent.profiles == ("profile/p",)


def test_tiers_behind_one_that_passes_become_profiles_of_that_direction() -> None:
    intent = pod_policies(snapshot_with(PASS, ALLOW))
    assert short(intent.tx) == ["from-host", "a+pass-tx", "deny-all"]
    assert short(intent.profiles) == ["profile/p#rx", "b#tx", "deny-all#tx", "profile/p#tx"]


def test_where_several_tiers_pass_all_is_written_out_as_one_policy() -> None:
    snapshot = snapshot_with(PASS, PASS, ALLOW)
    names = pod_policies(snapshot).tx
    assert names[0] == "vppd/from-host"
    assert names[1].startswith("vppd/chain/")
    chain = intents(world(snapshot))[f"policy/{names[1]}"]
    assert isinstance(chain, PolicyIntent)
    assert [(rule.action, rule.protocol) for rule in chain.tx][:2] == [("allow", 6), ("deny", 6)]


def test_what_would_be_written_out_without_end_is_closed_and_reported() -> None:
    passing = FelixPolicy(tuple(FelixRule("pass", src_net=(f"10.0.{n}.0/24",)) for n in range(60)))
    result = enforced(world(snapshot_with(passing, passing, FelixPolicy((FelixRule("allow"),) * 60))))
    intent = result.attached[f"interface-policies/{POD.interface}"].intent
    assert short(intent.tx) == ["from-host", "deny-all"]
    assert intent.tx_default == "deny"
    status = result.statuses[f"workload/{KEY}"]
    assert status.state == "error"
    assert "rules" in status.problems[0]
