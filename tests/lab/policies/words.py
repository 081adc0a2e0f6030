"""The words that policy cases are written in.

A `Case` is a sentence and `Step`s; a step changes objects and says who reaches whom then. Expectations are read in
order, the last that fits a flow decides; what none fits is allowed. Pods are named `namespace/pod`, with `*`, or by
their node: `@node1`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
CALICO = "crd.projectcalico.org/v1"


@dataclass(frozen=True)
class Flow:
    """A flow: from a pod to a pod, a protocol, a port, a family."""

    source: str
    to: str
    protocol: str
    port: int
    version: int
    source_node: str
    to_node: str


@dataclass(frozen=True)
class Expected:
    """A verdict on the flows that fit; `ports` and `protocols` empty: any."""

    allowed: bool
    source: str = "*"
    to: str = "*"
    ports: tuple[int, ...] = ()
    protocols: tuple[str, ...] = ()
    version: int = 0

    def fits(self, flow: Flow) -> bool:
        return (
            _fits(self.source, flow.source, flow.source_node)
            and _fits(self.to, flow.to, flow.to_node)
            and (not self.ports or flow.port in self.ports)
            and (not self.protocols or flow.protocol in self.protocols)
            and self.version in (0, flow.version)
        )


def _fits(words: str, pod: str, node: str) -> bool:
    return any(word == f"@{node}" or fnmatchcase(pod, word) for word in words.split())


def deny(source: str = "*", to: str = "*", *ports: int, protocols: str = "", version: int = 0) -> Expected:
    """Silence. `source` and `to` may be several words, any of which fits."""
    return Expected(False, source, to, ports, tuple(protocols.split()), version)


def allow(source: str = "*", to: str = "*", *ports: int, protocols: str = "", version: int = 0) -> Expected:
    """An answer by the right pod."""
    return Expected(True, source, to, ports, tuple(protocols.split()), version)


def verdict(expected: Iterable[Expected], flow: Flow) -> bool:
    """Whether the flow is allowed."""
    allowed = True
    for rule in expected:
        if rule.fits(flow):
            allowed = rule.allowed
    return allowed


@dataclass(frozen=True)
class Step:
    """Objects are applied, labels set, objects deleted; then `expect` holds."""

    expect: tuple[Expected, ...] = ()
    apply: tuple[Object, ...] = ()
    delete: tuple[tuple[str, str, str], ...] = ()  # kind, namespace, name
    pod_labels: tuple[tuple[str, dict[str, str | None]], ...] = ()  # pod -> labels
    namespace_labels: tuple[tuple[str, dict[str, str | None]], ...] = ()


@dataclass(frozen=True)
class Case:
    """One row of the list: what it says, its steps, and what is probed between all pods."""

    says: str
    steps: tuple[Step, ...]
    probes: tuple[tuple[str, int], ...] = (("TCP", 80), ("TCP", 81))


def case(says: str, objects: Object | Iterable[Object], *expect: Expected, probes: str = "TCP 80, TCP 81") -> Case:
    """A case of one step."""
    return Case(says, (step(objects, *expect),), tuple(_probes(probes)))


def story(says: str, *steps: Step, probes: str = "TCP 80, TCP 81") -> Case:
    """A case of several steps."""
    return Case(says, steps, tuple(_probes(probes)))


def step(objects: Object | Iterable[Object], *expect: Expected, **changes: Any) -> Step:
    """A step; `changes` are Step's other fields, labels as a dict."""
    applied = (objects,) if isinstance(objects, dict) else tuple(objects)
    listed: dict[str, Any] = {
        key: tuple(value.items()) if isinstance(value, dict) else value for key, value in changes.items()
    }
    return Step(expect, applied, **listed)


def _probes(text: str) -> Iterable[tuple[str, int]]:
    for part in text.split(","):
        protocol, _, port = part.strip().partition(" ")
        yield protocol, int(port or 0)


# Kubernetes' NetworkPolicy


def policy(
    name: str,
    namespace: str,
    pods: Object | None = None,
    *,
    ingress: list[Object] | None = None,
    egress: list[Object] | None = None,
) -> Object:
    """A NetworkPolicy; a direction that is given, even empty, is isolated."""
    spec: Object = {"podSelector": pods or {}, "policyTypes": []}
    for word, rules in (("ingress", ingress), ("egress", egress)):
        if rules is not None:
            spec |= {word: rules, "policyTypes": [*spec["policyTypes"], word.capitalize()]}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def source(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """An ingress rule; no peers: from anywhere."""
    return ({"from": list(peers)} if peers else {}) | ({"ports": list(ports)} if ports else {})


def target(*peers: Object, ports: Iterable[Object] = ()) -> Object:
    """An egress rule; no peers: to anywhere."""
    return ({"to": list(peers)} if peers else {}) | ({"ports": list(ports)} if ports else {})


def labelled(**labels: str) -> Object:
    """A label selector."""
    return {"matchLabels": labels}


def within(key: str, operator: str, *values: str) -> Object:
    """A label selector by expression: In, NotIn, Exists, DoesNotExist."""
    return {"matchExpressions": [{"key": key, "operator": operator} | ({"values": list(values)} if values else {})]}


def peer(*, pods: Object | None = None, namespaces: Object | None = None) -> Object:
    """A peer by selectors."""
    selectors = {"podSelector": pods, "namespaceSelector": namespaces}
    return {key: value for key, value in selectors.items() if value is not None}


def block(cidr: str, *excepted: str) -> Object:
    """A peer by addresses."""
    return {"ipBlock": {"cidr": cidr} | ({"except": list(excepted)} if excepted else {})}


def port(number: int | str | None = None, protocol: str = "TCP", end: int | None = None) -> Object:
    """A port of a rule."""
    fields = {"protocol": protocol, "port": number, "endPort": end}
    return {key: value for key, value in fields.items() if value is not None}


# Calico's policies


def calico(
    kind: str,
    name: str,
    namespace: str = "",
    *,
    ingress: list[Object] | None = None,
    egress: list[Object] | None = None,
    **spec: Any,
) -> Object:
    """A policy of Calico's of this kind; a direction that is given, even empty, is decided on."""
    rules = {"ingress": ingress, "egress": egress}
    types = [word.capitalize() for word, listed in rules.items() if listed is not None]
    spec |= {word: listed for word, listed in rules.items() if listed is not None}
    return thing(kind, name, namespace, types=types, **spec)


def thing(kind: str, name: str, namespace: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    """Any object of Calico's."""
    meta: Object = (
        {"name": name} | ({"namespace": namespace} if namespace else {}) | ({"labels": labels} if labels else {})
    )
    return {"apiVersion": CALICO, "kind": kind, "metadata": meta, "spec": spec}


def rule(action: str, protocol: str | int | None = None, **fields: object) -> Object:
    """A rule: `source`, `destination`, `notProtocol`, `icmp`, `ipVersion` are fields."""
    return {"action": action} | ({"protocol": protocol} if protocol is not None else {}) | fields
