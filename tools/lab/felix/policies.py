"""Policies and tiers of every kind, as Felix sorts them. Pure.

Source: Calico's felix/calc. Kubernetes' policies are called `knp.default.<name>` up to Calico 3.31; from 3.32 on
a policy has its own name and the kind says whose it is. Staged kinds are told to the dataplane and have no effect.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from tools.lab.felix import kubernetes
from tools.lab.felix.rules import ACCOUNT_PREFIX, BadRule, RuleMessage, namespace_is, of_namespaces, parse_rule
from tools.lab.felix.selector import LabelMatcher, Selector, all_of, matcher, to_text, with_prefix
from tools.lab.felix.selector_parser import parse
from tools.lab.felix.sets import AnySet
from tools.lab.objects import Object

KUBERNETES = "KubernetesNetworkPolicy"
STAGED_KUBERNETES = "StagedKubernetesNetworkPolicy"
KINDS = ("NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy")


@dataclass(frozen=True, order=True)
class PolicyKey:
    """A policy's name. The order is that of policies whose `order` is equal."""

    name: str
    namespace: str
    kind: str
    tier: str

    @property
    def staged(self) -> bool:
        return self.kind.startswith("Staged")


@dataclass(frozen=True)
class CalicoPolicy:
    """A policy that can be applied to endpoints."""

    key: PolicyKey
    order: float
    selector: Selector
    ingress: bool  # has a say in this direction
    egress: bool
    inbound: tuple[RuleMessage, ...]
    outbound: tuple[RuleMessage, ...]
    untracked: bool = False
    pre_dnat: bool = False
    forward: bool = False

    @cached_property
    def selects(self) -> LabelMatcher:
        """Whether it applies to something with these labels."""
        return matcher(self.selector)

    @property
    def rank(self) -> tuple[float, PolicyKey]:
        """Where it stands in its tier."""
        return self.order, self.key

    @property
    def sets(self) -> list[AnySet]:
        """The IP sets that its rules name."""
        return [one for rule in (*self.inbound, *self.outbound) for one in rule.sets]

    def message(self) -> Object:
        """The protobuf message Policy as JSON."""
        return {
            "namespace": self.key.namespace,
            "tier": self.key.tier,
            "inbound_rules": [rule.fields for rule in self.inbound],
            "outbound_rules": [rule.fields for rule in self.outbound],
            "untracked": self.untracked,
            "pre_dnat": self.pre_dnat,
            "original_selector": to_text(self.selector),
        }


@dataclass(frozen=True)
class CalicoTier:
    """A tier; without order it is the last."""

    name: str
    order: float = inf
    default_action: str = "Deny"


def parse_tier(body: Object) -> CalicoTier:
    """A Tier object. Raises BadRule."""
    spec = body.get("spec") or {}
    action = spec.get("defaultAction") or "Deny"
    if action not in ("Deny", "Pass"):
        raise BadRule(f"defaultAction {action!r} is neither Deny nor Pass")
    return CalicoTier(body["metadata"]["name"], order_of(spec), action)


def order_of(spec: Object) -> float:
    """spec.order; none is last."""
    order = spec.get("order")
    if order is not None and not isinstance(order, int | float):
        raise BadRule(f"order {order!r} is not a number")
    return inf if order is None else float(order)


def parse_policy(kind: str, body: Object) -> CalicoPolicy:
    """A policy object of any kind. Raises BadRule, selector_parser.BadSelector; the text names what is wrong."""
    meta = body["metadata"]
    spec, namespace = body.get("spec"), meta.get("namespace", "")
    if not isinstance(spec, dict):
        raise BadRule(f"spec {spec!r} is not an object")
    if kind in (KUBERNETES, STAGED_KUBERNETES):
        try:
            spec = kubernetes.to_calico_spec(spec)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRule(f"spec: {error!r}") from None
    inbound = tuple(parse_rule(rule, namespace) for rule in list_field(spec, "ingress"))
    outbound = tuple(parse_rule(rule, namespace) for rule in list_field(spec, "egress"))
    types = list_field(spec, "types") or default_types(inbound, outbound)
    return CalicoPolicy(
        key=PolicyKey(meta["name"], namespace, kind, str(spec.get("tier") or "default")),
        order=order_of(spec),
        selector=applies_to(spec, namespace),
        ingress="Ingress" in types,
        egress="Egress" in types and not spec.get("preDNAT"),
        inbound=inbound,
        outbound=outbound,
        untracked=spec.get("doNotTrack") is True,
        pre_dnat=spec.get("preDNAT") is True,
        forward=spec.get("applyOnForward") is True or spec.get("doNotTrack") is True or spec.get("preDNAT") is True,
    )


def list_field(spec: Object, field: str) -> list[Any]:
    """A field that is a list, or absent. Raises BadRule."""
    value = spec.get(field)
    if value is not None and not isinstance(value, list):
        raise BadRule(f"{field} is not a list")
    return value or []


def default_types(inbound: tuple[RuleMessage, ...], outbound: tuple[RuleMessage, ...]) -> list[str]:
    """The directions of a policy that does not say them."""
    if not outbound:
        return ["Ingress"]
    return ["Ingress", "Egress"] if inbound else ["Egress"]


def applies_to(spec: Object, namespace: str) -> Selector:
    """The endpoints that a policy applies to."""
    by_label = parse(spec.get("selector") or "")
    accounts = spec.get("serviceAccountSelector")
    by_account = with_prefix(parse(accounts), ACCOUNT_PREFIX) if accounts else None
    if namespace:
        return all_of(by_label, namespace_is(namespace), by_account)
    spaces = spec.get("namespaceSelector")
    return all_of(by_label, of_namespaces(spaces) if spaces else None, by_account)
