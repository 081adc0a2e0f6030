"""All Services together: which of them has an address, what VPP holds of it, what is said of it. Pure.

Two Services may claim one (address, port, protocol). It is the oldest's, then the first by name; one whose endpoints
all terminate yields to one that has ready ones, one without any to both. The other
says so in its status.

An address that nobody serves must not be forgotten by VPP's flows when endpoints come: a UDP or
SCTP one is translated to an address that drops, whose sessions die when it is replaced. TCP connections begin anew
with another port; an answer that there is nothing serves them better, so the ranges of service addresses are
unreachable.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from msgspec.structs import replace

from actors.services import relay, snat
from actors.services.frontends import (
    FrontendAvailability,
    LocalServiceNode,
    ServedService,
    ServiceFrontend,
    serve_service,
)
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.facts import (
    BgpConfigurationFact,
    EndpointSliceFact,
    IpPoolFact,
    NodeFact,
    PodInterfaceFact,
    ServiceAddressFact,
    ServiceFact,
    ServiceStatusFact,
    UplinkFact,
)
from schemas.intents import DEFAULT_TABLE, Intent, RouteIntent, RoutePath
from schemas.own_addresses import moved_address_problems, node_on_its_uplinks

_TCP = 6
_ZONE_LABEL = "topology.kubernetes.io/zone"
# Addresses that nothing has: IPv4's dummy address (RFC 7600), IPv6's discard prefix (RFC 6666).
DISCARD_NEXT_HOPS = {4: "192.0.0.8", 6: "100::1"}
_FrontendKey = tuple[str, int, int]
_BY_NETWORK_ONLY = (
    "pods of this node reach it by the network alone, for its other ports may be another machine's;"
    " serviceExternalIPs of BGPConfiguration says that it is the cluster's own"
)


@dataclass
class ServicesManagerFacts:
    """All that the services manager knows."""

    me: str
    prefixes: tuple[str, ...] = ()  # SERVICE_PREFIX
    enabled: bool = True
    services: dict[str, ServiceFact] = field(default_factory=dict)
    slices: dict[str, EndpointSliceFact] = field(default_factory=dict)
    nodes: dict[str, NodeFact] = field(default_factory=dict)
    pools: dict[str, IpPoolFact] = field(default_factory=dict)
    bgp: dict[str, BgpConfigurationFact] = field(default_factory=dict)
    uplinks: dict[str, UplinkFact] = field(default_factory=dict)
    pods: dict[str, PodInterfaceFact] = field(default_factory=dict)


@dataclass
class _ServedServices:
    """All Services as this node serves them together."""

    translations: dict[_FrontendKey, TranslationIntent] = field(default_factory=dict)
    statuses: dict[str, ServiceStatusFact] = field(default_factory=dict)
    addresses: dict[str, ServiceAddressFact] = field(default_factory=dict)
    relays: dict[str, frozenset[str]] = field(default_factory=dict)  # address -> other nodes that serve it for pods
    checks: dict[int, tuple[str, int]] = field(default_factory=dict)  # port -> service, its ready pods of this node


def this_node_for_services(facts: ServicesManagerFacts) -> LocalServiceNode:
    """This node, as far as it is known."""
    node = _own_node(facts)
    return LocalServiceNode(facts.me, node.address(4), node.address(6), node.labels.get(_ZONE_LABEL, ""))


def _own_node(facts: ServicesManagerFacts) -> NodeFact:
    """This node, with the addresses by which packets reach it."""
    return node_on_its_uplinks(facts.nodes.get(facts.me, NodeFact()), facts.uplinks.values())


def is_node_leaving(facts: ServicesManagerFacts) -> bool:
    """Is this node going, so that load balancers should send it nothing more?"""
    return facts.nodes.get(facts.me, NodeFact()).leaving


def serve_each_service(facts: ServicesManagerFacts) -> dict[str, ServedService]:
    """Every Service alone. Full recompute; test oracle for `cache.py`."""
    slices = defaultdict[str, list[EndpointSliceFact]](list)
    for _, endpoint_slice in sorted(facts.slices.items()):
        slices[endpoint_slice.service].append(endpoint_slice)
    node = this_node_for_services(facts)
    return {key: serve_service(service, slices[key], node) for key, service in facts.services.items()}


def resolve_service_conflicts(facts: ServicesManagerFacts, alone: Mapping[str, ServedService]) -> _ServedServices:
    """The Services beside one another. `alone`: each by itself, by key."""
    if not facts.enabled:
        return _ServedServices()
    claimants_by_key = defaultdict[_FrontendKey, list[tuple[str, ServiceFrontend]]](list)
    for key, served in alone.items():
        for frontend in served.frontends:
            claimants_by_key[frontend.vip, frontend.port, frontend.protocol].append((key, frontend))
    services = _ServedServices()
    relayed: dict[_FrontendKey, tuple[str, frozenset[str]]] = {}  # -> the service that has it, nodes that serve it
    problems = defaultdict[str, list[str]](list)
    for frontend_key, claimants in claimants_by_key.items():
        winner, frontend = claimants[0] if len(claimants) == 1 else min(claimants, key=lambda c: _order(facts, c))
        for key, loser in claimants:
            if key != winner:
                problems[key].append(f"{loser}: is served for Service {winner}")
        translation = frontend.translation or _discarding(frontend)
        if translation is not None:
            services.translations[frontend_key] = translation
        if frontend.relays:
            relayed[frontend_key] = winner, frontend.relays
    _add_relays(services, facts, relayed, problems)
    _add_reports(services, facts, alone, problems)
    return services


def _add_relays(
    services: _ServedServices,
    facts: ServicesManagerFacts,
    relayed: Mapping[_FrontendKey, tuple[str, frozenset[str]]],
    problems: Mapping[str, list[str]],
) -> None:
    """Adds the nodes that serve an address for this one's pods, best those that serve every port of it."""
    ranges = [ip_network(prefix) for prefix in _advertised_service_ranges(facts.bgp.values())]
    by_network_only = set()
    for (vip, _, _), (key, names) in sorted(relayed.items()):
        if relay.is_clusters_own_address(vip, facts.services[key], ranges):
            earlier = services.relays.get(vip, names)
            services.relays[vip] = (earlier & names) or earlier
        else:
            by_network_only.add((vip, key))
    for vip, key in sorted(by_network_only):
        if vip not in services.relays:
            problems[key].append(f"externalIPs: {vip}: {_BY_NETWORK_ONLY}")
    prefixes = _relayed_prefixes(facts, services)
    reached = {route.prefix for route in _relay_routes(facts, prefixes)}
    for vip, key in sorted({(vip, key) for (vip, _, _), (key, _) in relayed.items()}):
        if _host_prefix(vip) in prefixes.keys() - reached:
            problems[key].append(f"{vip}: out of reach for this node's pods: no node with endpoints is in its subnet")


