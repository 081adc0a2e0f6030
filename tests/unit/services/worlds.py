"""Small clusters of services to start from."""

from typing import Any

from actors.services.desired import World, all_served, intents, outcome
from schemas.cnat import Translation
from schemas.facts import Endpoint, EndpointSlice, Node, Service, ServicePort, SlicePort
from schemas.intents import Intent

ME = Node(ip4="192.0.2.1/24", ip6="2001:db8::1/64")
OTHER = Node(ip4="192.0.2.2/24", ip6="2001:db8::2/64")
VIP, VIP6, EXTERNAL = "10.96.0.10", "fd96::a", "203.0.113.5"


def service(*ports: ServicePort, **more: Any) -> Service:
    fields: dict[str, Any] = {"cluster_ips": (VIP,), "ports": ports or (ServicePort(80),), "created": "2026-01-01"}
    return Service(**fields | more)


def endpoint(address: str, node: str | None = "n1", **conditions: Any) -> Endpoint:
    return Endpoint((address,), node=node, **conditions)


def slice_of(*endpoints: Endpoint, ports: tuple[SlicePort, ...] = (SlicePort(8080),), **more: Any) -> EndpointSlice:
    fields: dict[str, Any] = {"service": "d/web", "ip_version": 4, "ports": ports, "endpoints": endpoints}
    return EndpointSlice(**fields | more)


def world(one: Service | None = None, *slices: EndpointSlice, **changes: Any) -> World:
    base = World(
        me="n1",
        services={} if one is None else {"d/web": one},
        slices={f"d/web-{number}": each for number, each in enumerate(slices)},
        nodes={"n1": ME, "n2": OTHER},
    )
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def wanted(of: World) -> dict[str, Intent]:
    return {intent.key: intent for intent in intents(of, outcome(of, all_served(of)))}


def translations(of: World) -> dict[tuple[str, int, int], list[tuple[str, int]]]:
    """(address, port, protocol) -> its backends."""
    found = [intent for intent in wanted(of).values() if isinstance(intent, Translation)]
    return {(t.vip, t.port, t.protocol): [(b.address, b.port) for b in t.backends] for t in found}


def problems(of: World, key: str = "d/web") -> tuple[str, ...]:
    return outcome(of, all_served(of)).statuses[key].problems
