"""One turn of an actor: nothing before everything is heard, nothing twice, order does not matter."""

from collections.abc import Mapping
from itertools import permutations
from typing import ClassVar

import pytest

from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import offline_actor_context
from actors.runtime.decision import ActorDecision, intents_by_key
from actors.runtime.realised import IntentRealisation, IntentsNotRealised
from actors.runtime.turns import ActorTurns
from bus.subscriptions import StreamChange, StreamSynced
from schemas.codec import value_fingerprint
from schemas.config import NodeConfig
from schemas.facts import IpPoolFact, NodeFact
from schemas.intents import Intent, RouteIntent, RoutePath
from schemas.statuses import AppliedStatus, FailedStatus, PendingStatus, RejectedStatus


class Router(Actor):
    """A manager small enough to see through: a route to each node for each pool."""

    name: ClassVar[str] = "router"

    def __init__(self) -> None:
        super().__init__(offline_actor_context("router", NodeConfig()))
        self.nodes: dict[str, NodeFact] = {}
        self.pools: dict[str, IpPoolFact] = {}
        self.reasons: list[str] = []

    @hears_fact(NodeFact)
    def node(self, key: str, value: NodeFact | None) -> None:
        store_fact(self.nodes, key, value)

    @hears_fact(IpPoolFact)
    def pool(self, key: str, value: IpPoolFact | None) -> None:
        store_fact(self.pools, key, value)

    def waits_for(self) -> list[str]:
        return self.reasons

    def decide(self) -> ActorDecision:
        hops = tuple(RoutePath(next_hop=n.ip4) for _, n in sorted(self.nodes.items()))
        pools = sorted(self.pools.values(), key=lambda p: p.cidr)
        return ActorDecision(
            intents_by_key(RouteIntent("default", pool.cidr, hops) for pool in pools), edges={"nodes": set(self.nodes)}
        )


class Heir(Router):
    """A router that takes over what an earlier life had said."""

    name: ClassVar[str] = "heir"
    recalls: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.recalled: list[str] = []

    def recall(self, intents: Mapping[str, Intent]) -> None:
        self.recalled += intents

    def awaits_recall(self, waited_s: float) -> str:
        return "an earlier life" if waited_s <= 2.0 else ""


NODE_A = StreamChange("node", "kube-watch", "a", NodeFact(ip4="192.0.2.1"))
NODE_B = StreamChange("node", "kube-watch", "b", NodeFact(ip4="192.0.2.2"))
OTHER_POOL = StreamChange("ip-pool", "kube-watch", "q", IpPoolFact(cidr="10.1.0.0/16"))
POOL = StreamChange("ip-pool", "kube-watch", "p", IpPoolFact(cidr="10.0.0.0/16"))
SYNCED = [StreamSynced("node", "kube-watch"), StreamSynced("ip-pool", "kube-watch")]
ROUTE = RouteIntent("default", "10.0.0.0/16", (RoutePath(next_hop="192.0.2.1"), RoutePath(next_hop="192.0.2.2")))


def test_nothing_is_said_before_every_stream_is_in_sync() -> None:
    turns = ActorTurns(Router())
    turns.hear([NODE_A, POOL, SYNCED[0]])
    assert turns.decide() is None
    assert turns.waiting() == ("kube-watch: ip-pool",)
    assert not turns.heard_all
    turns.hear([SYNCED[1]])
    assert turns.heard_all
    assert turns.decide() is not None


@pytest.mark.parametrize("walk", list(permutations([NODE_A, NODE_B, POOL])))
def test_all_roads_lead_to_the_same_intents(walk: tuple[StreamChange, ...]) -> None:
    turns = ActorTurns(Router())
    for change in walk:
        turns.hear([change, change])
    turns.hear(SYNCED)
    assert turns.decide() == ActorDecision({ROUTE.key: ROUTE}, {}, {"nodes": {"a", "b"}})


def test_what_has_not_changed_is_the_very_object_of_the_decision_before() -> None:
    turns = ActorTurns(Router())
    turns.hear([NODE_A, NODE_B, POOL, *SYNCED])
    first = turns.decide()
    turns.hear([OTHER_POOL])
    second = turns.decide()
    assert first
    assert first.intents
    assert second
    assert second.intents
    assert set(second.intents) == {ROUTE.key, "route/default/10.1.0.0/16"}
    assert second.intents[ROUTE.key] is first.intents[ROUTE.key]


def test_an_earlier_life_is_waited_for_and_handed_over_once_before_the_first_decision() -> None:
    heir = Heir()
    turns = ActorTurns(heir)
    turns.hear(SYNCED)
    assert turns.decide(waited_s=1.0) is None
    assert turns.waiting(1.0) == ("an earlier life",)
    turns.recall({ROUTE.key: ROUTE})
    turns.recall({"another": ROUTE})
    assert turns.decide(waited_s=1.0)
    assert heir.recalled == [ROUTE.key]


def test_an_earlier_life_that_is_told_of_too_late_is_not_heard_any_more() -> None:
    heir = Heir()
    turns = ActorTurns(heir)
    turns.hear(SYNCED)
    assert turns.decide(waited_s=2.1)
    turns.recall({ROUTE.key: ROUTE})
    assert heir.recalled == [], "by now these are our own words"


def test_a_turn_without_news_decides_nothing() -> None:
    turns = ActorTurns(Router())
    turns.hear([NODE_A, POOL, *SYNCED])
    assert turns.decide()
    assert turns.decide() is None
    turns.hear([StreamChange("process", "bus", "cni", None)])
    assert turns.decide() is None, "what it does not hear does not wake it"


def test_an_actor_that_waits_says_why_and_speaks_when_it_may() -> None:
    router = Router()
    router.reasons = ["gobgpd: away"]
    turns = ActorTurns(router)
    turns.hear([NODE_A, POOL, *SYNCED])
    assert turns.decide() is None
    assert turns.waiting() == ("gobgpd: away",)
    router.reasons = []
    assert turns.decide()


APPLIED = AppliedStatus(value_fingerprint(ROUTE), 1, {"n": 1})


def test_an_intent_is_realised_when_this_very_value_is_applied() -> None:
    wish = IntentRealisation([ROUTE])
    assert wish.applied({}) is None
    assert wish.applied({ROUTE.key: AppliedStatus(value_fingerprint(ROUTE) ^ 1, 1)}) is None, (
        "an earlier value's status"
    )
    assert wish.applied({ROUTE.key: APPLIED}) == {ROUTE.key: APPLIED}


def test_a_rejected_intent_ends_the_wait_at_once() -> None:
    with pytest.raises(IntentsNotRealised, match=r"^route/default/10\.0\.0\.0/16: rejected: prefix"):
        IntentRealisation([ROUTE]).applied({ROUTE.key: RejectedStatus(value_fingerprint(ROUTE), "prefix: not one")})


def test_what_is_missing_is_told_with_the_failure_before_what_only_waits() -> None:
    unapplied = RouteIntent("default", "10.9.0.0/16", ())
    statuses = {
        ROUTE.key: PendingStatus(value_fingerprint(ROUTE), ("table/default/ip4",)),
        unapplied.key: FailedStatus(value_fingerprint(unapplied), "NO_SUCH_FIB", 0.0),
    }
    assert IntentRealisation([ROUTE, unapplied]).missing(statuses) == (
        "route/default/10.9.0.0/16: failed: NO_SUCH_FIB; route/default/10.0.0.0/16: waits for table/default/ip4"
    )
