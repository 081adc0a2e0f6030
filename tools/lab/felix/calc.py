"""The state that a node's dataplane should have, calculated from all objects of the cluster. Pure.

Source: spec/policies.md section 3: sets, policies and profiles are part of it only while an endpoint of
this node needs them; a tier is in an endpoint's list if it has a policy for it; lists are in order of evaluation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from tools.lab.felix import endpoints as ep
from tools.lab.felix.config import raw_config
from tools.lab.felix.policies import (
    KINDS,
    KUBERNETES,
    STAGED_KUBERNETES,
    CalicoPolicy,
    CalicoTier,
    PolicyKey,
    parse_policy,
    parse_tier,
)
from tools.lab.felix.rules import BadRule, RuleMessage, parse_rule
from tools.lab.felix.sets import AnySet, Labelled, ServicePorts, ServiceSet
from tools.lab.objects import Key, Object

Objects: TypeAlias = Mapping[str, Mapping[Key, Object]]
"""kind -> (namespace, name) -> object. Kubernetes' NetworkPolicy is `KubernetesNetworkPolicy` here."""
Parsed = TypeVar("Parsed")

ALLOW_ALL = {"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}
DENY_ALL = {"inbound_rules": [{"action": "deny"}], "outbound_rules": [{"action": "deny"}]}


@dataclass
class DataplaneState:
    """The state of a dataplane: protobuf messages as JSON, by the ids of Felix's protocol."""

    config: dict[str, str] = field(default_factory=dict)
    ip_sets: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)  # type, members
    policies: dict[PolicyKey, Object] = field(default_factory=dict)
    profiles: dict[str, Object] = field(default_factory=dict)
    workloads: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    host_endpoints: dict[str, Object] = field(default_factory=dict)
    accounts: dict[Key, Object] = field(default_factory=dict)
    namespaces: dict[str, Object] = field(default_factory=dict)
    hosts: dict[str, Object] = field(default_factory=dict)
    pools: dict[str, Object] = field(default_factory=dict)
    encapsulation: Object = field(default_factory=dict)
    bgp: Object = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # "<kind>/<namespace>/<name>" -> what is wrong


@dataclass
class ParsedCluster:
    """The cluster, parsed."""

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


def calculate(objects: Objects, node: str, version: str, overrides: Mapping[str, str]) -> DataplaneState:
    """The desired state of the dataplane of `node`; `version` is Calico's, `overrides` are raw configuration."""
    desired = DataplaneState()
    reader = ObjectParser(objects, desired.problems)
    world = parse_cluster(reader, objects)
    needed: set[AnySet] = set()
    for workload in world.workloads:
        if workload.node == node:
            tiers, policies = workload_tiers(world, workload.thing)
            desired.workloads[workload.id] = {**workload.message(), "tiers": tiers}
            require_policies(world, desired, needed, policies, workload.profiles)
    for endpoint in world.host_endpoints:
        if endpoint.node == node:
            lists, policies = host_tiers(world, endpoint.thing)
            desired.host_endpoints[endpoint.name] = {**endpoint.message(), **lists}
            require_policies(world, desired, needed, policies, endpoint.profiles)
    desired.ip_sets = {ip_set.id: (ip_set.type, set_members(world, ip_set)) for ip_set in needed}
    add_cluster_wide(reader, desired)
    desired.config = raw_config(objects.get("FelixConfiguration", {}), node, version) | dict(overrides)
    return desired


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


def tier_list(
    world: ParsedCluster, thing: Labelled, wants: Callable[[CalicoPolicy], bool], default: str = ""
) -> tuple[list[Object], list[CalicoPolicy]]:
    """The tiers that have policies for an endpoint, and these policies."""
    tiers, selected = [], []
    for tier, policies in world.policies:
        matching = [policy for policy in policies if wants(policy) and policy.selects(thing.labels)]
        if matching:
            selected += matching
            tiers.append(
                {
                    "name": tier.name,
                    "ingress_policies": [policy.key for policy in matching if policy.ingress],
                    "egress_policies": [policy.key for policy in matching if policy.egress],
                    "default_action": default or tier.default_action,
                }
            )
    return tiers, selected


def workload_tiers(world: ParsedCluster, thing: Labelled) -> tuple[list[Object], list[CalicoPolicy]]:
    """A workload's tiers: untracked and pre-DNAT policies are for hosts alone."""
    return tier_list(world, thing, lambda policy: not policy.untracked and not policy.pre_dnat)


