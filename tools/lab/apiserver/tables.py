"""What `kubectl get` prints: the server makes the cells (Accept: application/json;as=Table)."""

from collections.abc import Callable
from datetime import datetime

from tools.lab.apiserver.resources import Resource
from tools.lab.apiserver.status import Object

Cell = Callable[[Object, datetime], str]

ROLE_LABEL = "node-role.kubernetes.io/"
AGE_STEPS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def table(resource: Resource, bodies: list[Object], version: str, include: str, now: datetime) -> Object:
    """A Table of `bodies`; `include` is None, Metadata or Object: what each row carries besides its cells."""
    columns = COLUMNS.get(resource.id, DEFAULT_COLUMNS)
    rows = [{"cells": [cell(body, now) for _, cell in columns], "object": carried(body, include)} for body in bodies]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [column(title) for title, _ in columns],
        "rows": rows,
    }


def column(title: str) -> Object:
    """A column definition; the format "name" marks the column that -o name and completion use."""
    form = "name" if title == "Name" else ""
    return {"name": title, "type": "string", "format": form, "description": title, "priority": 0}


def carried(body: Object, include: str) -> Object | None:
    """The object of a row."""
    if include == "Object":
        return body
    if include == "None":
        return None
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": body["metadata"]}


def name(body: Object, now: datetime) -> str:
    """NAME."""
    return str(body["metadata"]["name"])


def age(body: Object, now: datetime) -> str:
    """AGE, in its largest unit."""
    seconds = int((now - datetime.fromisoformat(body["metadata"]["creationTimestamp"])).total_seconds())
    for unit, length_s in AGE_STEPS:
        if seconds >= 2 * length_s:
            return f"{seconds // length_s}{unit}"
    return f"{max(seconds, 0)}s"


def node_status(body: Object, now: datetime) -> str:
    """STATUS of a node: its Ready condition, and whether pods may be scheduled on it."""
    ready = {"True": "Ready", "False": "NotReady"}
    words = [
        ready.get(str(condition.get("status")), "Unknown")
        for condition in dicts(part(body, "status").get("conditions"))
        if condition.get("type") == "Ready"
    ] or ["Unknown"]
    if part(body, "spec").get("unschedulable") is True:
        words.append("SchedulingDisabled")
    return ",".join(words)


def node_roles(body: Object, now: datetime) -> str:
    """ROLES of a node, from its labels."""
    labels = body["metadata"].get("labels", {})
    roles = sorted(label.removeprefix(ROLE_LABEL) for label in labels if label.startswith(ROLE_LABEL))
    return ",".join(roles) or "<none>"


def node_version(body: Object, now: datetime) -> str:
    """VERSION of a node's kubelet."""
    info = part(body, "status").get("nodeInfo")
    return str(info.get("kubeletVersion", "")) if isinstance(info, dict) else ""


def phase(body: Object, now: datetime) -> str:
    """STATUS of a pod."""
    return str(part(body, "status").get("phase", ""))


def pod_node(body: Object, now: datetime) -> str:
    """NODE of a pod."""
    return str(part(body, "spec").get("nodeName", "<none>"))


def pod_ip(body: Object, now: datetime) -> str:
    """IP of a pod."""
    return str(part(body, "status").get("podIP", "<none>"))


def part(body: Object, field: str) -> Object:
    """spec or status; an object of the wrong shape has an empty one."""
    value = body.get(field)
    return value if isinstance(value, dict) else {}


def dicts(value: object) -> list[Object]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


DEFAULT_COLUMNS: tuple[tuple[str, Cell], ...] = (("Name", name), ("Age", age))
COLUMNS: dict[str, tuple[tuple[str, Cell], ...]] = {
    "nodes": (
        ("Name", name),
        ("Status", node_status),
        ("Roles", node_roles),
        ("Age", age),
        ("Version", node_version),
    ),
    "pods": (("Name", name), ("Status", phase), ("IP", pod_ip), ("Node", pod_node), ("Age", age)),
}
