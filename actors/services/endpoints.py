"""Which endpoints of a Service take traffic, as kube-proxy decides it. Pure.

Ready ones; if there is none, those that serve while they terminate. Decided for all endpoints and for those of this
node apart. An endpoint without a node is nobody's own.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.facts import Endpoint, EndpointSlice, ServicePort


class UsableEndpoint(NamedTuple):
    """An endpoint that takes packets of one service port. `local`: it is on this node."""

    address: str
    port: int
    local: bool


def usable_endpoints(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSlice], node: str, *, only_local: bool
) -> tuple[UsableEndpoint, ...]:
    """The endpoints that take traffic of a service port, sorted, each once."""
    candidates = list(_candidates(port, ip_version, slices, node))
    if only_local:
        candidates = [(usable, endpoint) for usable, endpoint in candidates if usable.local]
    ready = {usable for usable, endpoint in candidates if endpoint.ready}
    terminating = {usable for usable, endpoint in candidates if endpoint.serving and endpoint.terminating}
    return tuple(sorted(ready or terminating))


def _candidates(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSlice], node: str
) -> Iterator[tuple[UsableEndpoint, Endpoint]]:
    for endpoint_slice in slices:
        if endpoint_slice.ip_version != ip_version:
            continue
        number = _port_number(port, endpoint_slice)
        if number is None:
            continue
        for endpoint in endpoint_slice.endpoints:
            # Kubernetes: the addresses of one endpoint are interchangeable, consumers take the first.
            if endpoint.addresses:
                yield UsableEndpoint(endpoint.addresses[0], number, endpoint.node == node), endpoint


def _port_number(port: ServicePort, endpoint_slice: EndpointSlice) -> int | None:
    """The slice's own number of the service's port; one without a number stands for every port."""
    for candidate in endpoint_slice.ports:
        if (candidate.name, candidate.protocol) == (port.name, port.protocol):
            return port.port if candidate.port is None else candidate.port
    return None
