"""Objects that would need themselves, or undo one another, are told so; they do not keep the writer busy for ever."""

import asyncio
from collections.abc import Collection
from typing import Any, cast

import pytest

from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.kinds import KINDS
from actors.vpp_writer.kinds.kind import ATTRIBUTE, POLICY, Kind
from actors.vpp_writer.reconcile.claims import SLICE
from actors.vpp_writer.reconcile.livelock import STEPS_MAX
from bus.subscriptions import StreamSynced
from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Pending, Rejected, Status
from schemas.words import INTENT
from tests.unit.vpp_writer.reconcile.test_planning import Model
from tests.unit.vpp_writer.test_urgency import OnePeer, planned, process, route


class Knot(Intent, frozen=True, tag="knot"):
    """Needs others, by their key or the name of a knot."""

    name: str
    others: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"knot/{self.name}"


class KnotKind(Kind[Knot], registered=False):
    intent = Knot
    rank = POLICY
    messages = ()

    def needs(self, intent: Knot) -> Collection[str]:
        return {name if "/" in name else f"knot/{name}" for name in intent.others}


class Bight(Intent, frozen=True, tag="bight"):
    """Needs the knot of name a."""

    name: str

    @property
    def key(self) -> str:
        return f"bight/{self.name}"


class BightKind(Kind[Bight], registered=False):
    intent = Bight
    rank = ATTRIBUTE
    messages = ()

    def needs(self, intent: Bight) -> Collection[str]:
        return {"knot/a"}


@pytest.fixture(autouse=True)
def knots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, Knot, KnotKind())
    monkeypatch.setitem(KINDS, Bight, BightKind())


def status(model: Model, knot: Knot) -> Status | None:
    found = model.objects.statuses.get("guard", knot.key)
    assert found is None or found.generation == fingerprint(knot)
    return found


def say(model: Model, *knots: Knot) -> None:
    """One after another."""
    for knot in knots:
        model.objects.claims.set("guard", knot.key, knot)
        model.objects.queue.add((knot.key,))
        model.turn()


A, B, C = Knot("a", ("b",)), Knot("b", ("c",)), Knot("c", ("a",))


@pytest.mark.parametrize("order", [(A, B, C), (B, A, C), (C, B, A), (B, C, A)])
def test_the_one_that_closes_a_circle_is_rejected_by_its_whole_way(order: tuple[Knot, ...]) -> None:
    model = Model()
    say(model, *order)
    last = order[-1]
    way = {A: "a b c a", B: "b c a b", C: "c a b c"}[last].split()
    reason = "needs itself: " + " needs ".join(f"knot/{name}" for name in way)
    assert status(model, last) == Rejected(fingerprint(last), reason)
    for other in order[:-1]:
        assert status(model, other) == Pending(fingerprint(other), (f"knot/{other.others[0]}",))
    assert model.held() == {}


def test_of_a_circle_that_is_said_at_once_one_is_rejected() -> None:
    model = Model()
    model.want([A, B, C])
    assert [type(status(model, knot)) for knot in (A, B, C)].count(Rejected) == 1
    assert model.want([A, B, C]) == 0


def test_what_needs_itself_alone_is_rejected() -> None:
    model, alone = Model(), Knot("a", ("a",))
    model.want([alone])
    assert status(model, alone) == Rejected(fingerprint(alone), "needs itself: knot/a needs knot/a")


def test_a_circle_over_what_is_held_is_found_when_it_closes() -> None:
    model, bight = Model(), Bight("x")
    say(model, Knot("a"))
    model.objects.claims.set("guard", bight.key, bight)
    model.objects.queue.add((bight.key,))
    model.turn()
    assert set(model.held()) == {"knot/a", "bight/x"}
    closing = Knot("a", ("b",))
    say(model, Knot("b", ("bight/x", "z")), closing)
    reason = "needs itself: knot/a needs knot/b needs bight/x needs knot/a"
    assert status(model, closing) == Rejected(fingerprint(closing), reason)
    assert model.held() == {}
    say(model, Knot("a"))
    assert set(model.held()) == {"knot/a", "bight/x"}


def test_a_circle_that_is_opened_comes_true() -> None:
    model = Model()
    model.want([A, B, C])
    opened = Knot("b")
    model.want([A, opened, C])
    assert set(model.held()) == {A.key, opened.key, C.key}
    assert all(isinstance(status(model, knot), Applied) for knot in (A, opened, C))


@pytest.mark.parametrize("order", [(A, B, C), (B, C, A), (C, A, B)])
def test_one_of_a_circle_that_is_withdrawn_is_waited_for(order: tuple[Knot, ...]) -> None:
    model = Model()
    say(model, *order)
    gone, *left = order
    model.want(left)
    for knot in left:
        assert isinstance(status(model, knot), Pending), f"{knot.key} without {gone.key}"


class Tireless:
    """A writer that always has something to do."""

    epoch, steps = 1, 0

    async def step(self) -> bool:
        self.steps += 1
        return True


class Told(OnePeer):
    """Counts the times without a wait, and hears something once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def changes(self, wait_s: float, at_most: int) -> list[Any]:
        self.waits.append(wait_s)
        return await super().changes(wait_s, at_most)

    def publish(self, *_: Any) -> None: ...


class Lines:
    """A log that counts."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []

    def info(self, *_: Any, **__: Any) -> None: ...

    def error(self, _what: str, **fields: Any) -> None:
        self.errors.append(fields)


def test_objects_that_undo_one_another_cost_some_steps_a_second_and_one_line() -> None:
    peer, writer, log = Told(), Tireless(), Lines()
    one = process(peer)
    one.log = cast(Any, log)
    drift = DriftCheck(0.0, 0.0)

    async def turns(number: int) -> None:
        for _ in range(number):
            await one._turn(cast(Any, writer), drift)

    asyncio.run(turns(3 * STEPS_MAX))
    assert peer.waits.count(0) == STEPS_MAX
    assert all(wait > 0 for wait in peer.waits[STEPS_MAX:])
    assert len(log.errors) == 1
    peer.batches, peer.waits, peer.views = [[StreamSynced(INTENT, "cni")]], [], {"cni": {A.key: A}}
    asyncio.run(turns(2))
    assert peer.waits[-1] == 0, "what is new is done at once"


def test_a_long_first_stream_is_not_taken_for_objects_that_undo_one_another() -> None:
    peer, log = Told(), Lines()
    one = process(peer)
    one.log = cast(Any, log)
    routes = {one.key: one for one in map(route, range(2 * STEPS_MAX * SLICE))}
    peer.batches, peer.views = [[StreamSynced(INTENT, "routing")]], {"routing": routes}

    class Planner:
        epoch = 1

        async def step(self) -> bool:
            return bool(planned(one.objects))

    async def turns() -> None:
        await one._receive(0)
        while one.takeovers or len(one.objects.queue):
            await one._turn(cast(Any, Planner()), DriftCheck(0.0, 0.0))

    asyncio.run(turns())
    assert not log.errors
    assert set(peer.waits) == {0}
