"""A client of the lab's API server, for tools and tests: objects are plain JSON, each call is one request or two.

`kind` is whatever kubectl takes: `Service`, `svc`, `networkpolicies`, `NetworkPolicy.crd.projectcalico.org`.
`namespace` is "" for what has none. Every function raises ApiFailed, which has the HTTP code.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import msgspec

from tools.lab.apiserver.resources import RESOURCES, ServedResource, collection_path, resource_by_kind
from tools.lab.objects import Object
from tools.lab.state import Lab
from tools.lab.topology import DEFAULT_NAMESPACE

NOT_FOUND = 404
TIMEOUT_S = 10.0
MERGE = "application/merge-patch+json"


class ApiFailed(Exception):
    """The API server refused, or is away (code 0)."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


def request(url: str, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
    """The decoded answer to one request."""
    data = None if body is None else json.dumps(body).encode()
    http_request = urllib.request.Request(url + path, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(http_request, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise ApiFailed(f"{method} {path}: {error_text(error.read())}", error.code) from None
    except OSError as error:
        raise ApiFailed(f"{method} {path}: {error}") from None


def error_text(raw: bytes) -> str:
    """The message of a Status, or the answer's text."""
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return raw[:200].decode(errors="replace")


def resource_of(kind: str, api_version: str = "") -> ServedResource:
    """The resource of a kind, of this apiVersion if one is given."""
    resource = resource_by_kind(kind)
    if api_version:
        resource = next((r for r in RESOURCES if (r.kind, r.api_version) == (kind, api_version)), None)
    if resource is None:
        raise ApiFailed(f"no kind {kind} {api_version}".rstrip())
    return resource


def path_of(resource: ServedResource, namespace: str, name: str) -> str:
    """The path of one object."""
    return f"{collection_path(resource, (namespace or DEFAULT_NAMESPACE) if resource.namespaced else '')}/{name}"


def apply(lab: Lab, manifest: Object | str) -> list[Object]:
    """Creates or replaces objects; returns them as they are stored.

    `manifest` is an object, a List, or YAML text of several documents. Fields that are not given are gone afterwards,
    but for what the server allocates (a Service's addresses and node ports) and for the status.
    """
    return [_apply_one(lab, body) for body in parse_manifest(manifest)]


def parse_manifest(manifest: Object | str) -> list[Object]:
    """The objects of a manifest."""
    if isinstance(manifest, str):
        parts = [msgspec.yaml.decode(part) for part in f"\n{manifest}".split("\n---")]
        return [body for part in parts if part for body in parse_manifest(part)]
    return [body for item in manifest["items"] for body in parse_manifest(item)] if "items" in manifest else [manifest]


def _apply_one(lab: Lab, body: Object) -> Object:
    resource = resource_of(str(body.get("kind")), str(body.get("apiVersion")))
    meta = body["metadata"]
    namespace = meta.get("namespace", DEFAULT_NAMESPACE) if resource.namespaced else ""
    path = path_of(resource, namespace, meta["name"])
    try:
        applied: Object = request(lab.api_url, "PUT", path, body)
    except ApiFailed as failed:
        if failed.code != NOT_FOUND:
            raise
        applied = request(lab.api_url, "POST", collection_path(resource, namespace), body)
    return applied


def create(lab: Lab, body: Object) -> Object:
    """Creates an object; one of that name must not be there."""
    resource = resource_of(str(body.get("kind")), str(body.get("apiVersion")))
    namespace = body["metadata"].get("namespace", DEFAULT_NAMESPACE) if resource.namespaced else ""
    created: Object = request(lab.api_url, "POST", collection_path(resource, namespace), body)
    return created


def delete(lab: Lab, kind: str, namespace: str, name: str) -> bool:
    """Deletes an object. False: there was none."""
    try:
        request(lab.api_url, "DELETE", path_of(resource_of(kind), namespace, name))
    except ApiFailed as failed:
        if failed.code != NOT_FOUND:
            raise
        return False
    return True


def get(lab: Lab, kind: str, namespace: str, name: str) -> Object | None:
    """An object, if it is there."""
    try:
        body: Object = request(lab.api_url, "GET", path_of(resource_of(kind), namespace, name))
    except ApiFailed as failed:
        if failed.code != NOT_FOUND:
            raise
        return None
    return body


def list_objects(lab: Lab, kind: str, namespace: str = "", labels: str = "") -> list[Object]:
    """Objects of a kind, of all namespaces or of one; `labels` is a selector such as `a=b,c`."""
    query = f"?labelSelector={urllib.parse.quote(labels)}" if labels else ""
    items: list[Object] = request(lab.api_url, "GET", collection_path(resource_of(kind), namespace) + query)["items"]
    return items


def patch(lab: Lab, kind: str, namespace: str, name: str, change: Object, status: bool = False) -> Object:
    """Merges `change` into an object (RFC 7386: null removes, lists are replaced), or into its status."""
    path = path_of(resource_of(kind), namespace, name) + ("/status" if status else "")
    changed: Object = request(lab.api_url, "PATCH", path, change, MERGE)
    return changed


def label(lab: Lab, kind: str, namespace: str, name: str, **labels: str | None) -> Object:
    """Sets labels; None takes one away. Names that Python cannot write: `**{"a/b": "c"}`."""
    return patch(lab, kind, namespace, name, {"metadata": {"labels": labels}})


def annotate(lab: Lab, kind: str, namespace: str, name: str, annotations: dict[str, str | None]) -> Object:
    """Sets annotations; None takes one away."""
    return patch(lab, kind, namespace, name, {"metadata": {"annotations": annotations}})


def set_ingress(lab: Lab, namespace: str, service: str, *addresses: str, mode: str = "VIP") -> Object:
    """Gives a Service of type LoadBalancer its addresses, as a cloud does."""
    ingress = [{"ip": address, "ipMode": mode} for address in addresses]
    return patch(lab, "services", namespace, service, {"status": {"loadBalancer": {"ingress": ingress}}}, status=True)


def create_namespace(lab: Lab, name: str, **labels: str) -> Object:
    """Makes a Namespace, or gives it these labels."""
    return apply(lab, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})[0]


def split_pod_key(key: str) -> tuple[str, str]:
    """(namespace, name) of a pod's key: `web`, or `shop/web`."""
    space, _, name = key.rpartition("/")
    return space or DEFAULT_NAMESPACE, name


def set_ready(lab: Lab, pod: str, ready: bool) -> Object:
    """Sets a pod's readiness, as its kubelet does; `pod` is its key."""
    return patch(lab, "pods", *split_pod_key(pod), {"status": {"conditions": ready_conditions(ready)}}, status=True)


def ready_conditions(ready: bool) -> list[Object]:
    """A pod's conditions."""
    word = str(ready)
    return [{"type": "Ready", "status": word}, {"type": "ContainersReady", "status": word}]


def set_terminating(lab: Lab, pod: str) -> Object:
    """Begins a pod's end, as `kubectl delete` does: it goes on running, and is an endpoint for no new flow."""
    return patch(lab, "pods", *split_pod_key(pod), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
