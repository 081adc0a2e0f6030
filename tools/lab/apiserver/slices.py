"""EndpointSlices of a Service and its Pods, as Kubernetes' controller makes them. Pure.

Source: Kubernetes documentation "EndpointSlices", and the endpointslice controller: a slice holds endpoints of one
address family whose named ports have the same numbers; an endpoint stays in its slice as long as it fits there.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeAlias

from tools.lab.objects import Object, dicts, part

ENDPOINTS_MAX = 100
SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_LABEL = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL = "service.kubernetes.io/headless"
MANAGER = "endpointslice-controller.k8s.io"
ZONE_LABEL = "topology.kubernetes.io/zone"
GONE_PHASES = ("Succeeded", "Failed")

SliceGroup: TypeAlias = tuple[str, str]
"""What endpoints of one slice have in common: `IPv4` or `IPv6`, and the slice's ports as JSON."""


@dataclass
class SliceChanges:
    """Objects to create and to replace, names of slices to delete."""

    create: list[Object] = field(default_factory=list)
    update: list[Object] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)


def selects(service: Object, pod: Object) -> bool:
    """Whether a service selects a pod: same namespace, and every label of the selector."""
    selector = part(service, "spec").get("selector")
    labels = pod["metadata"].get("labels", {})
    same_namespace = service["metadata"].get("namespace") == pod["metadata"].get("namespace")
    if not same_namespace or not isinstance(selector, dict) or not selector:
        return False
    return all(labels.get(key) == value for key, value in selector.items())


def is_managed(piece: Object) -> bool:
    """Whether the controller manages a slice; one that was applied by hand is left alone."""
    return bool(piece["metadata"].get("labels", {}).get(MANAGED_LABEL) == MANAGER)


def slice_changes(
    service: Object | None, pods: Iterable[Object], zones: dict[str, str], slices: list[Object]
) -> SliceChanges:
    """The changes that bring the slices of one service up to date.

    `service` is None after its deletion; `zones` has the zone of each node that has one; `slices` are those of the
    service that the controller manages.
    """
    by_group = grouped_endpoints(service, pods, zones) if service else {}
    changes = SliceChanges()
    for piece in slices:
        group = group_of(piece)
        remaining = take_remaining(piece, by_group.get(group, {}))
        if not remaining:
            changes.delete.append(piece["metadata"]["name"])
        elif service and (piece.get("endpoints"), piece["metadata"].get("labels")) != (remaining, labels_of(service)):
            meta = {**piece["metadata"], "labels": labels_of(service)}
            changes.update.append({**piece, "metadata": meta, "endpoints": remaining})
    if service:
        place_endpoints(service, by_group, slices, changes)
    return changes


def group_of(piece: Object) -> SliceGroup:
    """The group of a slice's endpoints."""
    return str(piece.get("addressType")), json.dumps(piece.get("ports"))


def take_remaining(piece: Object, endpoints: dict[str, Object]) -> list[Object]:
    """The new state of the endpoints that stay in a slice; removes them from `endpoints`."""
    references = [endpoint.get("targetRef") for endpoint in dicts(piece.get("endpoints"))]
    names = [str(reference.get("name")) for reference in references if isinstance(reference, dict)]
    return [endpoints.pop(name) for name in names if name in endpoints]


def place_endpoints(
    service: Object, by_group: dict[SliceGroup, dict[str, Object]], slices: list[Object], changes: SliceChanges
) -> None:
    """Puts endpoints that are in no slice where there is room, and into new slices."""
    updated = {piece["metadata"]["name"]: piece for piece in changes.update}
    for group, unplaced in by_group.items():
        new = list(unplaced.values())
        for piece in slices:
            name = piece["metadata"]["name"]
            if new and name not in changes.delete and group_of(piece) == group:
                now = updated.get(name, piece)
                room = ENDPOINTS_MAX - len(now["endpoints"])
                if room > 0:
                    filled = {**now, "endpoints": now["endpoints"] + new[:room]}
                    changes.update = [*(p for p in changes.update if p["metadata"]["name"] != name), filled]
                    new = new[room:]
        changes.create += [
            new_slice(service, group, new[start : start + ENDPOINTS_MAX]) for start in range(0, len(new), ENDPOINTS_MAX)
        ]


def new_slice(service: Object, group: SliceGroup, endpoints: list[Object]) -> Object:
    """A new slice; the server makes its name."""
    meta = service["metadata"]
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"generateName": f"{meta['name']}-", "labels": labels_of(service), "ownerReferences": [owner]},
        "addressType": group[0],
        "ports": json.loads(group[1]),
        "endpoints": endpoints,
    }


