"""All Services together: who has an address first, what VPP holds of it, what is told of it. Pure.

Two Services may claim one (address, port, protocol). It is the oldest's, then the first by name; one that has no
endpoints yields to one that has (spec/services.md section 10, 7). The other says so in its status.

An address that nobody serves must not be forgotten by VPP's flows when endpoints come (section 10, 12): a UDP or
SCTP one is translated to an address that drops, whose sessions die when it is replaced. TCP connections begin anew
with another port, so they are better told that there is nothing: the ranges of service addresses are unreachable.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from msgspec.structs import replace

from actors.services import snat
from actors.services.entries import Entry, Here, Served, served
from schemas.cnat import Backend, Translation
from schemas.facts import (
    BgpConfiguration,
    EndpointSlice,
    IpPool,
    Node,
    PodInterface,
    Service,
    ServiceAddress,
    ServiceStatus,
    Uplink,
)
from schemas.intents import DEFAULT_TABLE, Intent, Route, RoutePath

TCP = 6
# Addresses that nothing has: IPv4's dummy address (RFC 7600), IPv6's discard prefix (RFC 6666).
DISCARD = {4: "192.0.0.8", 6: "100::1"}
Key = tuple[str, int, int]


@dataclass
class World:
    """All that the services manager knows."""

    me: str
    prefixes: tuple[str, ...] = ()  # SERVICE_PREFIX
    enabled: bool = True
    services: dict[str, Service] = field(default_factory=dict)
    slices: dict[str, EndpointSlice] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    pools: dict[str, IpPool] = field(default_factory=dict)
    bgp: dict[str, BgpConfiguration] = field(default_factory=dict)
    uplinks: dict[str, Uplink] = field(default_factory=dict)
    pods: dict[str, PodInterface] = field(default_factory=dict)


@dataclass
class Outcome:
    """What all of it comes to."""

    translations: dict[Key, Translation] = field(default_factory=dict)
    statuses: dict[str, ServiceStatus] = field(default_factory=dict)
    addresses: dict[str, ServiceAddress] = field(default_factory=dict)
    checks: dict[int, tuple[str, int]] = field(default_factory=dict)  # port -> service, its endpoints of this node


def here(world: World) -> Here:
    """This node, as far as it is known."""
    node = world.nodes.get(world.me, Node())
    ip4, ip6 = (str(ip_interface(text).ip) if text else None for text in (node.ip4, node.ip6))
    return Here(world.me, ip4, ip6)


def all_served(world: World) -> dict[str, Served]:
    """Every Service alone; the slow way, which is the test of the quick one (`cache.py`)."""
    slices = defaultdict[str, list[EndpointSlice]](list)
    for _, each in sorted(world.slices.items()):
        slices[each.service].append(each)
    place = here(world)
    return {key: served(service, slices[key], place) for key, service in world.services.items()}


def outcome(world: World, alone: Mapping[str, Served]) -> Outcome:
    """The Services beside one another. `alone`: what becomes of each by itself."""
    if not world.enabled:
        return Outcome()
    claims = defaultdict[Key, list[tuple[str, Entry]]](list)
    for key, each in alone.items():
        for entry in each.entries:
            claims[entry.vip, entry.port, entry.protocol].append((key, entry))
    found = Outcome()
    lost = defaultdict[str, list[str]](list)
    for place, claimants in claims.items():
        winner, entry = claimants[0] if len(claimants) == 1 else min(claimants, key=lambda c: _order(world, c))
        for key, other in claimants:
            if key != winner:
                lost[key].append(f"{other}: is served for Service {winner}")
        translation = entry.translation or _discarding(entry)
        if translation is not None:
            found.translations[place] = translation
    _tell(found, world, alone, lost)
    return found


def _order(world: World, claim: tuple[str, Entry]) -> tuple[bool, str, str]:
    key, entry = claim
    return entry.translation is None, world.services[key].created or "~", key


def _discarding(entry: Entry) -> Translation | None:
    if entry.protocol == TCP:
        return None
    nowhere = Backend(DISCARD[ip_address(entry.vip).version], entry.port)
    return Translation(entry.vip, entry.port, entry.protocol, (nowhere,))


def _tell(found: Outcome, world: World, alone: Mapping[str, Served], lost: Mapping[str, list[str]]) -> None:
    """Statuses, addresses and health checks."""
    behind = defaultdict[str, list[str]](list)
    for key, each in alone.items():
        own = [entry for entry in each.entries if entry.translation]
        problems = (*each.problems, *lost.get(key, ()))
        found.statuses[key] = ServiceStatus(len(own), sum(entry.backends for entry in own), problems)
        for address in each.addresses:
            behind[f"{address}/{ip_address(address).max_prefixlen}"].append(key)
        port = world.services[key].health_check_node_port
        if port and world.services[key].external_local and (port not in found.checks or key < found.checks[port][0]):
            found.checks[port] = (key, each.local)
    found.addresses = {prefix: ServiceAddress(tuple(sorted(keys))) for prefix, keys in behind.items()}


def with_trouble(
    statuses: Mapping[str, ServiceStatus], checks: Mapping[int, tuple[str, int]], trouble: Mapping[int, str]
) -> dict[str, ServiceStatus]:
    """The statuses, with what is wrong with a Service's health check. `trouble`: port -> why it is not answered on."""
    unanswered = {service: trouble[port] for port, (service, _) in checks.items() if port in trouble}
    return {
        key: replace(status, problems=(*status.problems, unanswered[key])) if key in unanswered else status
        for key, status in statuses.items()
    }


def intents(world: World, found: Outcome) -> Iterator[Intent]:
    """All that VPP should hold for services and source NAT."""
    yield from found.translations.values()
    if world.enabled:
        yield from routes(world)
    members = snat.members(world.uplinks.values(), world.pods.values(), world.pools)
    yield from snat.intents(world.nodes.get(world.me, Node()), world.nodes, world.pools, world.prefixes, members)


def routes(world: World) -> Iterator[Route]:
    """What is sent to a service address that nothing serves ends here, and does not go round in circles."""
    for version, address in DISCARD.items():
        yield Route(DEFAULT_TABLE, f"{address}/{32 if version == 4 else 128}", (RoutePath(),))
    for prefix in sorted({*world.prefixes, *advertised(world.bgp.values())}):
        yield Route(DEFAULT_TABLE, prefix, (RoutePath(unreachable=True),))


def advertised(configurations: Iterable[BgpConfiguration]) -> Iterator[str]:
    """The ranges of service addresses that nodes advertise."""
    for each in configurations:
        yield from (*each.service_cluster_ips, *each.service_external_ips, *each.service_load_balancer_ips)


def unwell(world: World) -> list[str]:
    """Why services are not wholly served."""
    node = world.nodes.get(world.me)
    if node is None:
        return [f"Node {world.me}: not in Kubernetes"]
    return [] if snat.addresses(node) else [f"Node {world.me}: no address, so no source NAT and no node ports"]
