"""Services and EndpointSlices of the Kubernetes API become facts. Pure.

A part of an object that cannot be used (a port 0, an unknown protocol, a bad address) is left out and named in the
fact's `problems`; the rest of the object serves. One without a name or of the wrong shape raises MalformedKubeObject.
"""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from actors.kube_watch.fields import KubernetesFields, MalformedKubeObject, shorten_kube_text
from schemas.addresses import parse_ip_address
from schemas.facts import EndpointSliceFact, LoadBalancerIngress, ServiceFact, ServicePort, SliceEndpoint, SlicePort

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_ANNOTATION = "cni.projectcalico.org/"
_HEADLESS = "service.kubernetes.io/headless"
_PROXY = "service.kubernetes.io/service-proxy-name"
_SERVICE_OF_SLICE = "kubernetes.io/service-name"
_AFFINITY_S_DEFAULT = 10800  # core/v1 ClientIPConfig.timeoutSeconds
_FAMILY = {"IPv4": 4, "IPv6": 6}
T = TypeVar("T")


def kube_key_and_fields(kind: str, body: object) -> tuple[str, KubernetesFields]:
    """`<namespace>/<name>` of an object, and its fields. Raises MalformedKubeObject."""
    if not isinstance(body, dict):
        raise MalformedKubeObject(kind, "", f"expected an object, got {shorten_kube_text(body)}")
    meta = KubernetesFields(kind, "", body).within("metadata")
    key = f"{meta.required_text('namespace')}/{meta.required_text('name')}"
    return key, KubernetesFields(f"{kind} {key}", "", body)


def parse_kube_service(body: object) -> tuple[str, ServiceFact]:
    """core/v1 Service."""
    key, fields = kube_key_and_fields("Service", body)
    meta, spec = fields.within("metadata"), fields.within("spec")
    labels, annotations = meta.texts("labels"), meta.texts("annotations")
    problems = _ServiceProblems()
    cluster_ips = list(problems.readable(spec, _cluster_ips, _address))
    affinity = spec.choice("sessionAffinity", ("None", "ClientIP")) == "ClientIP"
    parsed = ServiceFact(
        type=spec.choice("type", _TYPES) or "ClusterIP",
        created=meta.text("creationTimestamp") or "",
        cluster_ips=tuple(ip for ip in cluster_ips if ip),
        external_ips=tuple(problems.readable(spec, _items_of("externalIPs"), _address)),
        ingress=tuple(
            problems.readable(fields.within("status").within("loadBalancer"), _items_of("ingress"), _ingress)
        ),
        ports=tuple(problems.readable(spec, _items_of("ports"), _service_port)),
        headless="None" in (spec.text("clusterIP"), *_texts(spec, "clusterIPs")) or _HEADLESS in labels,
        proxy_name=labels.get(_PROXY, ""),
        internal_local=spec.text("internalTrafficPolicy") == "Local",
        external_local=spec.text("externalTrafficPolicy") == "Local",
        affinity_s=_affinity_s(spec) if affinity else None,
        node_ports=spec.boolean("allocateLoadBalancerNodePorts") is not False,
        health_check_node_port=spec.port("healthCheckNodePort") or 0,
        source_ranges=tuple(problems.readable(spec, _items_of("loadBalancerSourceRanges"), _prefix)),
        annotations={name: text for name, text in annotations.items() if name.startswith(_ANNOTATION)},
        problems=problems.texts,
    )
    return key, parsed


def parse_endpoint_slice(body: object) -> tuple[str, EndpointSliceFact | None]:
    """discovery.k8s.io/v1 EndpointSlice; None for a slice of host names."""
    key, fields = kube_key_and_fields("EndpointSlice", body)
    family = fields.required_text("addressType")
    if family not in _FAMILY:
        return key, None
    owner = fields.within("metadata").texts("labels").get(_SERVICE_OF_SLICE, "")
    problems = _ServiceProblems()
    version = _FAMILY[family]
    endpoints = problems.readable(fields, _items_of("endpoints"), lambda item, name: _endpoint(item, name, version))
    parsed = EndpointSliceFact(
        service=f"{key.partition('/')[0]}/{owner}" if owner else "",
        ip_version=version,
        ports=tuple(problems.readable(fields, _items_of("ports"), _slice_port)),
        endpoints=tuple(endpoints),
        problems=problems.texts,
    )
    return key, parsed


