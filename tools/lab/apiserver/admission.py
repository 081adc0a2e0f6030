"""Fields that the server adds to an object before it stores it. Pure.

Namespaces get the label with their name and a phase (Kubernetes API, "well-known labels"), Services their addresses
and ports. Everything else is stored as it came.
"""

from tools.lab.apiserver import services
from tools.lab.apiserver.resources import BY_ID, NAMESPACES, ServedResource
from tools.lab.apiserver.store import ObjectStore
from tools.lab.objects import Object, key_of

NAME_LABEL = "kubernetes.io/metadata.name"
SERVICES = BY_ID["services"]


def admit(store: ObjectStore, resource: ServedResource, before: Object | None, after: object) -> object:
    """The object as it is to be stored. Raises ApiError 422 for an address or port that another object has."""
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        return after
    if resource is NAMESPACES:
        return admit_namespace(after)
    if resource is SERVICES:
        # Read as JSON is: a change of one is not seen in another.
        own_key = key_of(before) if before else None
        other_services = [service for service in store.list_objects(SERVICES) if key_of(service) != own_key]
        return services.admit_service(before, after, other_services, store.version)
    return after


def admit_namespace(body: Object) -> Object:
    """A Namespace with its name as a label."""
    meta = body["metadata"]
    labels = meta.get("labels") or {}
    if not isinstance(labels, dict) or not isinstance(meta.get("name"), str):
        return body
    return {
        **body,
        "metadata": {**meta, "labels": {**labels, NAME_LABEL: meta["name"]}},
        "spec": body.get("spec") or {"finalizers": ["kubernetes"]},
        "status": body.get("status") or {"phase": "Active"},
    }
