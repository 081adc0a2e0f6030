"""Workloads, host endpoints, network sets and profiles, as Felix gets them from Kubernetes' and Calico's objects. Pure.

Source: Calico's documentation of profiles, and its libcalico-go/lib/backend/k8s/conversion: a pod has the labels of its
own, those of its namespace with the prefix `pcns.`, and those of its service account with `pcsa.`. A pod is a workload
from when it has addresses until Calico's plugin has taken them away; one in the host's network never is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from tools.lab.felix.rules import (
    ACCOUNT_LABEL,
    ACCOUNT_PREFIX,
    NAMESPACE_LABEL,
    NAMESPACE_PREFIX,
    BadRule,
    object_field,
)
from tools.lab.felix.sets import Labelled, NamedPort, ServicePorts
from tools.lab.objects import Object
from tools.lab.topology import veth_name

ORCHESTRATOR_LABEL, NAME_LABEL = "projectcalico.org/orchestrator", "projectcalico.org/name"
POD_IP, POD_IPS = "cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs"
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"  # the only annotation that is passed on
SPOOFED = "cni.projectcalico.org/allowedSourcePrefixes"
GONE_PHASES = ("Succeeded", "Failed", "Completed")


@dataclass(frozen=True)
class WorkloadEndpoint:
    """A pod that Calico wired."""

    namespace: str
    pod: str
    node: str
    profiles: tuple[str, ...]
    thing: Labelled
    annotations: Mapping[str, str]
    spoofed: tuple[str, ...] = ()  # prefixes that it may send from beside its addresses

    @property
    def id(self) -> tuple[str, str, str]:
        """orchestrator, workload, endpoint."""
        return "k8s", f"{self.namespace}/{self.pod}", "eth0"

    def message(self) -> Object:
        """The protobuf message WorkloadEndpoint as JSON, but for its tiers."""
        return {
            "state": "active",
            "name": veth_name(self.namespace, self.pod),
            "profile_ids": list(self.profiles),
            "ipv4_nets": [net for net in self.thing.nets if ":" not in net],
            "ipv6_nets": [net for net in self.thing.nets if ":" in net],
            "annotations": dict(self.annotations),
            "allow_spoofed_source_prefixes": list(self.spoofed),
        }


@dataclass(frozen=True)
class CalicoHostEndpoint:
    """A host endpoint of some node."""

    name: str
    node: str
    interface: str
    profiles: tuple[str, ...]
    thing: Labelled

    def message(self) -> Object:
        """The protobuf message HostEndpoint as JSON, but for its tiers."""
        ips = [net.partition("/")[0] for net in self.thing.nets]
        return {
            "name": self.interface,
            "profile_ids": list(self.profiles),
            "expected_ipv4_addrs": [ip for ip in ips if ":" not in ip],
            "expected_ipv6_addrs": [ip for ip in ips if ":" in ip],
        }


def parse_pod(pod: Object, inherited: Mapping[str, Mapping[str, str]]) -> WorkloadEndpoint | None:
    """The workload of a pod, if it is one; `inherited` has the labels that each profile gives. Raises BadRule."""
    meta, spec = pod["metadata"], object_field(pod, "spec")
    if spec.get("hostNetwork") or not spec.get("nodeName") or is_finished(pod):
        return None
    nets = pod_nets(pod)
    if not nets:
        return None
    namespace = meta["namespace"]
    account = spec.get("serviceAccountName") or "default"
    profiles = f"kns.{namespace}", f"ksa.{namespace}.{account}"
    inherited_labels = {key: value for profile in profiles for key, value in inherited.get(profile, {}).items()}
    calico_labels = {NAMESPACE_LABEL: namespace, ORCHESTRATOR_LABEL: "k8s", ACCOUNT_LABEL: account}
    labels = {**inherited_labels, **meta.get("labels", {}), **calico_labels}
    thing = Labelled(labels, nets, tuple(container_ports(spec)))
    notes = meta.get("annotations", {})
    passed_on = {NETWORK_STATUS: notes[NETWORK_STATUS]} if NETWORK_STATUS in notes else {}
    spoofed = tuple(to_prefix(net, SPOOFED) for net in json.loads(notes.get(SPOOFED) or "[]"))
    return WorkloadEndpoint(namespace, meta["name"], spec["nodeName"], profiles, thing, passed_on, spoofed)


def is_finished(pod: Object) -> bool:
    """Whether the pod has no network any more: it ended, or it is ending and the plugin has emptied its annotation."""
    meta = pod["metadata"]
    unwired = meta.get("deletionTimestamp") and meta.get("annotations", {}).get(POD_IP) == ""
    return bool(unwired) or object_field(pod, "status").get("phase") in GONE_PHASES


def pod_nets(pod: Object) -> tuple[str, ...]:
    """The pod's addresses as prefixes: of its status, or of Calico's annotation while there is no status yet."""
    listed = [row.get("ip") for row in object_field(pod, "status").get("podIPs") or []]
    annotated = pod["metadata"].get("annotations", {}).get(POD_IPS, "").split(",")
    return tuple(to_prefix(ip, "status.podIPs") for ip in listed or annotated if ip)


def to_prefix(text: object, field: str) -> str:
    """An address as a prefix of its full length, a prefix with its host bits cut off. Raises BadRule."""
    try:
        return str(ip_network(str(text), strict=False))
    except ValueError as error:
        raise BadRule(f"{field}: {error}") from None


def container_ports(spec: Object) -> list[NamedPort]:
    """The named ports of a pod's containers."""
    rows = [port for container in spec.get("containers") or [] for port in container.get("ports") or []]
    return [
        NamedPort(row["name"], str(row.get("protocol") or "TCP").lower(), int(row["containerPort"]))
        for row in rows
        if row.get("name")
    ]


