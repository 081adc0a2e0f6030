"""Small clusters of services to start from."""

from typing import Any

from actors.services.desired import ServicesManagerFacts, resolve_service_conflicts, serve_each_service, service_intents
from schemas.cnat import TranslationIntent
from schemas.facts import EndpointSliceFact, NodeFact, ServiceFact, ServicePort, SliceEndpoint, SlicePort
from schemas.intents import Intent

ME = NodeFact(ip4="192.0.2.1/24", ip6="2001:db8::1/64")
NEIGHBOUR = NodeFact(ip4="192.0.2.2/24", ip6="2001:db8::2/64")
VIP, VIP6, EXTERNAL = "10.96.0.10", "fd96::a", "203.0.113.5"


def service(*ports: ServicePort, **more: Any) -> ServiceFact:
    fields: dict[str, Any] = {"cluster_ips": (VIP,), "ports": ports or (ServicePort(80),), "created": "2026-01-01"}
    return ServiceFact(**fields | more)


def endpoint(address: str, node: str | None = "n1", **conditions: Any) -> SliceEndpoint:
    return SliceEndpoint((address,), node=node, **conditions)


def slice_of(
    *endpoints: SliceEndpoint, ports: tuple[SlicePort, ...] = (SlicePort(8080),), **more: Any
) -> EndpointSliceFact:
    fields: dict[str, Any] = {"service": "d/web", "ip_version": 4, "ports": ports, "endpoints": endpoints}
    return EndpointSliceFact(**fields | more)


def cluster(web: ServiceFact | None = None, *slices: EndpointSliceFact, **changes: Any) -> ServicesManagerFacts:
    base = ServicesManagerFacts(
        me="n1",
        services={} if web is None else {"d/web": web},
        slices={f"d/web-{number}": each for number, each in enumerate(slices)},
        nodes={"n1": ME, "n2": NEIGHBOUR},
    )
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def intents_of(facts: ServicesManagerFacts) -> dict[str, Intent]:
    return {
        intent.key: intent
        for intent in service_intents(facts, resolve_service_conflicts(facts, serve_each_service(facts)))
    }


def translations(facts: ServicesManagerFacts) -> dict[tuple[str, int, int], list[tuple[str, int]]]:
    """(address, port, protocol) -> its backends."""
    translated = [intent for intent in intents_of(facts).values() if isinstance(intent, TranslationIntent)]
    return {(t.vip, t.port, t.protocol): [(b.address, b.port) for b in t.backends] for t in translated}


def problems(facts: ServicesManagerFacts, key: str = "d/web") -> tuple[str, ...]:
    return resolve_service_conflicts(facts, serve_each_service(facts)).statuses[key].problems
