"""Which endpoints of a Service take traffic, as kube-proxy decides it. Pure.

Ready ones; if there is none, those that serve while they terminate. Decided for all endpoints and for those of this
node apart. An endpoint without a node is nobody's own.

Slices may name an address and port several times: while one pod ends and another begins with its address, while an
endpoint moves between slices. It counts once, as the readiest of them; of equals the one of this node.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.facts import EndpointSliceFact, ServicePort, SliceEndpoint


class UsableServiceEndpoint(NamedTuple):
    """An endpoint that takes packets of one service port.

    `node`: its node's name, if it has one. `ready`: it takes new connections; otherwise it serves while it terminates.
    `node_hints`, `zone_hints`: nodes and zones that should use it.
    """

    address: str
    port: int
    node: str | None
    ready: bool
    node_hints: tuple[str, ...] = ()
    zone_hints: tuple[str, ...] = ()


def usable_service_endpoints(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSliceFact], node: str, *, only_local: bool
) -> tuple[UsableServiceEndpoint, ...]:
    """The endpoints that take traffic of a service port, sorted, each address and port once."""
    candidates = [each for each in _candidates(port, ip_version, slices, node) if each.node == node or not only_local]
    ready = [endpoint for endpoint in candidates if endpoint.ready]
    return tuple(sorted(ready or candidates))


def count_ready_service_pods(ports: Iterable[ServicePort], slices: Iterable[EndpointSliceFact], node: str) -> int:
    """The pods of a node that take new connections, on any port, each once however many addresses it has.

    Endpoints that name no pod count by address; beside one of the other family an address may be the same machine's.
    """
    ports = tuple(ports)
    pods, addresses = set[str](), {4: set[str](), 6: set[str]()}
    for endpoint_slice in slices:
        if all(_port_number(port, endpoint_slice) is None for port in ports):
            continue
        for endpoint in endpoint_slice.endpoints:
            if not endpoint.ready or endpoint.node != node:
                continue
            if endpoint.pod:
                pods.add(endpoint.pod)
            else:
                addresses[endpoint_slice.ip_version].update(endpoint.addresses[:1])
    return len(pods) + max(map(len, addresses.values()))


def _candidates(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSliceFact], node: str
) -> Iterable[UsableServiceEndpoint]:
    by_place: dict[tuple[str, int], UsableServiceEndpoint] = {}
    for number, endpoint in _endpoints_of_port(port, ip_version, slices):
        if not endpoint.addresses or not (endpoint.ready or (endpoint.serving and endpoint.terminating)):
            continue
        # Kubernetes: the addresses of one endpoint are interchangeable, consumers take the first.
        candidate = UsableServiceEndpoint(
            endpoint.addresses[0], number, endpoint.node, endpoint.ready, endpoint.node_hints, endpoint.zone_hints
        )
        earlier = by_place.setdefault((candidate.address, number), candidate)
        if earlier is not candidate and _preference(candidate, node) > _preference(earlier, node):
            by_place[candidate.address, number] = candidate
    return by_place.values()


def _preference(endpoint: UsableServiceEndpoint, node: str) -> tuple[bool, bool, str]:
    """The name decides where nothing else does, so that the order of slices does not."""
    return endpoint.ready, endpoint.node == node, endpoint.node or ""


def _endpoints_of_port(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSliceFact]
) -> Iterator[tuple[int, SliceEndpoint]]:
    for endpoint_slice in slices:
        number = _port_number(port, endpoint_slice)
        if endpoint_slice.ip_version == ip_version and number is not None:
            yield from ((number, endpoint) for endpoint in endpoint_slice.endpoints)


def _port_number(port: ServicePort, endpoint_slice: EndpointSliceFact) -> int | None:
    """The slice's own number of the service's port; one without a number stands for every port."""
    for candidate in endpoint_slice.ports:
        if (candidate.name, candidate.protocol) == (port.name, port.protocol):
            return port.port if candidate.port is None else candidate.port
    return None
