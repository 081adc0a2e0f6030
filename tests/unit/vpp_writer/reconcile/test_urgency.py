"""A large load is taken over and planned in bounded slices, and what is urgent comes between: counted, not timed."""

from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.reconcile.claims import SLICE, IntentClaims
from actors.vpp_writer.reconcile.held import HeldObject, SuspectIntent
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.plan import WritePlan
from actors.vpp_writer.reconcile.work_queue import BULK_PLAN_MAX, FEW
from schemas.codec import value_fingerprint
from schemas.intents import Intent, LoopbackIntent, RouteIntent, RoutePath, TableIntent
from tests.unit.vpp_writer.reconcile.test_planning import bulk_keys

MANY = 10 * SLICE
POD = LoopbackIntent("pod/a", "02:00:00:00:00:0a", "pod-a")


def route(number: int) -> RouteIntent:
    return RouteIntent(
        "default", f"20.{number >> 16}.{number >> 8 & 255}.{number & 255}/32", (RoutePath(next_hop="192.0.2.1"),)
    )


def rows(*intents: Intent) -> dict[str, Intent]:
    return {intent.key: intent for intent in intents}


def keys(plan: WritePlan) -> list[str]:
    grouped = [key for group in plan.writes for key in group]
    return [*grouped, *bulk_keys(plan)]


def loaded() -> ManagedObjects:
    """Objects, just after many routes have been claimed."""
    objects = ManagedObjects()
    objects.queue.add(objects.claims.replace("routing", rows(*map(route, range(MANY)))))
    return objects


def planned(objects: ManagedObjects) -> list[str]:
    """The next plan, carried out by a VPP that takes everything."""
    written = keys(objects.plan(0.0))
    for key in written:
        claim = objects.claims.effective[key]
        objects.hold(key, HeldObject(claim.owner, claim.intent))
    return written


def want(objects: ManagedObjects, owner: str, intent: Intent) -> None:
    objects.claims.set(owner, intent.key, intent)
    objects.queue.add((intent.key,))


def test_an_interface_is_planned_next_and_alone_however_many_routes_wait() -> None:
    objects = loaded()
    assert len(planned(objects)) == BULK_PLAN_MAX
    want(objects, "cni", POD)
    assert planned(objects) == [POD.key], "its status does not wait for routes"
    assert len(planned(objects)) == BULK_PLAN_MAX


def test_interfaces_that_come_all_the_time_do_not_keep_the_routes_waiting() -> None:
    objects, routes, plans = loaded(), 0, 0
    while routes < MANY:
        want(objects, "cni", LoopbackIntent(f"pod/{plans}", "02:00:00:00:00:0a", f"pod-{plans}"))
        routes += len(planned(objects)) - 1
        plans += 1
    assert plans <= 2 * MANY // BULK_PLAN_MAX + 1


def test_a_pod_with_its_few_routes_is_one_plan() -> None:
    objects = ManagedObjects()
    intents = [POD, *map(route, range(FEW))]
    for intent in intents:
        want(objects, "cni", intent)
    assert set(planned(objects)) == {intent.key for intent in intents}


def test_objects_that_are_shared_or_in_trouble_do_not_slow_the_routes_down() -> None:
    objects, table = loaded(), TableIntent("pods", 4)
    want(objects, "guard", table)
    want(objects, "cni", table)
    contested, failed, deadly, *_ = map(route, range(MANY))
    want(objects, "services", contested)
    objects.retries.failed(failed.key, value_fingerprint(failed), 0.0)
    objects.suspects[deadly.key] = SuspectIntent(value_fingerprint(deadly), 1)
    planned(objects)
    plan = objects.plan(100.0)
    special = {contested.key, failed.key, deadly.key}
    assert {key for group in plan.writes for key in group} == special
    assert len(bulk_keys(plan)) == BULK_PLAN_MAX - len(special)
    assert special.isdisjoint(bulk_keys(plan))


def test_a_complete_stream_is_taken_over_in_slices_and_what_is_said_no_more_comes_first() -> None:
    claims = IntentClaims()
    claims.replace("routing", rows(*map(route, range(MANY))))
    claims.set("cni", POD.key, POD)
    after = rows(*map(route, range(MANY // 2, MANY + MANY // 2)))
    slices = list(claims.replacing("routing", after))
    assert max(map(len, slices)) <= SLICE
    yielded = [key for some in slices for key in some]
    assert yielded[: MANY // 2] == [route(number).key for number in range(MANY // 2)]
    assert {key for key, claim in claims.effective.items() if claim.owner == "routing"} == after.keys()
    assert claims.get(POD.key) is not None


@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from("ab")), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))
)
def test_taking_over_ends_with_the_rows_as_they_are_though_some_change_meanwhile(
    before: dict[int, str], numbers_said: set[int], changed: set[int]
) -> None:
    claims = IntentClaims()
    for number, owner in before.items():
        claims.set(owner, route(number).key, route(number))
    view = rows(*map(route, numbers_said))
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
