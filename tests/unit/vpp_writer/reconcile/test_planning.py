"""Claims, plans, retries: any order of intents ends in the same objects, against a VPP that refuses unmet needs."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.kinds import INTENT_KINDS, kind_of_intent
from actors.vpp_writer.kinds.call import IntentRejected
from actors.vpp_writer.reconcile.claims import IntentClaim, IntentClaims
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.plan import WritePlan
from actors.vpp_writer.reconcile.retry import RETRY_FIRST_S, RETRY_LONGEST_S, WriteRetries, WriterPresentTime
from schemas.cnat import (
    CnatFeatureIntent,
    SnatAddressesIntent,
    SnatExclusionIntent,
    SnatMemberIntent,
    TranslationBackend,
    TranslationIntent,
)
from schemas.codec import value_fingerprint
from schemas.intents import (
    EVERY_STATION,
    AddressIntent,
    AdminUpIntent,
    AfPacketIntent,
    AfXdpIntent,
    AnyIntent,
    DevicePortIntent,
    GsoIntent,
    Intent,
    InterfaceTableIntent,
    Ip6Intent,
    LoopbackIntent,
    MtuIntent,
    MulticastRouteIntent,
    MulticastRoutePath,
    NdProxyIntent,
    NeighbourIntent,
    NeighbourLimitsIntent,
    PreconfiguredInterfaceIntent,
    ProxyArpIntent,
    ProxyArpInterfaceIntent,
    PuntIntent,
    PuntRedirectIntent,
    RdmaIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TableIntent,
    TapIntent,
    UnnumberedIntent,
    UrpfIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)
from schemas.npol import InterfacePoliciesIntent, IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch
from schemas.statuses import AppliedStatus, FailedStatus, PendingStatus, RejectedStatus

LOOP = LoopbackIntent("loop/a", "02:00:00:00:00:0a", "loop-a")
TUN = TapIntent("pod/a", "eth0", "/run/netns/a", "tun-a")
TABLE = TableIntent("red", 4)
WORLD: list[Intent] = [
    LOOP,
    TUN,
    TABLE,
    TableIntent("blue", 4),
    InterfaceTableIntent("loop/a", 4, "red"),
    InterfaceTableIntent("pod/a", 4, "red"),
    MtuIntent("pod/a", 9216),
    AdminUpIntent("pod/a"),
    AdminUpIntent("loop/a"),
    UrpfIntent("loop/a", 4, "blue"),
    AddressIntent("loop/a", "10.0.0.1/32"),
    AddressIntent("loop/a", "10.0.0.2/32", when_up=True),
    UnnumberedIntent("pod/a", "loop/a"),
    RouteIntent("red", "0.0.0.0/0", (RoutePath(table="blue"),)),
    RouteIntent("default", "10.0.0.1/32", (RoutePath(interface="pod/a"),)),
]


EVERY_KIND: list[Intent] = [
    *WORLD,
    NeighbourLimitsIntent(4),
    PuntIntent(4, "tcp"),
    AfPacketIntent("uplink/eth0", "eth0", "02:00:00:00:00:01", "main"),
    AfXdpIntent("uplink/eth1", "eth1", "02:00:00:00:00:01", "main"),
    VirtioPciIntent("uplink/eth2", "0000:00:05.0", "02:00:00:00:00:01", "main"),
    Vmxnet3Intent("uplink/eth3", "0000:0b:00.0", "02:00:00:00:00:01", "main"),
    RdmaIntent("uplink/eth4", "eth4", "02:00:00:00:00:01", "main"),
    DevicePortIntent("uplink/eth5", "0000:3b:02.0", "iavf", "02:00:00:00:00:01", "main"),
    PreconfiguredInterfaceIntent("uplink/eth6", "02:00:00:00:00:01", "main"),
    RxModeIntent("pod/a", "polling"),
    GsoIntent("pod/a"),
    Ip6Intent("pod/a"),
    NeighbourIntent("pod/a", "10.0.0.9", "02:00:00:00:00:09"),
    MulticastRouteIntent("red", "224.0.0.0/8", (MulticastRoutePath("pod/a"),)),
    PuntRedirectIntent(4, "red"),
    ProxyArpIntent("red", "10.0.0.1", "10.0.0.9"),
    ProxyArpInterfaceIntent("pod/a"),
    NdProxyIntent("pod/a"),
    SnatAddressesIntent("10.0.0.1"),
    SnatExclusionIntent("10.0.0.0/8"),
    CnatFeatureIntent("pod/a"),
    SnatMemberIntent("pod/a", "pod"),
    TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.0.0.1", 80),)),
    IpSetIntent("set", "ip", ("10.0.0.1",)),
    PolicyIntent("policy", rx=(PolicyRule("allow", source=RuleEntityMatch(sets=("set",))),)),
    InterfacePoliciesIntent("pod/a", ("policy",), (), ()),
    AdminUpIntent("pod/b", when_policed=True, when_checked=True),
]


def bulk_keys(plan: WritePlan) -> list[str]:
    """Keys of the objects that need no plan."""
    return [*(key for key, _ in plan.singles), *(key for bulk in plan.bulks for key in bulk.keys)]


class Model:
    """A VPP that holds keys, and refuses what lacks a need or would be left without one."""

    def __init__(self) -> None:
        self.objects = ManagedObjects()

    def turn(self, now: float = 0.0) -> int:
        """One turn of the writer. Returns how many objects were written or deleted."""
        changes = 0
        while self.objects.has_work(now):
            plan = self.objects.plan(now)
            for group in plan.deletes:
                for key in group:
                    self._delete(key)
                    changes += 1
            for group in plan.writes:
                changes += sum(self._write(key) for key in group)
            changes += sum(self._write(key) for key in bulk_keys(plan))
        return changes

    def _delete(self, key: str) -> None:
        for dependant, held in self.objects.held.items():
            assert key not in kind_of_intent(held.intent).needs(held.intent), (
                f"{key} goes before {dependant}, which needs it"
            )
        self.objects.drop(key)

    def _write(self, key: str) -> bool:
        claim = self.objects.claims.get(key)
        assert claim
        if self.objects.wait_for_needs(key, claim):
            return False
        self.objects.hold(key, HeldObject(claim.owner, claim.intent))
        self.objects.status_review.set(claim.owner, key, AppliedStatus(value_fingerprint(claim.intent), 1))
        return True

    def want(self, intents: Iterable[Intent], owner: str = "guard") -> int:
        rows = {intent.key: intent for intent in intents}
        self.objects.queue.add(self.objects.claims.replace(owner, rows))
        return self.turn()

    def held(self) -> dict[str, Intent]:
        return {key: held.intent for key, held in self.objects.held.items()}


def possible(intents: Iterable[Intent]) -> dict[str, Intent]:
    """What of these can be held: everything whose needs are among them, directly or through others."""
    remaining = {intent.key: intent for intent in intents}
    while unmet := [
        key for key, intent in remaining.items() if kind_of_intent(intent).needs(intent) - remaining.keys()
    ]:
        for key in unmet:
            del remaining[key]
    return remaining


subsets = st.lists(st.sampled_from(WORLD), unique_by=lambda intent: intent.key)


@given(st.lists(subsets, min_size=1, max_size=5))
def test_any_walk_through_subsets_ends_with_exactly_what_can_be_held(walk: list[list[Intent]]) -> None:
    model = Model()
    for step in walk:
        model.want(step)
        assert model.held() == possible(step)
        assert model.want(step) == 0, "said twice: no work"
    model.want([])
    assert model.held() == {}


@given(st.permutations(WORLD))
def test_intents_said_one_by_one_in_any_order_all_come_true(order: list[Intent]) -> None:
    model, said = Model(), []
    for intent in order:
        said.append(intent)
        model.want(said)
    assert model.held() == {intent.key: intent for intent in WORLD}


def test_what_waits_names_what_it_needs() -> None:
    model = Model()
    model.want([AdminUpIntent("pod/a")])
    key = AdminUpIntent("pod/a").key
    assert model.objects.statuses.get("guard", key) == PendingStatus(
        value_fingerprint(AdminUpIntent("pod/a")), ("interface/pod/a",)
    )


def test_a_change_that_vpp_can_make_in_place_touches_nothing_else() -> None:
    model = Model()
    model.want(WORLD)
    changed = [MtuIntent("pod/a", 1500) if isinstance(intent, MtuIntent) else intent for intent in WORLD]
    assert model.want(changed) == 1


def test_an_interface_does_not_go_down_for_being_checked_from_now_on() -> None:
    model = Model()
    model.want(WORLD)
    checked = AdminUpIntent("pod/a", when_checked=True)
    now_checked = [checked if intent.key == checked.key else intent for intent in WORLD]
    assert model.want(now_checked) == 0, "what checks it is not there yet: it stays up as it is"
    tables = (TableIntent("sources", 4), TableIntent("sources", 6))
    assert (
        model.want([*now_checked, *tables, UrpfIntent("pod/a", 4, "sources"), UrpfIntent("pod/a", 6, "sources")]) == 5
    )
    assert model.held()[checked.key] == checked


def test_a_new_binding_to_a_table_takes_addresses_and_routes_with_it() -> None:
    model = Model()
    bound = (InterfaceTableIntent("loop/a", 4, "red"), InterfaceTableIntent("pod/a", 4, "red"))
    model.want([intent for intent in WORLD if intent not in bound])
    changes = model.want(WORLD)
    again = {"address/loop/a/10.0.0.1/32", "address/loop/a/10.0.0.2/32", "unnumbered/pod/a"}
    assert again < model.held().keys()
    assert changes > len(bound) + len(again)


def test_a_route_that_leaves_an_interface_which_goes_is_written_once() -> None:
    ways = [LoopbackIntent(name, f"02:00:00:00:00:0{n}", name) for n, name in enumerate("ab")]
    route_a, route_b = (RouteIntent("default", "10.0.0.0/24", (RoutePath(interface=name),)) for name in "ab")
    model = Model()
    assert model.want([*ways, route_a]) == 3
    assert model.want([ways[1], route_b]) == 3, "the route goes, its interface goes, the new route comes"
    assert model.held() == {one.key: one for one in (ways[1], route_b)}


def test_the_first_owner_keeps_a_key_and_the_other_is_told() -> None:
    model = Model()
    model.want([LOOP], owner="routing")
    model.want([LOOP], owner="cni")
    assert model.objects.held[LOOP.key].owner == "routing"
    assert model.objects.statuses.get("cni", LOOP.key) == RejectedStatus(value_fingerprint(LOOP), "owned by routing")
    model.want([], owner="routing")
    model.objects.status_review.forget_unwanted(model.objects.held)
    claim = model.objects.claims.get(LOOP.key)
    assert claim is not None
    assert claim.owner == "cni"
    assert LOOP.key in model.held()


def test_of_two_that_claim_at_once_the_first_by_name_has_it() -> None:
    claims = IntentClaims()
    claims.set("routing", LOOP.key, LOOP)
    claims.set("cni", LOOP.key, LOOP)
    assert claims.get(LOOP.key) == IntentClaim("routing", LOOP), "who was first keeps it"
    claims.set("routing", LOOP.key, None)
    assert claims.get(LOOP.key) == IntentClaim("cni", LOOP)


def test_a_shared_object_stays_until_its_last_owner_leaves_it() -> None:
    model, applied = Model(), AppliedStatus(value_fingerprint(TABLE), 1)
    model.want([TABLE], owner="guard")
    assert model.want([TABLE], owner="cni") == 0
    assert model.objects.statuses.get("cni", TABLE.key) == applied
    assert model.want([], owner="guard") == 0, "the other still needs it"
    model.objects.confirm_statuses(1)
    assert model.objects.statuses.get("guard", TABLE.key) is None
    assert model.objects.statuses.get("cni", TABLE.key) == applied
    model.want([], owner="cni")
    assert TABLE.key not in model.held()


def test_a_shared_object_that_two_want_differently_belongs_to_the_first() -> None:
    model = Model()
    model.want([TABLE], owner="guard")
    with_id = TableIntent("red", 4, table_id=99)
    model.want([with_id], owner="cni")
    assert model.objects.statuses.get("cni", TABLE.key) == RejectedStatus(value_fingerprint(with_id), "owned by guard")


def test_needs_lead_to_lower_ranks_so_that_nothing_can_wait_for_itself() -> None:
    by_prefix = {intent.key.split("/")[0]: kind_of_intent(intent).rank for intent in EVERY_KIND}
    assert {type(intent) for intent in EVERY_KIND} == set(INTENT_KINDS)
    for intent in EVERY_KIND:
        for need in kind_of_intent(intent).needs(intent):
            assert by_prefix[need.split("/")[0]] < kind_of_intent(intent).rank, f"{intent.key} needs {need}"


UNFIT: list[tuple[Intent, str]] = [
    (TableIntent("x" * 70, 4), "name"),
    (TableIntent("red", 5), "ip_version"),
    (TapIntent("pod/a", "a-name-that-is-too-long", "/n", "t"), "host_interface"),
    (TapIntent("pod/a", "eth0", "/n", "t", rx_ring=1000), "rx_ring"),
    (TapIntent("pod/a", "eth0", "/n", "t", host_mac="02:00:00:00:00:01"), "mac"),
    (TapIntent("pod/a", "eth0", "/n", "t", mtu=7), "mtu"),
    (LoopbackIntent("l", "01:00:00:00:00:01", "t"), "mac"),
    (LoopbackIntent("l", "02:00:00:00:00:01", "schön"), "tag"),
    (MtuIntent("pod/a", 70_000), "mtu"),
    (RxModeIntent("pod/a", "sometimes"), "mode"),
    (AddressIntent("pod/a", "10.0.0.300/32"), "address"),
    (RouteIntent("default", "10.0.0.1/24", (RoutePath(),)), "prefix"),
    (RouteIntent("default", "10.0.0.0/24", ()), "paths"),
    (RouteIntent("default", "10.0.0.0/24", (RoutePath(next_hop="fd00::1"),)), "next_hop"),
    (RouteIntent("default", "10.0.0.0/24", (RoutePath(next_hop=EVERY_STATION),)), "next_hop"),
    (RouteIntent("default", "10.0.0.0/24", (RoutePath(interface="a", table="red"),)), "paths"),
    (NeighbourLimitsIntent(4, age_s_max=-1), "age_s_max"),
    (ProxyArpIntent("red", "10.0.0.9", "10.0.0.1"), "low"),
    (UrpfIntent("pod/a", 5, "red"), "ip_version"),
]


@pytest.mark.parametrize(("intent", "field"), UNFIT)
def test_an_intent_that_can_never_be_is_rejected_by_field_and_the_others_live(intent: Intent, field: str) -> None:
    with pytest.raises(IntentRejected, match=f"^{field}: "):
        kind_of_intent(intent).check(intent)
    model = Model()
    model.want([intent, NeighbourLimitsIntent(6)])
    status = model.objects.statuses.get("guard", intent.key)
    assert isinstance(status, RejectedStatus)
    assert NeighbourLimitsIntent(6).key in model.held()


@pytest.mark.parametrize(("intent", "field"), [one for one in UNFIT if one[0].key == "route/default/10.0.0.0/24"])
def test_a_route_that_becomes_one_that_can_never_be_goes(intent: Intent, field: str) -> None:
    model = Model()
    model.want([RouteIntent("default", "10.0.0.0/24", (RoutePath(),))])
    model.want([intent])
    assert model.held() == {}
    status = model.objects.statuses.get("guard", intent.key)
    assert isinstance(status, RejectedStatus)
    assert status.reason.startswith(f"{field}: ")


def test_a_failed_object_is_tried_again_later_and_later_until_it_changes() -> None:
    retries, now, waits = WriteRetries(), 0.0, []
    for _ in range(12):
        due = retries.failed("k", 1, now)
        assert retries.blocked("k", 1, now)
        assert not retries.blocked("k", 2, now), "another value is tried at once"
        waits.append(due - now)
        now = due
        assert retries.due(now) == {"k"}
    assert waits[:3] == [RETRY_FIRST_S, 2 * RETRY_FIRST_S, 4 * RETRY_FIRST_S]
    assert waits[-1] == RETRY_LONGEST_S


def test_a_failure_says_when_it_is_tried_again() -> None:
    model = Model()
    model.objects.claims.set("guard", LOOP.key, LOOP)
    claim = model.objects.claims.get(LOOP.key)
    assert claim
    model.objects.fail(LOOP.key, claim, "create_loopback: UNSPECIFIED", WriterPresentTime(100.0, 1_800_000_000.0))
    status = model.objects.statuses.get("guard", LOOP.key)
    assert status == FailedStatus(
        value_fingerprint(LOOP), "create_loopback: UNSPECIFIED", 1_800_000_000.0 + RETRY_FIRST_S
    )
    assert model.objects.target(LOOP.key, 100.1) is None
    assert model.objects.target(LOOP.key, 100.0 + RETRY_FIRST_S) == LOOP


def test_every_kind_of_intent_has_a_kind() -> None:
    assert set(INTENT_KINDS) == set(AnyIntent.__args__)
    assert all(kind.intent is intent for intent, kind in INTENT_KINDS.items())