def parse_host_endpoint(body: Object) -> CalicoHostEndpoint:
    """A HostEndpoint object. Raises BadRule."""
    meta, spec = body["metadata"], object_field(body, "spec")
    nets = tuple(to_prefix(ip, "expectedIPs") for ip in spec.get("expectedIPs") or [])
    ports = tuple(
        NamedPort(str(row["name"]), str(row.get("protocol") or "TCP").lower(), int(row["port"]))
        for row in spec.get("ports") or []
    )
    thing = Labelled(meta.get("labels", {}), nets, ports)
    profiles = tuple(spec.get("profiles") or ())
    return CalicoHostEndpoint(
        meta["name"], str(spec.get("node", "")), str(spec.get("interfaceName") or ""), profiles, thing
    )


def parse_network_set(body: Object, inherited: Mapping[str, Mapping[str, str]]) -> Labelled:
    """A NetworkSet or GlobalNetworkSet object; a set in a namespace has the namespace's labels too. Raises BadRule."""
    meta, spec = body["metadata"], object_field(body, "spec")
    labels = dict(meta.get("labels", {}))
    if namespace := meta.get("namespace", ""):
        labels = {**inherited.get(f"kns.{namespace}", {}), **labels, NAMESPACE_LABEL: namespace}
    return Labelled(labels, tuple(to_prefix(net, "nets") for net in spec.get("nets") or []))


def namespace_labels(body: Object) -> dict[str, str]:
    """Labels that the pods of a Namespace inherit."""
    labels = {f"{NAMESPACE_PREFIX}{key}": value for key, value in body["metadata"].get("labels", {}).items()}
    return {**labels, f"{NAMESPACE_PREFIX}{NAME_LABEL}": body["metadata"]["name"]}


def account_labels(body: Object) -> dict[str, str]:
    """Labels that the pods of a ServiceAccount inherit."""
    labels = {f"{ACCOUNT_PREFIX}{key}": value for key, value in body["metadata"].get("labels", {}).items()}
    return {**labels, f"{ACCOUNT_PREFIX}{NAME_LABEL}": body["metadata"]["name"]}


def service_ports(piece: Object) -> ServicePorts:
    """The addresses and ports of an EndpointSlice, whatever their conditions."""
    ips = tuple(str(ip) for row in piece.get("endpoints") or [] for ip in row.get("addresses") or [])
    rows = [row for row in piece.get("ports") or [] if row.get("port") is not None]
    return ServicePorts(ips, tuple((str(row.get("protocol") or "TCP").lower(), int(row["port"])) for row in rows))


def node_message(body: Object) -> Object:
    """The protobuf message HostMetadataV4V6Update of a Node, as JSON."""
    meta = body["metadata"]
    notes = meta.get("annotations", {})
    addresses = {
        "ipv4_addr": notes.get("projectcalico.org/IPv4Address", ""),
        "ipv6_addr": notes.get("projectcalico.org/IPv6Address", ""),
        "asnumber": notes.get("projectcalico.org/ASNumber", ""),
    }
    return {"hostname": meta["name"], **addresses, "labels": dict(meta.get("labels", {}))}


def without_length(address: str) -> str:
    """The address without its length; "" stays as it is. Raises ValueError."""
    return str(ip_interface(address).ip) if address else ""
