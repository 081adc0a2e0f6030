"""The controller that runs within the server: EndpointSlices follow Services and Pods.

It acts on the store between a change and its answer, so that whoever applied a Service finds its slices there.
"""

from collections.abc import Iterable

from tools.lab.apiserver import slices
from tools.lab.apiserver.resources import BY_ID, DISCOVERY
from tools.lab.apiserver.status import ApiError
from tools.lab.apiserver.store import ObjectChange, ObjectStore
from tools.lab.objects import Key, Object, key_of, part

SERVICES, PODS, NODES = BY_ID["services"], BY_ID["pods"], BY_ID["nodes"]
SLICES = BY_ID[f"endpointslices.{DISCOVERY}"]


class EndpointSliceController:
    """Keeps the slices of a store; `update_slices` is called after every change."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._version = -1

    def update_slices(self, now: str) -> None:
        """Brings the slices up to date with everything that changed since the last call."""
        if self._version == self._store.version:
            return
        for namespace, name in self._dirty():
            self._reconcile(namespace, name, now)
        self._version = self._store.version

    def _dirty(self) -> set[Key]:
        """The services whose slices may have to change; all of them when it is not known what changed."""
        try:
            changed = self._store.changes_since(self._version)
        except ApiError:
            return self._all_services() | set(self._owners())
        return {key for change in changed for key in self._touched(change)}

    def _all_services(self) -> set[Key]:
        return {key_of(service) for service in self._store.list_objects(SERVICES)}

    def _owners(self) -> Iterable[Key]:
        for piece in filter(slices.is_managed, self._store.list_objects(SLICES)):
            yield piece["metadata"]["namespace"], piece["metadata"]["labels"].get(slices.SERVICE_LABEL, "")

    def _touched(self, change: ObjectChange) -> Iterable[Key]:
        if change.resource is SERVICES:
            yield key_of(change.last)
        elif change.resource is PODS:
            states = [body for body in (change.before, change.after) if body is not None]
            for service in self._store.list_objects(SERVICES, key_of(change.last)[0]):
                if any(slices.selects(service, pod) for pod in states):
                    yield key_of(service)
        elif change.resource is NODES and zone_of(change.before) != zone_of(change.after):
            yield from self._all_services()
        elif change.resource is SLICES and slices.is_managed(change.last):
            yield key_of(change.last)[0], change.last["metadata"]["labels"].get(slices.SERVICE_LABEL, "")

    def _reconcile(self, namespace: str, name: str, now: str) -> None:
        store = self._store
        service = store.get(SERVICES, namespace, name) if (SERVICES.id, (namespace, name)) in store else None
        if service is not None and not part(service, "spec").get("selector"):
            service = None  # whoever made a service without selector makes its slices too
        managed = [piece for piece in store.list_objects(SLICES, namespace) if self._is_of(piece, name)]
        changes = slices.slice_changes(service, store.list_objects(PODS, namespace), self._zones(), managed)
        for obsolete in changes.delete:
            store.delete(SLICES, namespace, obsolete)
        for piece in changes.update:
            store.update(SLICES, namespace, piece["metadata"]["name"], piece, "main")
        for piece in changes.create:
            store.create(SLICES, namespace, piece, now)

    def _is_of(self, piece: Object, service: str) -> bool:
        return slices.is_managed(piece) and piece["metadata"]["labels"].get(slices.SERVICE_LABEL) == service

    def _zones(self) -> dict[str, str]:
        zones = {node["metadata"]["name"]: zone_of(node) for node in self._store.list_objects(NODES)}
        return {name: zone for name, zone in zones.items() if zone}


def zone_of(node: Object | None) -> str:
    """The zone that a node says it is in."""
    return str(node["metadata"].get("labels", {}).get(slices.ZONE_LABEL, "")) if node else ""