class _ServiceProblems:
    """What of an object was left out, and why."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._texts)

    def readable(
        self,
        fields: KubernetesFields,
        items: Callable[[KubernetesFields], list[tuple[str, Any]]],
        read: Callable[[KubernetesFields, str], T],
    ) -> Iterator[T]:
        """The items of a list that can be read."""
        for name, item in items(fields):
            try:
                yield read(KubernetesFields(fields.subject, "", {name: item}), name)
            except MalformedKubeObject as error:
                self._texts.append(f"{error.field}: {error.why}")


def _items_of(field: str) -> Callable[[KubernetesFields], list[tuple[str, Any]]]:
    def items(fields: KubernetesFields) -> list[tuple[str, Any]]:
        return [(f"{field}[{n}]", item) for n, item in enumerate(fields.value(field, list, "a list") or [])]

    return items


def _cluster_ips(spec: KubernetesFields) -> list[tuple[str, Any]]:
    """All cluster addresses; older objects have only `clusterIP`."""
    cluster_ips = _items_of("clusterIPs")(spec)
    return cluster_ips or [("clusterIP", ip) for ip in [spec.text("clusterIP")] if ip]


def _texts(spec: KubernetesFields, field: str) -> list[Any]:
    return [item for _, item in _items_of(field)(spec)]


def _address(item: KubernetesFields, name: str) -> str:
    """An address; "" for None, absent and unspecified ones."""
    text = item.text(name)
    if text in (None, "None"):
        return ""
    try:
        address = parse_ip_address(str(text))
    except ValueError:
        raise item.wrong(name, f"not an address: {shorten_kube_text(text)}") from None
    return "" if address.is_unspecified else str(address)


def _prefix(item: KubernetesFields, name: str) -> str:
    return item.prefix(name)


def _ingress(item: KubernetesFields, name: str) -> LoadBalancerIngress:
    fields = item.within(name)
    ip = _address(fields, "ip")
    if not ip:
        raise item.wrong(name, "has no ip: a host name is not served")
    return LoadBalancerIngress(ip, fields.choice("ipMode", ("VIP", "Proxy")) or "VIP")


def _service_port(item: KubernetesFields, name: str) -> ServicePort:
    fields = item.within(name)
    port = fields.port("port")
    if port is None:
        raise fields.wrong("port", "missing")
    node_port = fields.value("nodePort", int, "a port number")  # 0: none
    return ServicePort(
        port=port,
        protocol=fields.choice("protocol", _PROTOCOLS) or "TCP",
        name=fields.text("name") or "",
        node_port=(fields.port("nodePort") or 0) if node_port else 0,
    )


def _slice_port(item: KubernetesFields, name: str) -> SlicePort:
    fields = item.within(name)
    return SlicePort(fields.port("port"), fields.choice("protocol", _PROTOCOLS) or "TCP", fields.text("name") or "")


def _affinity_s(spec: KubernetesFields) -> int:
    config = spec.within("sessionAffinityConfig").within("clientIP")
    seconds: int | None = config.value("timeoutSeconds", int, "a number of seconds")
    return seconds or _AFFINITY_S_DEFAULT


def _endpoint(item: KubernetesFields, name: str, version: int) -> SliceEndpoint:
    """What is unset counts as the API says: ready, serving as ready, not terminating."""
    fields = item.within(name)
    conditions = fields.within("conditions")
    ready = conditions.boolean("ready") is not False
    serving = conditions.boolean("serving")
    hints = fields.within("hints")
    return SliceEndpoint(
        addresses=tuple(_endpoint_addresses(fields, version)),
        ready=ready,
        serving=ready if serving is None else serving,
        terminating=conditions.boolean("terminating") or False,
        node=fields.text("nodeName"),
        zone_hints=tuple(_hint_names(hints, "forZones")),
        node_hints=tuple(_hint_names(hints, "forNodes")),
        pod=_pod_of(fields.within("targetRef")),
    )


def _pod_of(reference: KubernetesFields) -> str:
    """`<namespace>/<pod>` of a reference; "" for one to nothing or to another kind of object."""
    if reference.text("kind") != "Pod":
        return ""
    return f"{reference.text('namespace') or ''}/{reference.text('name') or ''}"


def _endpoint_addresses(fields: KubernetesFields, version: int) -> Iterator[str]:
    for name, text in _items_of("addresses")(fields):
        if not isinstance(text, str):
            raise fields.wrong(name, f"expected text, got {shorten_kube_text(text)}")
        address = _address(KubernetesFields(fields.subject, "", {name: text}), name)
        if not address or ipaddress.ip_address(address).version != version:
            raise fields.wrong(name, f"not an IPv{version} address: {shorten_kube_text(text)}")
        yield address


def _hint_names(hints: KubernetesFields, field: str) -> Iterator[str]:
    for name, item in _items_of(field)(hints):
        yield KubernetesFields(hints.subject, "", {name: item}).within(name).required_text("name")
