"""One Service's addresses and ports, as VPP should serve them on this node. Pure.

Sources: Kubernetes' "Virtual IPs and Service Proxies"; Calico/VPP's docs/services. Nothing here knows of other
Services.

externalTrafficPolicy Local: traffic from outside is for this node's endpoints alone; pods reach the external addresses
from every node. VPP's translations do not tell clients apart, but its tables do: on a node without endpoints such an
address is translated to itself, and only the pods' table has a route on to a node that has endpoints (`relay.py`).
Translated to itself rather than not at all, so that flows do not outlive the change when endpoints come.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from ipaddress import ip_address
from typing import NamedTuple

from actors.services.annotations import ServiceBalancing, parse_service_balancing
from actors.services.endpoints import UsableServiceEndpoint, count_ready_service_pods, usable_service_endpoints
from actors.services.topology import hinted_service_endpoints
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.facts import EndpointSliceFact, ServiceFact, ServicePort

_PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}


class LocalServiceNode(NamedTuple):
    """This node: its name, its address of each family, if it has one, and its zone; "": it has none."""

    name: str
    ip4: str | None = None
    ip6: str | None = None
    zone: str = ""

    def address(self, ip_version: int) -> str | None:
        return self.ip4 if ip_version == 4 else self.ip6


class FrontendAvailability(IntEnum):
    """How well an address and port is served; of Services that claim one, the lowest has it."""

    READY = 0
    READY_ELSEWHERE = 1  # Local, and only other nodes have endpoints
    TERMINATING = 2
    NONE = 3


class ServiceFrontend(NamedTuple):
    """A (address, port, protocol) that a Service claims. `translation` None: it has no usable endpoints at present.

    `relays`: names of the other nodes that serve this node's pods, if it has no endpoints itself.
    """

    vip: str
    port: int
    protocol: int
    translation: TranslationIntent | None
    availability: FrontendAvailability
    backends: int = 0
    relays: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.vip} port {self.port} {_NAMES[self.protocol]}"


class ServedService(NamedTuple):
    """One Service as this node serves it.

    `addresses`: those that this node takes traffic for only while it has ready endpoints of its own. `local`: ready
    pods of this node, for health checks.
    """

    frontends: tuple[ServiceFrontend, ...] = ()
    addresses: tuple[str, ...] = ()
    local: int = 0
    problems: tuple[str, ...] = ()


class _FrontendAddress(NamedTuple):
    """An address and port of a Service, and which endpoints take its traffic.

    `short_circuit`: those of other nodes, for pods, if this node has none.
    """

    vip: str
    port: int
    only_local: bool
    short_circuit: bool = False
    is_node: bool = False


def serve_service(service: ServiceFact, slices: Iterable[EndpointSliceFact], node: LocalServiceNode) -> ServedService:
    """The Service as this node serves it."""
    slices = tuple(slices)
    problems = [*service.problems, *(f"EndpointSlice: {problem}" for each in slices for problem in each.problems)]
    if service.headless or service.proxy_name or service.type == "ExternalName":
        return ServedService(problems=tuple(problems))
    balance, wrong = parse_service_balancing(service)
    frontends = tuple(_frontends(service, slices, node, balance))
    external_local = _outside(service) if service.external_local else ()
    ready = {f.vip for f in frontends if f.availability is FrontendAvailability.READY and f.vip in external_local}
    return ServedService(
        frontends=frontends,
        addresses=tuple(sorted(ready)),
        local=count_ready_service_pods(service.ports, slices, node.name),
        problems=(*problems, *wrong, *_unserved(service, node)),
    )


def _frontends(
    service: ServiceFact, slices: tuple[EndpointSliceFact, ...], node: LocalServiceNode, balance: ServiceBalancing
) -> Iterator[ServiceFrontend]:
    keys = set()
    for port in service.ports:
        for address in _frontend_addresses(service, port, node):
            key = (address.vip, address.port, port.protocol)
            if key not in keys:
                keys.add(key)
                yield _frontend(address, port, slices, node, balance)


def _frontend_addresses(service: ServiceFact, port: ServicePort, node: LocalServiceNode) -> Iterator[_FrontendAddress]:
    for vip in service.cluster_ips:
        yield _FrontendAddress(vip, port.port, service.internal_local)
    for vip in _outside(service):
        yield _FrontendAddress(vip, port.port, service.external_local, short_circuit=service.external_local)
    if service.type in ("NodePort", "LoadBalancer") and port.node_port:
        for version in sorted({ip_address(vip).version for vip in service.cluster_ips}):
            address = node.address(version)
            if address is not None:
                yield _FrontendAddress(address, port.node_port, service.external_local, is_node=True)


def _outside(service: ServiceFact) -> tuple[str, ...]:
    """Addresses at which clients outside the cluster reach it, apart from those of nodes."""
    return (*service.external_ips, *(each.ip for each in service.ingress if each.mode == "VIP"))


def _frontend(
    address: _FrontendAddress,
    port: ServicePort,
    slices: tuple[EndpointSliceFact, ...],
    node: LocalServiceNode,
    balance: ServiceBalancing,
) -> ServiceFrontend:
    version, protocol = ip_address(address.vip).version, _PROTOCOLS[port.protocol]
    endpoints = _endpoints(port, version, slices, node, only_local=address.only_local)
    if not endpoints and address.short_circuit:
        return _relayed_frontend(address, port, _endpoints(port, version, slices, node, only_local=False))
    if not endpoints:
        return ServiceFrontend(address.vip, address.port, protocol, None, FrontendAvailability.NONE)
    direct = balance.direct_return and not address.is_node
    translation = TranslationIntent(
        vip=address.vip,
        port=address.port,
        protocol=protocol,
        backends=tuple(_backend(endpoint, no_nat=direct and endpoint.node != node.name) for endpoint in endpoints),
        load_balancer=balance.load_balancer,
        hash_bits=balance.hash_bits,
        real_ip=address.is_node,
    )
    availability = FrontendAvailability.READY if endpoints[0].ready else FrontendAvailability.TERMINATING
    return ServiceFrontend(address.vip, address.port, protocol, translation, availability, len(endpoints))


def _endpoints(
    port: ServicePort,
    ip_version: int,
    slices: tuple[EndpointSliceFact, ...],
    node: LocalServiceNode,
    *,
    only_local: bool,
) -> Sequence[UsableServiceEndpoint]:
    """The endpoints that take traffic of a service port on this node."""
    endpoints = usable_service_endpoints(port, ip_version, slices, node.name, only_local=only_local)
    if only_local or not all(endpoint.ready for endpoint in endpoints):
        return endpoints
    return hinted_service_endpoints(endpoints, node.name, node.zone)


def _relayed_frontend(
    address: _FrontendAddress, port: ServicePort, everywhere: Sequence[UsableServiceEndpoint]
) -> ServiceFrontend:
    """Other nodes' endpoints, behind an address that their nodes translate. An endpoint without a node has none."""
    protocol = _PROTOCOLS[port.protocol]
    relayed = [endpoint for endpoint in everywhere if endpoint.node]
    if not relayed:
        return ServiceFrontend(address.vip, address.port, protocol, None, FrontendAvailability.NONE)
    itself = TranslationIntent(address.vip, address.port, protocol, (TranslationBackend(address.vip, address.port),))
    availability = FrontendAvailability.READY_ELSEWHERE if relayed[0].ready else FrontendAvailability.TERMINATING
    nodes = frozenset(endpoint.node for endpoint in relayed if endpoint.node)
    return ServiceFrontend(address.vip, address.port, protocol, itself, availability, len(relayed), nodes)


def _backend(endpoint: UsableServiceEndpoint, *, no_nat: bool) -> TranslationBackend:
    return TranslationBackend(endpoint.address, endpoint.port, no_nat=no_nat)


def _unserved(service: ServiceFact, node: LocalServiceNode) -> Iterator[str]:
    """What the Service asks for and does not get."""
    if not service.ports:
        yield "ports: there is none"
    if service.source_ranges:
        yield "loadBalancerSourceRanges: not enforced, every source is served"
    outside = bool(_outside(service)) or any(port.node_port for port in service.ports)
    if outside and any(port.protocol == "SCTP" for port in service.ports):
        yield "ports: SCTP from outside reaches endpoints of this node only (VPP has no source NAT for it)"
    for version in sorted({ip_address(vip).version for vip in service.cluster_ips}):
        if any(port.node_port for port in service.ports) and node.address(version) is None:
            yield f"nodePort: this node has no IPv{version} address"