def _order(facts: ServicesManagerFacts, claimant: tuple[str, ServiceFrontend]) -> tuple[FrontendAvailability, str, str]:
    key, frontend = claimant
    return frontend.availability, facts.services[key].created or "~", key


def _discarding(frontend: ServiceFrontend) -> TranslationIntent | None:
    if frontend.protocol == _TCP:
        return None
    nowhere = TranslationBackend(DISCARD_NEXT_HOPS[ip_address(frontend.vip).version], frontend.port)
    return TranslationIntent(frontend.vip, frontend.port, frontend.protocol, (nowhere,))


def _add_reports(
    services: _ServedServices,
    facts: ServicesManagerFacts,
    alone: Mapping[str, ServedService],
    together: Mapping[str, list[str]],
) -> None:
    """Adds statuses, advertised addresses and health checks. `together`: problems that no Service has alone."""
    services_of_prefix = defaultdict[str, list[str]](list)
    for key, served in alone.items():
        frontends = [frontend for frontend in served.frontends if frontend.translation]
        problems = (*served.problems, *together.get(key, ()))
        services.statuses[key] = ServiceStatusFact(
            len(frontends), sum(frontend.backends for frontend in frontends), problems
        )
        for address in served.addresses:
            services_of_prefix[_host_prefix(address)].append(key)
        port = facts.services[key].health_check_node_port
        if (
            port
            and facts.services[key].external_local
            and (port not in services.checks or key < services.checks[port][0])
        ):
            services.checks[port] = (key, served.local)
    services.addresses = {
        prefix: ServiceAddressFact(tuple(sorted(keys))) for prefix, keys in services_of_prefix.items()
    }


