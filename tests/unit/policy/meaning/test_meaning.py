"""Intents mean what Calico means, for random policies and flows; what cannot be said opens nothing."""

from collections.abc import Callable
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.policy import desired, large_sets
from actors.policy.desired import EnforcedPolicies
from actors.policy.model import FelixIpSet, FelixPolicy, FelixRule, FelixSnapshot
from tests.unit.policy.meaning import worlds
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.reference import Flow, Reference
from tests.unit.policy.meaning.worlds import Dice

WAYS = {"ingress": "tx", "egress": "rx"}
SEEDS = st.integers(0, 2**32)


def verdicts(snapshot: FelixSnapshot, enforced: EnforcedPolicies, flow: Flow) -> list[tuple[str, bool, bool]]:
    """(where, what Calico says, what VPP does), for every place and direction."""
    calico = Reference(snapshot, list(worlds.PODS.values()), list(worlds.UPLINKS.values()))
    vpp = Npol(enforced.intents())
    host = next(iter(snapshot.host_endpoints.values()), None)
    workload = snapshot.workloads.get(worlds.POD_ID)
    places: list[tuple[str, Callable[[Flow, str], bool]]] = [
        ("tun-web", lambda flow, way: calico.pod(workload, flow, way)),
        ("tun-other", lambda flow, way: calico.pod(None, flow, way)),
        ("tap-eth0", lambda flow, way: calico.terminated(host, flow, way)),
        ("uplink-eth0", lambda flow, way: calico.forwarded(host, flow, way)),
    ]
    return [
        (f"{interface} {direction}", says(flow, direction), vpp.allows(interface, flow, way))
        for interface, says in places
        for direction, way in WAYS.items()
    ]


def reported(enforced: EnforcedPolicies) -> bool:
    return any(status.problems for status in enforced.statuses.values())


@given(SEEDS)
def test_vpp_allows_what_calico_allows_and_less_only_where_that_is_reported(seed: int) -> None:
    dice = Dice(seed)
    snapshot, flows = dice.snapshot(), dice.flows()
    enforced = desired.enforced_policies(worlds.world(snapshot))
    for flow in flows:
        for where, calico, vpp in verdicts(snapshot, enforced, flow):
            assert vpp == calico or (reported(enforced) and not vpp), (where, flow)


@given(SEEDS)
def test_sets_in_pieces_mean_what_they_mean_whole(seed: int) -> None:
    dice = Dice(seed)
    snapshot, flows = dice.snapshot(), dice.flows()
    enforced = desired.enforced_policies(worlds.world(snapshot))
    whole = [verdicts(snapshot, enforced, flow) for flow in flows]
    with patch.object(large_sets, "SET_MEMBERS_MAX", 1):
        assert [verdicts(snapshot, enforced, flow) for flow in flows] == whole


@given(SEEDS)
def test_what_is_damaged_or_missing_never_opens_anything(seed: int) -> None:
    dice = Dice(seed)
    snapshot, flows = dice.snapshot(), dice.flows()
    broken = damaged(snapshot, dice.random)
    enforced = desired.enforced_policies(worlds.world(broken))
    for flow in flows:
        for where, calico, vpp in verdicts(snapshot, enforced, flow):
            assert calico or not vpp, (where, flow)


@given(SEEDS)
def test_neither_order_nor_history_changes_the_intents(seed: int) -> None:
    dice = Dice(seed)
    before, after = dice.snapshot(), dice.snapshot()
    world = worlds.world(before)
    desired.enforced_policies(world)
    for field in ("ip_sets", "policies", "profiles"):  # some rows stay the very same
        rows = getattr(after, field)
        rows.update(dice.sample(tuple(getattr(before, field).items()), 2, often=0.8))
    world.snapshot = shuffled(after, dice.random)
    world.pods = dict(reversed(list(world.pods.items())))
    once, again, fresh = (desired.enforced_policies(each) for each in (world, world, worlds.world(after)))
    assert list(once.intents()) == list(again.intents())
    assert {each.key: each for each in once.intents()} == {each.key: each for each in fresh.intents()}
    assert once.statuses == fresh.statuses


@given(SEEDS)
def test_only_sets_and_policies_are_said_that_an_interface_uses(seed: int) -> None:
    vpp = Npol(desired.enforced_policies(worlds.world(Dice(seed).snapshot())).intents())
    attached = vpp.interfaces.values()
    assert set(vpp.policies) == {name for each in attached for name in (*each.rx, *each.tx, *each.profiles)}
    rules = [rule for policy in vpp.policies.values() for rule in (*policy.rx, *policy.tx)]
    sides = [side for r in rules for side in (r.source, r.destination, r.not_source, r.not_destination)]
    assert set(vpp.sets) == {name for side in sides for name in (*side.sets, *side.port_sets)}


def shuffled(snapshot: FelixSnapshot, random: Random) -> FelixSnapshot:
    """The snapshot with its tables in another order."""

    def mixed(table: dict[Any, Any]) -> dict[Any, Any]:
        return dict(random.sample(list(table.items()), len(table)))

    fields = ("config", "ip_sets", "policies", "profiles", "workloads", "host_endpoints")
    return FelixSnapshot(**{field: mixed(getattr(snapshot, field)) for field in fields}, in_sync=True)


def damaged(snapshot: FelixSnapshot, random: Random) -> FelixSnapshot:
    """The snapshot with unreadable members and nets, and without some of its sets, policies and profiles."""

    def spoilt(text: str) -> str:
        return f"?{text}" if random.random() < 0.2 else text

    def rule(intact: FelixRule) -> FelixRule:
        fields = [f"{no}{side}_net" for no in ("", "not_") for side in ("src", "dst")]
        return replace(intact, **{field: tuple(map(spoilt, getattr(intact, field))) for field in fields})

    def policy(intact: FelixPolicy) -> FelixPolicy:
        return FelixPolicy(tuple(map(rule, intact.inbound)), tuple(map(rule, intact.outbound)))

    def most(table: dict[Any, Any]) -> dict[Any, Any]:
        return {key: value for key, value in table.items() if random.random() > 0.1}

    sets = {name: FelixIpSet(s.type, frozenset(map(spoilt, s.members))) for name, s in snapshot.ip_sets.items()}
    return FelixSnapshot(
        config=snapshot.config,
        ip_sets=most(sets),
        policies=most({name: policy(felix_policy) for name, felix_policy in snapshot.policies.items()}),
        profiles=most({name: policy(felix_policy) for name, felix_policy in snapshot.profiles.items()}),
        workloads=snapshot.workloads,
        host_endpoints=snapshot.host_endpoints,
        in_sync=True,
    )
