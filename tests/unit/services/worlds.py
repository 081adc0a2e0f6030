"""Small clusters of services to start from."""

from typing import Any

from actors.services.desired import ServiceFacts, resolve_address_conflicts, serve_each_service, service_intents
from schemas.cnat import Translation
from schemas.facts import Endpoint, EndpointSlice, Node, Service, ServicePort, SlicePort
from schemas.intents import Intent

ME = Node(ip4="192.0.2.1/24", ip6="2001:db8::1/64")
NEIGHBOUR = Node(ip4="192.0.2.2/24", ip6="2001:db8::2/64")
VIP, VIP6, EXTERNAL = "10.96.0.10", "fd96::a", "203.0.113.5"


def service(*ports: ServicePort, **more: Any) -> Service:
    fields: dict[str, Any] = {"cluster_ips": (VIP,), "ports": ports or (ServicePort(80),), "created": "2026-01-01"}
    return Service(**fields | more)


def endpoint(address: str, node: str | None = "n1", **conditions: Any) -> Endpoint:
    return Endpoint((address,), node=node, **conditions)


def slice_of(*endpoints: Endpoint, ports: tuple[SlicePort, ...] = (SlicePort(8080),), **more: Any) -> EndpointSlice:
    fields: dict[str, Any] = {"service": "d/web", "ip_version": 4, "ports": ports, "endpoints": endpoints}
    return EndpointSlice(**fields | more)


def cluster(web: Service | None = None, *slices: EndpointSlice, **changes: Any) -> ServiceFacts:
    base = ServiceFacts(
        me="n1",
        services={} if web is None else {"d/web": web},
        slices={f"d/web-{number}": each for number, each in enumerate(slices)},
        nodes={"n1": ME, "n2": NEIGHBOUR},
    )
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def intents_of(facts: ServiceFacts) -> dict[str, Intent]:
    return {
        intent.key: intent
        for intent in service_intents(facts, resolve_address_conflicts(facts, serve_each_service(facts)))
    }


def translations(facts: ServiceFacts) -> dict[tuple[str, int, int], list[tuple[str, int]]]:
    """(address, port, protocol) -> its backends."""
    translated = [intent for intent in intents_of(facts).values() if isinstance(intent, Translation)]
    return {(t.vip, t.port, t.protocol): [(b.address, b.port) for b in t.backends] for t in translated}


def problems(facts: ServiceFacts, key: str = "d/web") -> tuple[str, ...]:
    return resolve_address_conflicts(facts, serve_each_service(facts)).statuses[key].problems
