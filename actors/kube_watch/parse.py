"""One object of the Kubernetes API becomes one fact. Pure.

Each function takes the decoded JSON of one object, of any shape, and returns (key, fact) or raises MalformedKubeObject,
never anything else. Fields and their meaning: Calico's resource definitions. Defaults that Calico applies to an unset
field are the managers' business, except where the fact has the default itself.
"""

import ipaddress
from collections.abc import Callable

from actors.kube_watch import parse_services
from actors.kube_watch.fields import KubernetesFields, MalformedKubeObject, shorten_kube_text
from schemas.facts import BgpConfigurationFact, BlockAffinityFact, Fact, IpPoolFact, NodeAnnotationsFact, NodeFact

_ANNOTATION = "projectcalico.org/"
_LEAVING_TAINT = "ToBeDeletedByClusterAutoscaler"
_ANNOTATION_LENGTH_MAX = 1024
_ENCAPSULATION_MODES = ("Never", "Always", "CrossSubnet")
_AFFINITY_STATES = ("confirmed", "pending", "pendingDeletion")


def _name_and_fields(kind: str, body: object) -> tuple[str, KubernetesFields]:
    """The name of an object, and its fields. Raises MalformedKubeObject."""
    if not isinstance(body, dict):
        raise MalformedKubeObject(kind, "", f"expected an object, got {shorten_kube_text(body)}")
    name = KubernetesFields(kind, "", body).within("metadata").required_text("name")
    return name, KubernetesFields(f"{kind} {name}", "", body)


def kube_object_key(kind: str, body: object) -> str:
    """The key of an object: its name, with its namespace where it has one. Raises MalformedKubeObject."""
    if kind in _NAMESPACED:
        return parse_services.kube_key_and_fields(kind, body)[0]
    return _name_and_fields(kind, body)[0]


def _parse_node(body: object) -> tuple[str, NodeFact]:
    """core/v1 Node: what Calico writes into its annotations."""
    name, fields = _name_and_fields("Node", body)
    meta = fields.within("metadata")
    annotations = meta.within("annotations")
    calico_labels = annotations.json(f"{_ANNOTATION}labels")
    parsed = NodeFact(
        ip4=annotations.interface_address(f"{_ANNOTATION}IPv4Address", 4),
        ip6=annotations.interface_address(f"{_ANNOTATION}IPv6Address", 6),
        asn=annotations.asn(f"{_ANNOTATION}ASNumber"),
        # Kubernetes' own labels win over those set through Calico.
        labels=calico_labels.all_texts() | meta.texts("labels"),
        leaving=meta.text("deletionTimestamp") is not None or _LEAVING_TAINT in _taints(fields.within("spec")),
    )
    return name, parsed


def _taints(spec: KubernetesFields) -> list[object]:
    """The keys of a node's taints."""
    return [taint.get("key") for taint in spec.value("taints", list, "a list") or [] if isinstance(taint, dict)]


def parse_node_annotations(body: object) -> tuple[str, NodeAnnotationsFact]:
    """core/v1 Node: its annotations but long ones, which controllers keep for themselves and no template asks for."""
    name, fields = _name_and_fields("Node", body)
    texts = fields.within("metadata").texts("annotations")
    return name, NodeAnnotationsFact({key: text for key, text in texts.items() if len(text) <= _ANNOTATION_LENGTH_MAX})


def _parse_bgp_configuration(body: object) -> tuple[str, BgpConfigurationFact]:
    """Calico BGPConfiguration."""
    name, fields = _name_and_fields("BGPConfiguration", body)
    spec = fields.within("spec")
    parsed = BgpConfigurationFact(
        asn=spec.asn("asNumber"),
        node_to_node_mesh=spec.boolean("nodeToNodeMeshEnabled"),
        listen_port=spec.port("listenPort"),
        log_severity=spec.text("logSeverityScreen"),
        service_cluster_ips=spec.prefixes("serviceClusterIPs"),
        service_external_ips=spec.prefixes("serviceExternalIPs"),
        service_load_balancer_ips=spec.prefixes("serviceLoadBalancerIPs"),
    )
    return name, parsed


def _parse_ip_pool(body: object) -> tuple[str, IpPoolFact]:
    """Calico IPPool. At most one encapsulation, and no IP in IP for IPv6."""
    name, fields = _name_and_fields("IPPool", body)
    spec = fields.within("spec")
    cidr = spec.prefix("cidr")
    ipip = spec.choice("ipipMode", _ENCAPSULATION_MODES) or "Never"
    vxlan = spec.choice("vxlanMode", _ENCAPSULATION_MODES) or "Never"
    if ipip != "Never" and vxlan != "Never":
        raise spec.wrong("vxlanMode", f"is {vxlan} beside ipipMode {ipip}: at most one is not Never")
    if ipip != "Never" and ipaddress.ip_network(cidr).version == 6:
        raise spec.wrong("ipipMode", f"is {ipip}, but {cidr} is IPv6")
    parsed = IpPoolFact(
        cidr=cidr,
        ipip_mode=ipip,
        vxlan_mode=vxlan,
        nat_outgoing=spec.boolean("natOutgoing") or False,
        disabled=spec.boolean("disabled") or False,
        disable_bgp_export=spec.boolean("disableBGPExport") or False,
    )
    return name, parsed


def _parse_block_affinity(body: object) -> tuple[str, BlockAffinityFact | None]:
    """Calico BlockAffinity; None for one that binds its block to something else than a node."""
    name, fields = _name_and_fields("BlockAffinity", body)
    spec = fields.within("spec")
    if (spec.text("type") or "host") != "host":
        return name, None
    parsed = BlockAffinityFact(
        node=spec.required_text("node"),
        cidr=spec.prefix("cidr"),
        state=spec.choice("state", _AFFINITY_STATES) or "confirmed",
        deleted=_is_deleted(spec),
    )
    return name, parsed


def _is_deleted(spec: KubernetesFields) -> bool:
    """Whether an affinity is being deleted: text in API v1, true or false in v3."""
    value = spec.value("deleted", (bool, str), "true or false")
    if value in ("true", "false"):
        return bool(value == "true")
    if isinstance(value, str) and value:
        raise spec.wrong("deleted", f"expected true or false, got {shorten_kube_text(value)}")
    return bool(value)


KUBE_PARSERS: dict[str, Callable[[object], tuple[str, Fact | None]]] = {
    "nodes": _parse_node,
    "bgpconfigurations": _parse_bgp_configuration,
    "ippools": _parse_ip_pool,
    "blockaffinities": _parse_block_affinity,
    "services": parse_services.parse_kube_service,
    "endpointslices": parse_services.parse_endpoint_slice,
}
_NAMESPACED = {"services", "endpointslices"}
