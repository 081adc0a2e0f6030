"""A URL path becomes a resource, with a namespace, a name and a sub-resource where it has them."""

from dataclasses import dataclass

from tools.lab.apiserver.resources import ServedResource, resource_at


@dataclass(frozen=True)
class RequestTarget:
    """The resource, or the object, of a request. `name` is "" for a collection; `part` is "main" or "status"."""

    resource: ServedResource
    namespace: str = ""
    name: str = ""
    part: str = "main"


def parse_path(path: str) -> RequestTarget | None:
    """The target of a path such as `/api/v1/namespaces/default/pods/web/status`; None if it is not served."""
    match path.strip("/").split("/"):
        case ["api", version, *segments]:
            return parse_resource("", version, segments)
        case ["apis", group, version, *segments]:
            return parse_resource(group, version, segments)
    return None


def parse_resource(group: str, version: str, segments: list[str]) -> RequestTarget | None:
    """The part of the path after group and version.

    `namespaces/x` and `namespaces/x/status` are the Namespace itself, `namespaces/x/pods` is within it.
    """
    match segments:
        case ["namespaces", namespace, plural, *names] if plural != "status":
            return target_of(resource_at(group, version, plural), namespace, names)
        case [plural, *names]:
            return target_of(resource_at(group, version, plural), "", names)
    return None


def target_of(resource: ServedResource | None, namespace: str, names: list[str]) -> RequestTarget | None:
    """The target, where namespace and sub-resource fit the resource.

    Only a collection of a namespaced resource can be asked for without a namespace: all namespaces.
    """
    if resource is None or (namespace and not resource.namespaced):
        return None
    if names and resource.namespaced and not namespace:
        return None
    match names:
        case []:
            return RequestTarget(resource, namespace)
        case [name]:
            return RequestTarget(resource, namespace, name)
        case [name, "status"] if resource.has_status:
            return RequestTarget(resource, namespace, name, "status")
    return None