def labels_of(service: Object) -> dict[str, str]:
    """The labels of a service's slices: its own, and the controller's."""
    labels = service["metadata"].get("labels", {})
    headless = {HEADLESS_LABEL: ""} if part(service, "spec").get("clusterIP") == "None" else {}
    return {**labels, **headless, SERVICE_LABEL: service["metadata"]["name"], MANAGED_LABEL: MANAGER}


def grouped_endpoints(
    service: Object, pods: Iterable[Object], zones: dict[str, str]
) -> dict[SliceGroup, dict[str, Object]]:
    """The endpoints of a service by group, then by pod name."""
    spec = part(service, "spec")
    by_group: dict[SliceGroup, dict[str, Object]] = {}
    if spec.get("type") == "ExternalName":
        return by_group
    ip_families = spec.get("ipFamilies")
    families = (ip_families if isinstance(ip_families, list) else []) or ["IPv4"]
    for pod in sorted(pods, key=lambda body: str(body["metadata"]["name"])):
        if not selects(service, pod) or part(pod, "status").get("phase") in GONE_PHASES:
            continue
        ports = json.dumps(list(slice_ports(spec, pod)))
        for family in map(str, families):
            addresses = [ip for ip in ips_of(pod) if family_of(ip) == family]
            if addresses:
                group = by_group.setdefault((family, ports), {})
                group[pod["metadata"]["name"]] = endpoint(spec, pod, addresses[:1], zones)
    return by_group


def slice_ports(spec: Object, pod: Object) -> Iterator[Object]:
    """The service's ports with the pod's numbers; a named port that the pod lacks is left out."""
    for port in dicts(spec.get("ports")):
        protocol = port.get("protocol", "TCP")
        number = port_number(port.get("targetPort") or port.get("port"), protocol, pod)
        if number is not None:
            more = {"appProtocol": port["appProtocol"]} if "appProtocol" in port else {}
            yield {"name": port.get("name", ""), "protocol": protocol, "port": number, **more}


def port_number(target_port: object, protocol: str, pod: Object) -> int | None:
    """The number of a target port, which may be the name of a container's port."""
    if isinstance(target_port, int):
        return target_port
    for container in dicts(part(pod, "spec").get("containers")):
        for port in dicts(container.get("ports")):
            if port.get("name") == target_port and port.get("protocol", "TCP") == protocol:
                number = port.get("containerPort")
                return number if isinstance(number, int) else None
    return None


def endpoint(spec: Object, pod: Object, addresses: list[str], zones: dict[str, str]) -> Object:
    """One endpoint, with the conditions of discovery/v1 EndpointConditions."""
    meta, node = pod["metadata"], part(pod, "spec").get("nodeName")
    terminating = bool(meta.get("deletionTimestamp"))
    serving = is_ready(pod)
    always = spec.get("publishNotReadyAddresses") is True
    reference = {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    return {
        "addresses": addresses,
        "conditions": {
            "ready": always or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": reference,
        **({"nodeName": node} if node else {}),
        **({"zone": zones[node]} if isinstance(node, str) and node in zones else {}),
        **topology_hints(spec.get("trafficDistribution"), node, zones),
    }


def topology_hints(distribution: object, node: object, zones: dict[str, str]) -> Object:
    """Zone and node that should use an endpoint (core/v1 ServiceSpec.trafficDistribution)."""
    zone = zones.get(node) if isinstance(node, str) else None
    hints: Object = {}
    if zone is not None and distribution in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        hints["forZones"] = [{"name": zone}]
    if node and distribution == "PreferSameNode":
        hints["forNodes"] = [{"name": node}]
    return {"hints": hints} if hints else {}


def is_ready(pod: Object) -> bool:
    """The pod's condition Ready."""
    conditions = dicts(part(pod, "status").get("conditions"))
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def ips_of(pod: Object) -> list[str]:
    """The pod's addresses."""
    status = part(pod, "status")
    listed = [row.get("ip") for row in dicts(status.get("podIPs"))] or [status.get("podIP")]
    return [ip for ip in listed if isinstance(ip, str) and ip]


def family_of(ip: str) -> str:
    """`IPv4` or `IPv6`; "" for what is no address."""
    try:
        return f"IPv{ip_address(ip).version}"
    except ValueError:
        return ""