def host_tiers(world: ParsedCluster, thing: Labelled) -> tuple[Object, list[CalicoPolicy]]:
    """A host endpoint's four lists of tiers."""
    lists: Object = {}
    selected: list[CalicoPolicy] = []
    for name, default, wants in (
        ("tiers", "", lambda policy: not policy.untracked and not policy.pre_dnat),
        ("untracked_tiers", "Pass", lambda policy: policy.untracked),
        ("pre_dnat_tiers", "Pass", lambda policy: policy.pre_dnat),
        ("forward_tiers", "", lambda policy: policy.forward and not policy.untracked and not policy.pre_dnat),
    ):
        lists[name], matching = tier_list(world, thing, wants, default)
        selected += matching
    return lists, selected


def require_policies(
    world: ParsedCluster,
    desired: DataplaneState,
    needed: set[AnySet],
    policies: Iterable[CalicoPolicy],
    names: Iterable[str],
) -> None:
    """Adds an endpoint's policies and profiles to the state, and their sets to `needed`. A missing profile denies."""
    for policy in policies:
        if policy.key not in desired.policies:
            desired.policies[policy.key] = policy.message()
            needed.update(policy.sets)
    for name in names:
        # Kubernetes creates the account `default` of each namespace; the lab's API server does not.
        missing = {} if name.startswith("ksa.") and name.endswith(".default") else DENY_ALL
        message, sets = world.profile_rules.get(name, (missing, []))
        desired.profiles[name] = message
        needed.update(sets)


def set_members(world: ParsedCluster, ip_set: AnySet) -> frozenset[str]:
    """The members of a set."""
    if isinstance(ip_set, ServiceSet):
        return frozenset(ip_set.members(world.services.get(ip_set.service, [])))
    return frozenset(ip_set.members(world.things))


def add_cluster_wide(reader: ObjectParser, desired: DataplaneState) -> None:
    """Adds the state that does not depend on endpoints: nodes, pools, namespaces, accounts, BGP."""
    desired.hosts = {host["hostname"]: host for host in reader.parse_all("Node", ep.node_message)}
    desired.namespaces = dict(reader.parse_all("Namespace", lambda body: (body["metadata"]["name"], labels_of(body))))
    for body in reader.parse_all("ServiceAccount", lambda body: body):
        desired.accounts[body["metadata"]["namespace"], body["metadata"]["name"]] = labels_of(body)
    desired.pools = dict(pool for pool in reader.parse_all("IPPool", pool_message) if pool)
    encapsulated = {"ipip_enabled": "ipip_mode", "vxlan_enabled": "vxlan_mode"}
    desired.encapsulation = {
        name: any(pool[mode] in ("Always", "CrossSubnet") for pool in desired.pools.values())
        for name, mode in encapsulated.items()
    }
    for name, message in reader.parse_all("BGPConfiguration", bgp_message):
        if name == "default":
            desired.bgp = message


def labels_of(body: Object) -> Object:
    """An object's labels."""
    return dict(body["metadata"].get("labels", {}))


def pool_message(body: Object) -> tuple[str, Object] | None:
    """(id, protobuf message IPAMPool as JSON) of an IPPool, if it is in use."""
    spec = body["spec"]
    if spec.get("disabled") is True:
        return None
    modes = {"ipip_mode": spec.get("ipipMode") or "", "vxlan_mode": spec.get("vxlanMode") or ""}
    cidr = ep.to_prefix(spec["cidr"], "cidr")
    return cidr.replace("/", "-"), {"cidr": cidr, "masquerade": spec.get("natOutgoing") is True, **modes}


def bgp_message(body: Object) -> tuple[str, Object]:
    """(name, protobuf message GlobalBGPConfigUpdate as JSON) of a BGPConfiguration."""
    spec = body.get("spec") or {}
    names = {
        "service_cluster_cidrs": "serviceClusterIPs",
        "service_external_cidrs": "serviceExternalIPs",
        "service_loadbalancer_cidrs": "serviceLoadBalancerIPs",
    }
    message = {ours: [row["cidr"] for row in spec.get(theirs) or []] for ours, theirs in names.items()}
    return body["metadata"]["name"], message
