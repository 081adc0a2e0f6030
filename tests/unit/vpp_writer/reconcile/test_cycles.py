"""Objects that would need themselves, or undo one another, are told so; they do not keep the writer busy for ever."""

from collections.abc import Collection

import pytest

from actors.vpp_writer.kinds import INTENT_KINDS
from actors.vpp_writer.kinds.kind import RANK_ATTRIBUTE, RANK_POLICY, IntentKind
from schemas.codec import value_fingerprint
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, IntentStatus, PendingStatus, RejectedStatus
from tests.unit.vpp_writer.reconcile.test_planning import Model


class Knot(Intent, frozen=True, tag="knot"):
    """Needs others, by their key or the name of a knot."""

    name: str
    needed: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"knot/{self.name}"


class KnotKind(IntentKind[Knot], registered=False):
    intent = Knot
    rank = RANK_POLICY
    messages = ()

    def needs(self, intent: Knot) -> Collection[str]:
        return {name if "/" in name else f"knot/{name}" for name in intent.needed}


class Bight(Intent, frozen=True, tag="bight"):
    """Needs the knot of name a."""

    name: str

    @property
    def key(self) -> str:
        return f"bight/{self.name}"


class BightKind(IntentKind[Bight], registered=False):
    intent = Bight
    rank = RANK_ATTRIBUTE
    messages = ()

    def needs(self, intent: Bight) -> Collection[str]:
        return {"knot/a"}


@pytest.fixture(autouse=True)
def knots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INTENT_KINDS, Knot, KnotKind())
    monkeypatch.setitem(INTENT_KINDS, Bight, BightKind())


def status(model: Model, knot: Knot) -> IntentStatus | None:
    current = model.objects.statuses.get("guard", knot.key)
    assert current is None or current.generation == value_fingerprint(knot)
    return current


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
    assert status(model, last) == RejectedStatus(value_fingerprint(last), reason)
    for knot_left in order[:-1]:
        assert status(model, knot_left) == PendingStatus(value_fingerprint(knot_left), (f"knot/{knot_left.needed[0]}",))
    assert model.held() == {}


def test_of_a_circle_that_is_said_at_once_one_is_rejected() -> None:
    model = Model()
    model.want([A, B, C])
    assert [type(status(model, knot)) for knot in (A, B, C)].count(RejectedStatus) == 1
    assert model.want([A, B, C]) == 0


def test_what_needs_itself_alone_is_rejected() -> None:
    model, alone = Model(), Knot("a", ("a",))
    model.want([alone])
    assert status(model, alone) == RejectedStatus(value_fingerprint(alone), "needs itself: knot/a needs knot/a")


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
    assert status(model, closing) == RejectedStatus(value_fingerprint(closing), reason)
    assert model.held() == {}
    say(model, Knot("a"))
    assert set(model.held()) == {"knot/a", "bight/x"}


def test_a_circle_that_is_opened_comes_true() -> None:
    model = Model()
    model.want([A, B, C])
    opened = Knot("b")
    model.want([A, opened, C])
    assert set(model.held()) == {A.key, opened.key, C.key}
    assert all(isinstance(status(model, knot), AppliedStatus) for knot in (A, opened, C))


@pytest.mark.parametrize("order", [(A, B, C), (B, C, A), (C, A, B)])
def test_one_of_a_circle_that_is_withdrawn_is_waited_for(order: tuple[Knot, ...]) -> None:
    model = Model()
    say(model, *order)
    withdrawn, *remaining = order
    model.want(remaining)
    for knot in remaining:
        assert isinstance(status(model, knot), PendingStatus), f"{knot.key} without {withdrawn.key}"