def with_unanswered_health_checks(
    statuses: Mapping[str, ServiceStatusFact], checks: Mapping[int, tuple[str, int]], errors: Mapping[int, str]
) -> dict[str, ServiceStatusFact]:
    """The statuses, with what is wrong with a Service's health check. `errors`: port -> why it is not answered on."""
    unanswered = {service: errors[port] for port, (service, _) in checks.items() if port in errors}
    return {
        key: replace(status, problems=(*status.problems, unanswered[key])) if key in unanswered else status
        for key, status in statuses.items()
    }


def service_intents(facts: ServicesManagerFacts, services: _ServedServices) -> Iterator[Intent]:
    """All that VPP should hold for services and source NAT."""
    yield from services.translations.values()
    if facts.enabled:
        yield from _discard_routes(facts)
    relayed = _relayed_prefixes(facts, services)
    yield from _relay_routes(facts, relayed)
    me, untouched = _own_node(facts), {*facts.prefixes, *relayed}
    members = snat.snat_members(facts.uplinks.values(), facts.pods.values(), facts.pools)
    nodes = {**facts.nodes, facts.me: me}
    yield from snat.snat_intents(me, nodes, facts.pools, untouched, members)


def _host_prefix(address: str) -> str:
    """The prefix of one address."""
    return f"{address}/{ip_address(address).max_prefixlen}"


def _relayed_prefixes(facts: ServicesManagerFacts, services: _ServedServices) -> dict[str, Collection[str]]:
    """Prefixes that pods reach by another node -> the nodes that serve them."""
    return relay.service_prefixes_by_node(services.relays, facts.nodes, facts.pools.values())


def _relay_routes(facts: ServicesManagerFacts, prefixes: Mapping[str, Collection[str]]) -> Iterator[RouteIntent]:
    """Their routes in the pods' table."""
    return relay.service_relay_routes(prefixes, facts.me, facts.nodes, facts.uplinks.values())


def _discard_routes(facts: ServicesManagerFacts) -> Iterator[RouteIntent]:
    """What is sent to a service address that nothing serves ends here, and does not loop between nodes."""
    for version, address in DISCARD_NEXT_HOPS.items():
        yield RouteIntent(DEFAULT_TABLE, f"{address}/{32 if version == 4 else 128}", (RoutePath(),))
    for prefix in sorted({*facts.prefixes, *_advertised_service_ranges(facts.bgp.values())}):
        yield RouteIntent(DEFAULT_TABLE, prefix, (RoutePath(unreachable=True),))


def _advertised_service_ranges(configurations: Iterable[BgpConfigurationFact]) -> Iterator[str]:
    """The ranges of service addresses that nodes advertise."""
    for configuration in configurations:
        yield from (
            *configuration.service_cluster_ips,
            *configuration.service_external_ips,
            *configuration.service_load_balancer_ips,
        )


def services_health_problems(facts: ServicesManagerFacts) -> list[str]:
    """Why services are not wholly served."""
    node = facts.nodes.get(facts.me)
    if node is None:
        return [f"Node {facts.me}: not in Kubernetes"]
    if not snat.snat_addresses(node):
        return [f"Node {facts.me}: no address, so no source NAT and no node ports"]
    return moved_address_problems(facts.me, node, facts.uplinks.values())
