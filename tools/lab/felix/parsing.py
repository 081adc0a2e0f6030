"""The cluster's objects, parsed: endpoints, policies in order, services, profiles. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from tools.lab.felix import endpoints as ep
from tools.lab.felix.policies import (
    KINDS,
    KUBERNETES,
    STAGED_KUBERNETES,
    CalicoPolicy,
    CalicoTier,
    parse_policy,
    parse_tier,
)
from tools.lab.felix.rules import BadRule, RuleMessage, parse_rule
from tools.lab.felix.sets import AnySet, Labelled, ServicePorts
from tools.lab.objects import Key, Object

Objects: TypeAlias = Mapping[str, Mapping[Key, Object]]
"""kind -> (namespace, name) -> object. Kubernetes' NetworkPolicy is `KubernetesNetworkPolicy` here."""
Parsed = TypeVar("Parsed")

ALLOW_ALL = {"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}


@dataclass
class ParsedCluster:
    """The objects of the cluster that a dataplane's state depends on."""

    workloads: list[ep.WorkloadEndpoint]
    host_endpoints: list[ep.CalicoHostEndpoint]
    things: list[Labelled]
    policies: list[tuple[CalicoTier, list[CalicoPolicy]]]  # in order
    services: dict[str, list[ServicePorts]]
    profile_rules: dict[str, tuple[Object, list[AnySet]]]


class ObjectParser:
    """Parses objects; a malformed one is left out, and noted in `problems`."""

    def __init__(self, objects: Objects, problems: dict[str, str]) -> None:
        self._objects, self._problems = objects, problems

    def parse_all(self, kind: str, parse: Callable[[Object], Parsed]) -> list[Parsed]:
        """All objects of a kind that can be parsed, in the order of their names."""
        parsed = []
        for (namespace, name), body in sorted(self._objects.get(kind, {}).items()):
            try:
                parsed.append(parse(body))
            except (BadRule, ValueError, KeyError, TypeError, AttributeError) as error:
                self._problems[f"{kind}/{namespace}/{name}"] = str(error) or repr(error)
        return parsed


def parse_cluster(reader: ObjectParser, objects: Objects) -> ParsedCluster:
    """The objects that policies refer to, and the policies."""
    inherited = dict(
        reader.parse_all("Namespace", lambda body: (f"kns.{body['metadata']['name']}", ep.namespace_labels(body)))
    )
    inherited |= dict(reader.parse_all("ServiceAccount", lambda body: (account_profile(body), ep.account_labels(body))))
    workloads = [one for one in reader.parse_all("Pod", lambda body: ep.parse_pod(body, inherited)) if one]
    hosts = reader.parse_all("HostEndpoint", ep.parse_host_endpoint)
    sets = [
        thing
        for kind in ("GlobalNetworkSet", "NetworkSet")
        for thing in reader.parse_all(kind, lambda body: ep.parse_network_set(body, inherited))
    ]
    things = [*(one.thing for one in workloads), *(one.thing for one in hosts), *sets]
    services: dict[str, list[ServicePorts]] = {}
    for service, piece in reader.parse_all("EndpointSlice", lambda body: (slice_service(body), ep.service_ports(body))):
        services.setdefault(service, []).append(piece)
    return ParsedCluster(workloads, hosts, things, sorted_policies(reader), services, profiles(reader, inherited))


def account_profile(body: Object) -> str:
    """The profile of a ServiceAccount."""
    return f"ksa.{body['metadata']['namespace']}.{body['metadata']['name']}"


def slice_service(body: Object) -> str:
    """The service of a slice."""
    meta = body["metadata"]
    return f"{meta['namespace']}/{meta.get('labels', {}).get('kubernetes.io/service-name', '')}"


def sorted_policies(reader: ObjectParser) -> list[tuple[CalicoTier, list[CalicoPolicy]]]:
    """Tiers in order with their policies in order; policies of an unknown tier are left out."""
    tiers = {tier.name: tier for tier in reader.parse_all("Tier", parse_tier)}
    tiers.setdefault("default", CalicoTier("default", 1_000_000))
    by_tier: dict[str, list[CalicoPolicy]] = {name: [] for name in tiers}
    for kind in (*KINDS, KUBERNETES, STAGED_KUBERNETES):
        for policy in reader.parse_all(kind, lambda body, kind=kind: parse_policy(kind, body)):  # type: ignore[misc]
            if policy.key.tier in by_tier:
                by_tier[policy.key.tier].append(policy)
    in_order = sorted(tiers.values(), key=lambda tier: (tier.order, tier.name))
    return [(tier, sorted(by_tier[tier.name], key=lambda policy: policy.rank)) for tier in in_order]


def profiles(reader: ObjectParser, inherited: Mapping[str, object]) -> dict[str, tuple[Object, list[AnySet]]]:
    """Profile -> its message and the sets it names: namespaces allow all, service accounts say nothing."""
    by_profile: dict[str, tuple[Object, list[AnySet]]] = {}
    for name in inherited:
        by_profile[name] = (ALLOW_ALL if name.startswith("kns.") else {}), []
    for name, inbound, outbound in reader.parse_all("Profile", parse_profile):
        message = {"inbound_rules": [r.fields for r in inbound], "outbound_rules": [r.fields for r in outbound]}
        by_profile[name] = message, [one for rule in (*inbound, *outbound) for one in rule.sets]
    return by_profile


def parse_profile(body: Object) -> tuple[str, list[RuleMessage], list[RuleMessage]]:
    """A Profile object."""
    spec = body.get("spec") or {}
    inbound, outbound = ([parse_rule(rule, "") for rule in spec.get(way) or []] for way in ("ingress", "egress"))
    return body["metadata"]["name"], inbound, outbound
