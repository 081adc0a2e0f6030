"""One turn of an actor: nothing before everything is heard, nothing twice, order does not matter."""

from collections.abc import Iterator
from itertools import permutations
from typing import ClassVar

import pytest
from actors.runtime.step import Said, Step

from actors.runtime.actor import Actor, hears
from actors.runtime.realised import NotRealised, Realisation
from bus.subscriptions import StreamChange, StreamSynced
from schemas.codec import fingerprint
from schemas.facts import IpPool, Node
from schemas.intents import Intent, Route, RoutePath
from schemas.statuses import Applied, Failed, Pending, Rejected


class Router(Actor):
    """A manager small enough to see through: a route to each node for each pool."""

    name: ClassVar[str] = "router"

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.pools: dict[str, IpPool] = {}
        self.reasons: list[str] = []

    @hears(Node)
    def node(self, key: str, value: Node | None) -> None:
        self.nodes.pop(key, None)
        if value:
            self.nodes[key] = value

    @hears(IpPool)
    def pool(self, key: str, value: IpPool | None) -> None:
        self.pools.pop(key, None)
        if value:
            self.pools[key] = value

    def waits_for(self) -> list[str]:
        return self.reasons

    def desired(self) -> Iterator[Intent]:
        for pool in sorted(self.pools.values(), key=lambda p: p.cidr):
            yield Route("default", pool.cidr, tuple(RoutePath(next_hop=n.ip4) for _, n in sorted(self.nodes.items())))


NODE_A = StreamChange("node", "kube-watch", "a", Node(ip4="192.0.2.1"))
NODE_B = StreamChange("node", "kube-watch", "b", Node(ip4="192.0.2.2"))
POOL = StreamChange("ip-pool", "kube-watch", "p", IpPool(cidr="10.0.0.0/16"))
SYNCED = [StreamSynced("node", "kube-watch"), StreamSynced("ip-pool", "kube-watch")]
ROUTE = Route("default", "10.0.0.0/16", (RoutePath(next_hop="192.0.2.1"), RoutePath(next_hop="192.0.2.2")))


def test_nothing_is_said_before_every_stream_is_in_sync() -> None:
    step = Step(Router())
    step.hear([NODE_A, POOL, SYNCED[0]])
    assert step.decide() is None
    assert step.waiting() == ("kube-watch: ip-pool",)
    assert not step.heard_all
    step.hear([SYNCED[1]])
    assert step.heard_all
    assert step.decide() is not None


@pytest.mark.parametrize("walk", list(permutations([NODE_A, NODE_B, POOL])))
def test_all_roads_lead_to_the_same_intents(walk: tuple[StreamChange, ...]) -> None:
    step = Step(Router())
    for change in walk:
        step.hear([change, change])
    step.hear(SYNCED)
    assert step.decide() == Said({ROUTE.key: ROUTE}, {})


def test_a_turn_without_news_decides_nothing() -> None:
    step = Step(Router())
    step.hear([NODE_A, POOL, *SYNCED])
    assert step.decide()
    assert step.decide() is None
    step.hear([StreamChange("process", "bus", "cni", None)])
    assert step.decide() is None, "what it does not hear does not wake it"


def test_an_actor_that_waits_says_why_and_speaks_when_it_may() -> None:
    router = Router()
    router.reasons = ["gobgpd: away"]
    step = Step(router)
    step.hear([NODE_A, POOL, *SYNCED])
    assert step.decide() is None
    assert step.waiting() == ("gobgpd: away",)
    router.reasons = []
    assert step.decide()


APPLIED = Applied(fingerprint(ROUTE), 1, {"n": 1})


def test_an_intent_is_realised_when_this_very_value_is_applied() -> None:
    wish = Realisation([ROUTE])
    assert wish.done({}) is None
    assert wish.done({ROUTE.key: Applied(fingerprint(ROUTE) ^ 1, 1)}) is None, "an earlier value's status"
    assert wish.done({ROUTE.key: APPLIED}) == {ROUTE.key: APPLIED}


def test_a_rejected_intent_ends_the_wait_at_once() -> None:
    with pytest.raises(NotRealised, match=r"^route/default/10\.0\.0\.0/16: rejected: prefix"):
        Realisation([ROUTE]).done({ROUTE.key: Rejected(fingerprint(ROUTE), "prefix: not one")})


def test_what_is_missing_is_told_with_the_failure_before_what_only_waits() -> None:
    other = Route("default", "10.9.0.0/16", ())
    statuses = {
        ROUTE.key: Pending(fingerprint(ROUTE), ("table/default/ip4",)),
        other.key: Failed(fingerprint(other), "NO_SUCH_FIB", 0.0),
    }
    assert Realisation([ROUTE, other]).missing(statuses) == (
        "route/default/10.9.0.0/16: failed: NO_SUCH_FIB; route/default/10.0.0.0/16: waits for table/default/ip4"
    )
