"""A large load is taken over and planned in bounded slices, and what is urgent comes between: counted, not timed."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.process import WriterProcess
from actors.vpp_writer.reconcile.claims import SLICE, Claims
from actors.vpp_writer.reconcile.held import HeldObject, Suspect
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.plan import Plan
from actors.vpp_writer.reconcile.work_queue import BULK_MAX, FEW
from bus.subscriptions import StreamChange, StreamSynced
from schemas.codec import fingerprint
from schemas.intents import Intent, Loopback, Route, RoutePath, Table
from schemas.words import INTENT
from tests.unit.vpp_writer.reconcile.test_planning import bulk_keys

MANY = 10 * SLICE
POD = Loopback("pod/a", "02:00:00:00:00:0a", "pod-a")


def route(number: int) -> Route:
    return Route(
        "default", f"20.{number >> 16}.{number >> 8 & 255}.{number & 255}/32", (RoutePath(next_hop="192.0.2.1"),)
    )


def rows(*intents: Intent) -> dict[str, Intent]:
    return {intent.key: intent for intent in intents}


def keys(plan: Plan) -> list[str]:
    grouped = [key for group in plan.writes for key in group]
    return [*grouped, *bulk_keys(plan)]


def loaded() -> ManagedObjects:
    """A objects that has just heard of many routes."""
    objects = ManagedObjects()
    objects.queue.add(objects.claims.replace("routing", rows(*map(route, range(MANY)))))
    return objects


def planned(objects: ManagedObjects) -> list[str]:
    """The next plan, carried out by a VPP that takes everything."""
    done = keys(objects.plan(0.0))
    for key in done:
        claim = objects.claims.effective[key]
        objects.hold(key, HeldObject(claim.owner, claim.intent))
    return done


def want(objects: ManagedObjects, owner: str, intent: Intent) -> None:
    objects.claims.set(owner, intent.key, intent)
    objects.queue.add((intent.key,))


def test_an_interface_is_planned_next_and_alone_however_many_routes_wait() -> None:
    objects = loaded()
    assert len(planned(objects)) == BULK_MAX
    want(objects, "cni", POD)
    assert planned(objects) == [POD.key], "its status does not wait for routes"
    assert len(planned(objects)) == BULK_MAX


def test_interfaces_that_come_all_the_time_do_not_keep_the_routes_waiting() -> None:
    objects, routes, plans = loaded(), 0, 0
    while routes < MANY:
        want(objects, "cni", Loopback(f"pod/{plans}", "02:00:00:00:00:0a", f"pod-{plans}"))
        routes += len(planned(objects)) - 1
        plans += 1
    assert plans <= 2 * MANY // BULK_MAX + 1


def test_a_pod_with_its_few_routes_is_one_plan() -> None:
    objects = ManagedObjects()
    wanted = [POD, *map(route, range(FEW))]
    for intent in wanted:
        want(objects, "cni", intent)
    assert set(planned(objects)) == {intent.key for intent in wanted}


def test_objects_that_are_shared_or_in_trouble_do_not_slow_the_routes_down() -> None:
    objects, table = loaded(), Table("pods", 4)
    want(objects, "guard", table)
    want(objects, "cni", table)
    contested, failed, deadly, *_ = map(route, range(MANY))
    want(objects, "services", contested)
    objects.retries.failed(failed.key, fingerprint(failed), 0.0)
    objects.suspects[deadly.key] = Suspect(fingerprint(deadly), 1)
    planned(objects)
    plan = objects.plan(100.0)
    special = {contested.key, failed.key, deadly.key}
    assert {key for group in plan.writes for key in group} == special
    assert len(bulk_keys(plan)) == BULK_MAX - len(special)
    assert special.isdisjoint(bulk_keys(plan))


def test_a_complete_stream_is_taken_over_in_slices_and_what_is_said_no_more_comes_first() -> None:
    claims = Claims()
    claims.replace("routing", rows(*map(route, range(MANY))))
    claims.set("cni", POD.key, POD)
    after = rows(*map(route, range(MANY // 2, MANY + MANY // 2)))
    slices = list(claims.replacing("routing", after))
    assert max(map(len, slices)) <= SLICE
    told = [key for some in slices for key in some]
    assert told[: MANY // 2] == [route(number).key for number in range(MANY // 2)]
    assert {key for key, claim in claims.effective.items() if claim.owner == "routing"} == after.keys()
    assert claims.get(POD.key) is not None


@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from("ab")), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))
)
def test_taking_over_ends_with_the_rows_as_they_are_though_some_change_meanwhile(
    before: dict[int, str], said: set[int], changed: set[int]
) -> None:
    claims = Claims()
    for number, owner in before.items():
        claims.set(owner, route(number).key, route(number))
    view = rows(*map(route, said))
    slices = claims.replacing("a", view)
    next(slices, None)
    for number in changed:  # as the process does: in the view, and put
        key = route(number).key
        view.pop(key) if key in view else view.update({key: route(number)})
        claims.set("a", key, view.get(key))
    for _ in slices:
        pass
    claimed = {key for key, claim in claims.effective.items() if claim.owner == "a"}
    claimed |= {key for key in claims.effective if any(owner == "a" for owner, _, _ in claims.refused(key))}
    assert claimed == view.keys()


class OnePeer:
    """A bus of which the test says what the process hears next."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.views: dict[str, dict[str, Intent]] = {}
        self.counters: Counter[str] = Counter()
        self.progress, self.broker_session = 0, 1
        self.waiting: tuple[str, ...] = ()

    async def changes(self, _wait_s: float, _at_most: int) -> list[Any]:
        return self.batches.pop(0) if self.batches else []

    def view(self, _word: str, owner: str) -> dict[str, Intent]:
        return self.views[owner]


def process(peer: OnePeer) -> WriterProcess:
    config = cast(Any, SimpleNamespace(run=Path("/nonexistent")))
    return WriterProcess(config, cast(Any, peer), cast(Any, None), asyncio.Event())


def test_an_interface_is_not_kept_waiting_by_the_first_complete_stream_of_another_owner() -> None:
    peer = OnePeer()
    peer.views = {"routing": rows(*map(route, range(MANY))), "cni": {}}
    peer.batches = [
        [StreamSynced(INTENT, "cni"), StreamSynced(INTENT, "routing")],
        [StreamChange(INTENT, "cni", POD.key, POD)],
    ]
    one = process(peer)
    heard = list[int]()

    async def turns() -> None:
        while not heard or one.takeovers:
            before = len(one.objects.queue)
            await one._receive(0)
            heard.append(len(one.objects.queue) - before)
            if len(heard) == 2:
                assert planned(one.objects) == [POD.key]

    asyncio.run(turns())
    assert max(heard) <= SLICE + 1, "no turn takes in more"
    assert len(one.objects.queue) == MANY


def test_nothing_is_removed_before_the_owner_has_said_all() -> None:
    peer = OnePeer()
    peer.views = {"routing": rows(route(1))}
    one = process(peer)
    for number in range(2):
        key = route(number).key
        one.objects.claims.set("routing", key, route(number))
        one.objects.hold(key, HeldObject("routing", route(number)))
    peer.batches = [[StreamChange(INTENT, "routing", route(1).key, route(1))], [StreamSynced(INTENT, "routing")]]
    asyncio.run(one._receive(0))
    assert not len(one.objects.queue)
    asyncio.run(one._receive(0))
    plan = one.objects.plan(0.0)
    assert plan.deletes == [[route(0).key]]
    assert not keys(plan)
