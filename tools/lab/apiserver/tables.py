"""What `kubectl get` prints: the server makes the cells (Accept: application/json;as=Table)."""

from collections.abc import Callable
from datetime import datetime

from tools.lab.apiserver.resources import ServedResource
from tools.lab.objects import Object, dicts, part

Cell = Callable[[Object, datetime], str]

ROLE_LABEL = "node-role.kubernetes.io/"
AGE_STEPS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def table(resource: ServedResource, bodies: list[Object], version: str, include: str, now: datetime) -> Object:
    """A Table of `bodies`; `include` is None, Metadata or Object, which each row carries besides its cells."""
    columns = COLUMNS.get(resource.id, DEFAULT_COLUMNS)
    rows = [{"cells": [cell(body, now) for _, cell in columns], "object": row_object(body, include)} for body in bodies]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [column_definition(title) for title, _ in columns],
        "rows": rows,
    }


def column_definition(title: str) -> Object:
    """A column definition; the format "name" marks the column that -o name and completion use."""
    form = "name" if title == "Name" else ""
    return {"name": title, "type": "string", "format": form, "description": title, "priority": 0}


def row_object(body: Object, include: str) -> Object | None:
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


def service_spec(field: str) -> Cell:
    """A field of a service's spec."""
    return lambda body, now: str(part(body, "spec").get(field) or "<none>")


def external_ips(body: Object, now: datetime) -> str:
    """EXTERNAL-IP of a service: of its load balancer, and those it was given."""
    balancer = part(body, "status").get("loadBalancer")
    ingress = dicts(balancer.get("ingress")) if isinstance(balancer, dict) else []
    external = part(body, "spec").get("externalIPs")
    ips = [row.get("ip") for row in ingress] + (external if isinstance(external, list) else [])
    return ",".join(map(str, ips)) or ("<pending>" if part(body, "spec").get("type") == "LoadBalancer" else "<none>")


def service_ports(body: Object, now: datetime) -> str:
    """PORT(S) of a service."""
    return ",".join(map(port_text, dicts(part(body, "spec").get("ports")))) or "<none>"


def port_text(port: Object) -> str:
    """A port with its node port, `80:30080/TCP`."""
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"


def slice_ports(body: Object, now: datetime) -> str:
    """PORTS of an endpoint slice."""
    return ",".join(str(port.get("port")) for port in dicts(body.get("ports"))) or "<unset>"


def slice_endpoints(body: Object, now: datetime) -> str:
    """ENDPOINTS of an endpoint slice, the first three."""
    rows = [row.get("addresses") for row in dicts(body.get("endpoints"))]
    ips = [str(ip) for row in rows if isinstance(row, list) for ip in row]
    more = f" + {len(ips) - 3} more..." if len(ips) > 3 else ""
    return ",".join(ips[:3]) + more if ips else "<unset>"


def pod_selector(body: Object, now: datetime) -> str:
    """POD-SELECTOR of a network policy."""
    selector = part(body, "spec").get("podSelector")
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    return ",".join(f"{key}={value}" for key, value in labels.items()) if isinstance(labels, dict) else "<none>"


DEFAULT_COLUMNS: tuple[tuple[str, Cell], ...] = (("Name", name), ("Age", age))
COLUMNS: dict[str, tuple[tuple[str, Cell], ...]] = {
    "nodes": (
        ("Name", name),
        ("Status", node_status),
        ("Roles", node_roles),
        ("Age", age),
        ("Version", node_version),
    ),
    "services": (
        ("Name", name),
        ("Type", service_spec("type")),
        ("Cluster-IP", service_spec("clusterIP")),
        ("External-IP", external_ips),
        ("Port(s)", service_ports),
        ("Age", age),
    ),
    "endpointslices.discovery.k8s.io": (
        ("Name", name),
        ("AddressType", lambda body, now: str(body.get("addressType"))),
        ("Ports", slice_ports),
        ("Endpoints", slice_endpoints),
        ("Age", age),
    ),
    "networkpolicies.networking.k8s.io": (("Name", name), ("Pod-Selector", pod_selector), ("Age", age)),
    "namespaces": (("Name", name), ("Status", phase), ("Age", age)),
    "pods": (("Name", name), ("Status", phase), ("IP", pod_ip), ("Node", pod_node), ("Age", age)),
}
