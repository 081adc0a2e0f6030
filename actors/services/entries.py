"""One Service's addresses and ports, as VPP should serve them on this node. Pure.

Source: spec/services.md sections 4 and 8. Nothing here knows of other Services.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from actors.services.annotations import Balancing, balancing
from actors.services.endpoints import Target, targets
from schemas.cnat import Backend, Translation
from schemas.facts import EndpointSlice, Service, ServicePort

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
NAMES = {number: name for name, number in PROTOCOLS.items()}


class Here(NamedTuple):
    """This node: its name, and its address of each family, if it has one."""

    node: str
    ip4: str | None = None
    ip6: str | None = None

    def address(self, ip_version: int) -> str | None:
        return self.ip4 if ip_version == 4 else self.ip6


class Entry(NamedTuple):
    """A (address, port, protocol) that a Service claims. `translation` None: nobody serves it at present."""

    vip: str
    port: int
    protocol: int
    translation: Translation | None
    backends: int = 0

    def __str__(self) -> str:
        return f"{self.vip} port {self.port} {NAMES[self.protocol]}"


class Served(NamedTuple):
    """What becomes of one Service.

    `addresses`: those that this node takes traffic for only while it has endpoints of its own. `local`: ready
    endpoints of this node, for health checks.
    """

    entries: tuple[Entry, ...] = ()
    addresses: tuple[str, ...] = ()
    local: int = 0
    problems: tuple[str, ...] = ()


class Claim(NamedTuple):
    """An address of a Service, and how traffic to it is treated."""

    vip: str
    port: int
    only_local: bool
    is_node: bool = False


def served(service: Service, slices: Iterable[EndpointSlice], here: Here) -> Served:
    """The Service as this node serves it."""
    slices = tuple(slices)
    problems = [*service.problems, *(f"EndpointSlice: {problem}" for each in slices for problem in each.problems)]
    if service.headless or service.proxy_name or service.type == "ExternalName":
        return Served(problems=tuple(problems))
    how, wrong = balancing(service)
    entries = tuple(_entries(service, slices, here, how))
    local = {e.vip for e in entries if e.translation and service.external_local and e.vip in _outside(service)}
    return Served(
        entries=entries,
        addresses=tuple(sorted(local)),
        local=_local(service, slices, here),
        problems=(*problems, *wrong, *_unserved(service, here)),
    )


def _entries(service: Service, slices: tuple[EndpointSlice, ...], here: Here, how: Balancing) -> Iterator[Entry]:
    seen = set()
    for port in service.ports:
        for claim in _claims(service, port, here):
            key = (claim.vip, claim.port, port.protocol)
            if key not in seen:
                seen.add(key)
                yield _entry(claim, port, slices, here, how)


def _claims(service: Service, port: ServicePort, here: Here) -> Iterator[Claim]:
    for vip in service.cluster_ips:
        yield Claim(vip, port.port, service.internal_local)
    for vip in _outside(service):
        yield Claim(vip, port.port, service.external_local)
    if service.type in ("NodePort", "LoadBalancer") and port.node_port:
        for version in sorted({ip_address(vip).version for vip in service.cluster_ips}):
            address = here.address(version)
            if address is not None:
                yield Claim(address, port.node_port, service.external_local, is_node=True)


def _outside(service: Service) -> tuple[str, ...]:
    """Addresses at which the world reaches it, beside those of nodes."""
    return (*service.external_ips, *(each.ip for each in service.ingress if each.mode == "VIP"))


def _entry(claim: Claim, port: ServicePort, slices: tuple[EndpointSlice, ...], here: Here, how: Balancing) -> Entry:
    version, protocol = ip_address(claim.vip).version, PROTOCOLS[port.protocol]
    found = targets(port, version, slices, here.node, only_local=claim.only_local)
    if not found:
        return Entry(claim.vip, claim.port, protocol, None)
    direct = how.direct_return and not claim.is_node
    translation = Translation(
        vip=claim.vip,
        port=claim.port,
        protocol=protocol,
        backends=tuple(_backend(target, direct=direct) for target in found),
        load_balancer=how.load_balancer,
        hash_bits=how.hash_bits,
        real_ip=claim.is_node,
    )
    return Entry(claim.vip, claim.port, protocol, translation, len(found))


def _backend(target: Target, *, direct: bool) -> Backend:
    return Backend(target.address, target.port, no_nat=direct and not target.local)


def _local(service: Service, slices: tuple[EndpointSlice, ...], here: Here) -> int:
    """Endpoints of this node that take traffic, of any port and family."""
    found = {
        target.address
        for port in service.ports
        for version in (4, 6)
        for target in targets(port, version, slices, here.node, only_local=True)
    }
    return len(found)


def _unserved(service: Service, here: Here) -> Iterator[str]:
    """What the Service asks for and does not get."""
    if not service.ports:
        yield "ports: there is none"
    if service.source_ranges:
        yield "loadBalancerSourceRanges: not enforced, every source is served"
    outside = bool(_outside(service)) or any(port.node_port for port in service.ports)
    if outside and any(port.protocol == "SCTP" for port in service.ports):
        yield "ports: SCTP from outside reaches endpoints of this node only (VPP has no source NAT for it)"
    for version in sorted({ip_address(vip).version for vip in service.cluster_ips}):
        if any(port.node_port for port in service.ports) and here.address(version) is None:
            yield f"nodePort: this node has no IPv{version} address"
