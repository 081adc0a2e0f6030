"""Own blocks -> an interface where all is denied, and the routes to it."""

from ipaddress import ip_network

from actors.routing.actor import RoutingManager
from actors.routing.unassigned import CLOSED_INTERFACE, closed_block_intents
from actors.runtime.context import offline_actor_context
from actors.runtime.decision import intents_by_key
from schemas.config import NodeConfig
from schemas.facts import BlockAffinityFact
from schemas.intents import AdminUpIntent, CnatFeatureIntent, Intent, RouteIntent, RoutePath

AFFINITIES = {
    "mine": BlockAffinityFact(node="n1", cidr="10.48.0.0/26"),
    "mine6": BlockAffinityFact(node="n1", cidr="fd48::/122"),
    "pending": BlockAffinityFact(node="n1", cidr="10.48.1.0/26", state="pending"),
    "other": BlockAffinityFact(node="n2", cidr="10.48.0.64/26"),
}


def manager(**settings: str) -> RoutingManager:
    """A routing manager that knows the affinities."""
    routing = RoutingManager(offline_actor_context("routing", NodeConfig(node="n1", **settings)))  # type: ignore[arg-type]
    for key, affinity in AFFINITIES.items():
        routing.affinity(key, affinity)
    return routing


def closed_prefixes(intents: dict[str, Intent]) -> set[str]:
    """The prefixes whose packets go to the closed interface."""
    routes = [intent for intent in intents.values() if isinstance(intent, RouteIntent)]
    return {route.prefix for route in routes if route.paths[0].interface == CLOSED_INTERFACE}


def test_what_is_sent_to_an_own_block_meets_an_interface_that_is_never_open() -> None:
    intents = manager().decide().intents
    assert closed_prefixes(intents) == {"10.48.0.0/26", "fd48::/122"}
    assert AdminUpIntent(CLOSED_INTERFACE, when_policed=True) in intents.values()
    assert CnatFeatureIntent(CLOSED_INTERFACE) in intents.values()


def test_a_block_that_leaves_takes_its_route_along_and_the_last_one_the_interface_too() -> None:
    routing = manager()
    routing.affinity("mine", None)
    assert closed_prefixes(routing.decide().intents) == {"fd48::/122"}
    routing.affinity("mine6", None)
    assert routing.decide().intents == {}


def test_a_block_of_one_address_leaves_its_route_to_the_pod() -> None:
    assert list(closed_block_intents([ip_network("10.48.0.7/32"), ip_network("fd48::7/128")])) == []


def test_where_nobody_says_policies_nothing_is_closed() -> None:
    assert manager(policy_source="none").decide().intents == {}


def test_a_closed_block_that_an_earlier_life_had_is_not_taken_for_a_learnt_route() -> None:
    routing = manager()
    learnt = RouteIntent("default", "10.48.0.64/26", (RoutePath(next_hop="192.0.2.2"),))
    routing.recall(intents_by_key([*closed_block_intents([ip_network("10.48.0.0/26")]), learnt]))
    assert routing.facts.stale == {"10.48.0.64/26": "192.0.2.2"}
