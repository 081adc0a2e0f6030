"""What a URL path means: a resource, perhaps a namespace, a name, a sub-resource."""

from dataclasses import dataclass

from tools.lab.apiserver.resources import Resource, find


@dataclass(frozen=True)
class Target:
    """What a request is about. `name` is "" for a collection; `part` is "main" or "status"."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = "main"


def target(path: str) -> Target | None:
    """`/api/v1/namespaces/default/pods/web/status` and the like; None when nothing is served there."""
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            return below("", version, rest)
        case ["apis", group, version, *rest]:
            return below(group, version, rest)
    return None


def below(group: str, version: str, rest: list[str]) -> Target | None:
    """The part of the path after group and version.

    `namespaces/x` and `namespaces/x/status` are the Namespace itself, `namespaces/x/pods` is within it.
    """
    match rest:
        case ["namespaces", namespace, plural, *names] if plural != "status":
            return named(find(group, version, plural), namespace, names)
        case [plural, *names]:
            return named(find(group, version, plural), "", names)
    return None


def named(resource: Resource | None, namespace: str, names: list[str]) -> Target | None:
    """The target, where namespace and sub-resource fit the resource.

    Only a collection of a namespaced resource can be asked for without a namespace: all namespaces.
    """
    if resource is None or (namespace and not resource.namespaced):
        return None
    if names and resource.namespaced and not namespace:
        return None
    match names:
        case []:
            return Target(resource, namespace)
        case [name]:
            return Target(resource, namespace, name)
        case [name, "status"] if resource.has_status:
            return Target(resource, namespace, name, "status")
    return None
