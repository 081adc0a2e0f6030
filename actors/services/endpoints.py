"""Which endpoints of a Service take traffic, as kube-proxy decides it. Pure.

Ready ones; if there is none, those that serve while they terminate. Decided for all endpoints and for those of this
node apart. An endpoint without a node is nobody's own.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.facts import Endpoint, EndpointSlice, ServicePort


class Target(NamedTuple):
    """Where packets of one service port go."""

    address: str
    port: int
    local: bool


def targets(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSlice], node: str, *, only_local: bool
) -> tuple[Target, ...]:
    """The usable targets of a service port, sorted, each once."""
    found = list(_candidates(port, ip_version, slices, node))
    if only_local:
        found = [(target, endpoint) for target, endpoint in found if target.local]
    ready = {target for target, endpoint in found if endpoint.ready}
    ending = {target for target, endpoint in found if endpoint.serving and endpoint.terminating}
    return tuple(sorted(ready or ending))


def _candidates(
    port: ServicePort, ip_version: int, slices: Iterable[EndpointSlice], node: str
) -> Iterator[tuple[Target, Endpoint]]:
    for each in slices:
        if each.ip_version != ip_version:
            continue
        number = _number(port, each)
        if number is None:
            continue
        for endpoint in each.endpoints:
            # Kubernetes: the addresses of one endpoint are interchangeable, consumers take the first.
            if endpoint.addresses:
                yield Target(endpoint.addresses[0], number, endpoint.node == node), endpoint


def _number(port: ServicePort, each: EndpointSlice) -> int | None:
    """The slice's own number of the service's port; one without a number stands for every port."""
    for candidate in each.ports:
        if (candidate.name, candidate.protocol) == (port.name, port.protocol):
            return port.port if candidate.port is None else candidate.port
    return None
