"""Which of a Service's endpoints a node should use, by the hints of its EndpointSlices, as kube-proxy decides it. Pure.

The EndpointSlice controller writes hints for a Service with `trafficDistribution`, or with the annotation
`service.kubernetes.io/topology-mode`. They count only if every ready endpoint has some and one is for this node, or
zone: otherwise the controller has not yet caught up, or the Service would have no endpoint here. Nodes come first.
"""

from collections.abc import Callable, Sequence

from actors.services.endpoints import UsableServiceEndpoint

_Hints = Callable[[UsableServiceEndpoint], tuple[str, ...]]


def hinted_service_endpoints(
    ready: Sequence[UsableServiceEndpoint], node: str, zone: str
) -> Sequence[UsableServiceEndpoint]:
    """Those of the ready endpoints that a node in a zone should use. `zone`: "" if the node has none."""
    return (
        _meant_for(node, ready, lambda endpoint: endpoint.node_hints)
        or _meant_for(zone, ready, lambda endpoint: endpoint.zone_hints)
        or ready
    )


def _meant_for(place: str, ready: Sequence[UsableServiceEndpoint], hints: _Hints) -> Sequence[UsableServiceEndpoint]:
    if not place or not all(map(hints, ready)):
        return ()
    return [endpoint for endpoint in ready if place in hints(endpoint)]
