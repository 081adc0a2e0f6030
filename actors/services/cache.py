"""Services one by one, worked out again only when one of their own facts has changed. Pure.

Facts are the same objects for as long as they do not change, so comparing them costs nothing.
"""

from collections import defaultdict

from actors.services.desired import ServicesManagerFacts, this_node_for_services
from actors.services.frontends import LocalServiceNode, ServedService, serve_service
from schemas.facts import EndpointSliceFact, ServiceFact


class ServedServiceCache:
    """Every Service as this node serves it, recomputed where its own facts have changed."""

    def __init__(self) -> None:
        self._served: dict[str, ServedService] = {}
        self._slices: defaultdict[str, dict[str, EndpointSliceFact]] = defaultdict(dict)
        self._service_of: dict[str, str] = {}  # slice -> the service that it belonged to
        self._stale: set[str] = set()
        self._node: LocalServiceNode | None = None

    def service_changed(self, key: str, service: ServiceFact | None) -> None:
        """A Service has changed or gone."""
        self._stale.add(key)

    def slice_changed(self, key: str, endpoint_slice: EndpointSliceFact | None) -> None:
        """A slice has changed or gone, or moved to another Service."""
        before = self._service_of.pop(key, None)
        if before is not None:
            self._slices[before].pop(key, None)
            self._stale.add(before)
        if endpoint_slice is not None:
            self._service_of[key] = endpoint_slice.service
            self._slices[endpoint_slice.service][key] = endpoint_slice
            self._stale.add(endpoint_slice.service)

    def served(self, facts: ServicesManagerFacts) -> dict[str, ServedService]:
        """Every Service alone, by key; equal to `desired.serve_each_service(facts)`."""
        node = this_node_for_services(facts)
        if node != self._node:
            self._node, self._stale = node, {*facts.services, *self._served}
        for key in self._stale:
            service = facts.services.get(key)
            if service is None:
                self._served.pop(key, None)
            else:
                slices = [endpoint_slice for _, endpoint_slice in sorted(self._slices[key].items())]
                self._served[key] = serve_service(service, slices, node)
        self._stale = set()
        return self._served
