"""What a node's dataplane is to hold, of all objects of the cluster. Pure.

Source: spec/policies.md section 3: sets, policies and profiles are told only while an endpoint of this node needs them;
a tier is told of an endpoint if it has a policy for it; lists are in order of evaluation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from tools.lab.felix import endpoints as ep
from tools.lab.felix.config import raw_config
from tools.lab.felix.policies import (
    KINDS,
    KUBERNETES,
    STAGED_KUBERNETES,
    Policy,
    PolicyKey,
    Tier,
    parse_policy,
    parse_tier,
)
from tools.lab.felix.rules import BadRule, Rule, parse_rule
from tools.lab.felix.sets import AnySet, Labelled, ServicePorts, ServiceSet

Object: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]
Objects: TypeAlias = Mapping[str, Mapping[Key, Object]]
"""kind -> (namespace, name) -> object. Kubernetes' NetworkPolicy is `KubernetesNetworkPolicy` here."""
Parsed = TypeVar("Parsed")

ALLOW_ALL = {"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}
DENY_ALL = {"inbound_rules": [{"action": "deny"}], "outbound_rules": [{"action": "deny"}]}


@dataclass
class Wanted:
    """What the dataplane is to hold: protobuf messages as JSON, by the ids of Felix's protocol."""

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
class World:
    """The cluster, parsed."""

    workloads: list[ep.Workload]
    host_endpoints: list[ep.HostEndpoint]
    things: list[Labelled]
    policies: list[tuple[Tier, list[Policy]]]  # in order
    services: dict[str, list[ServicePorts]]
    profile_rules: dict[str, tuple[Object, list[AnySet]]]


class Reader:
    """Parses objects; one that cannot be read is noted and left out, and costs nothing else."""

    def __init__(self, objects: Objects, problems: dict[str, str]) -> None:
        self._objects, self._problems = objects, problems

    def each(self, kind: str, parse: Callable[[Object], Parsed]) -> list[Parsed]:
        """All objects of a kind that can be parsed, in the order of their names."""
        found = []
        for (namespace, name), body in sorted(self._objects.get(kind, {}).items()):
            try:
                found.append(parse(body))
            except (BadRule, ValueError, KeyError, TypeError, AttributeError) as error:
                self._problems[f"{kind}/{namespace}/{name}"] = str(error) or repr(error)
        return found


def calculate(objects: Objects, node: str, version: str, overrides: Mapping[str, str]) -> Wanted:
    """What the dataplane of `node` is to hold; `version` is Calico's, `overrides` are raw configuration."""
    wanted = Wanted()
    reader = Reader(objects, wanted.problems)
    world = read_world(reader, objects)
    needed: set[AnySet] = set()
    for workload in world.workloads:
        if workload.node == node:
            tiers, used = workload_tiers(world, workload.thing)
            wanted.workloads[workload.id] = {**workload.message(), "tiers": tiers}
            activate(world, wanted, needed, used, workload.profiles)
    for endpoint in world.host_endpoints:
        if endpoint.node == node:
            lists, used = host_tiers(world, endpoint.thing)
            wanted.host_endpoints[endpoint.name] = {**endpoint.message(), **lists}
            activate(world, wanted, needed, used, endpoint.profiles)
    wanted.ip_sets = {one.id: (one.type, members(world, one)) for one in needed}
    cluster(reader, wanted)
    wanted.config = raw_config(objects.get("FelixConfiguration", {}), node, version) | dict(overrides)
    return wanted


def read_world(reader: Reader, objects: Objects) -> World:
    """Everything that policies are about."""
    inherited = dict(
        reader.each("Namespace", lambda body: (f"kns.{body['metadata']['name']}", ep.namespace_labels(body)))
    )
    inherited |= dict(reader.each("ServiceAccount", lambda body: (account_profile(body), ep.account_labels(body))))
    workloads = [one for one in reader.each("Pod", lambda body: ep.workload(body, inherited)) if one]
    hosts = reader.each("HostEndpoint", ep.host_endpoint)
    sets = [
        thing
        for kind in ("GlobalNetworkSet", "NetworkSet")
        for thing in reader.each(kind, lambda body: ep.network_set(body, inherited))
    ]
    things = [*(one.thing for one in workloads), *(one.thing for one in hosts), *sets]
    services: dict[str, list[ServicePorts]] = {}
    for service, piece in reader.each("EndpointSlice", lambda body: (slice_service(body), ep.service_ports(body))):
        services.setdefault(service, []).append(piece)
    return World(workloads, hosts, things, sorted_policies(reader), services, profiles(reader, inherited))


def account_profile(body: Object) -> str:
    """The profile of a ServiceAccount."""
    return f"ksa.{body['metadata']['namespace']}.{body['metadata']['name']}"


def slice_service(body: Object) -> str:
    """The service of a slice."""
    meta = body["metadata"]
    return f"{meta['namespace']}/{meta.get('labels', {}).get('kubernetes.io/service-name', '')}"


def sorted_policies(reader: Reader) -> list[tuple[Tier, list[Policy]]]:
    """Tiers in order with their policies in order; policies of a tier that is not there say nothing."""
    tiers = {tier.name: tier for tier in reader.each("Tier", parse_tier)}
    tiers.setdefault("default", Tier("default", 1_000_000))
    found: dict[str, list[Policy]] = {name: [] for name in tiers}
    for kind in (*KINDS, KUBERNETES, STAGED_KUBERNETES):
        for policy in reader.each(kind, lambda body, kind=kind: parse_policy(kind, body)):  # type: ignore[misc]
            if policy.key.tier in found:
                found[policy.key.tier].append(policy)
    in_order = sorted(tiers.values(), key=lambda tier: (tier.order, tier.name))
    return [(tier, sorted(found[tier.name], key=lambda policy: policy.rank)) for tier in in_order]


def profiles(reader: Reader, inherited: Mapping[str, object]) -> dict[str, tuple[Object, list[AnySet]]]:
    """Profile -> its message and the sets it names: namespaces allow all, service accounts say nothing."""
    found: dict[str, tuple[Object, list[AnySet]]] = {}
    for name in inherited:
        found[name] = (ALLOW_ALL if name.startswith("kns.") else {}), []
    for name, inbound, outbound in reader.each("Profile", parse_profile):
        message = {"inbound_rules": [r.fields for r in inbound], "outbound_rules": [r.fields for r in outbound]}
        found[name] = message, [one for rule in (*inbound, *outbound) for one in rule.sets]
    return found


def parse_profile(body: Object) -> tuple[str, list[Rule], list[Rule]]:
    """A Profile object."""
    spec = body.get("spec") or {}
    inbound, outbound = ([parse_rule(rule, "") for rule in spec.get(way) or []] for way in ("ingress", "egress"))
    return body["metadata"]["name"], inbound, outbound


def tier_list(
    world: World, thing: Labelled, wants: Callable[[Policy], bool], default: str = ""
) -> tuple[list[Object], list[Policy]]:
    """The tiers that have policies for an endpoint, and these policies."""
    tiers, used = [], []
    for tier, policies in world.policies:
        mine = [policy for policy in policies if wants(policy) and policy.selects(thing.labels)]
        if mine:
            used += mine
            tiers.append(
                {
                    "name": tier.name,
                    "ingress_policies": [policy.key for policy in mine if policy.ingress],
                    "egress_policies": [policy.key for policy in mine if policy.egress],
                    "default_action": default or tier.default_action,
                }
            )
    return tiers, used


def workload_tiers(world: World, thing: Labelled) -> tuple[list[Object], list[Policy]]:
    """A workload's tiers: untracked and pre-DNAT policies are for hosts alone."""
    return tier_list(world, thing, lambda policy: not policy.untracked and not policy.pre_dnat)


def host_tiers(world: World, thing: Labelled) -> tuple[Object, list[Policy]]:
    """A host endpoint's four lists of tiers."""
    lists: Object = {}
    used: list[Policy] = []
    for name, default, wants in (
        ("tiers", "", lambda policy: not policy.untracked and not policy.pre_dnat),
        ("untracked_tiers", "Pass", lambda policy: policy.untracked),
        ("pre_dnat_tiers", "Pass", lambda policy: policy.pre_dnat),
        ("forward_tiers", "", lambda policy: policy.forward and not policy.untracked and not policy.pre_dnat),
    ):
        lists[name], mine = tier_list(world, thing, wants, default)
        used += mine
    return lists, used


def activate(world: World, wanted: Wanted, needed: set[AnySet], used: Iterable[Policy], names: Iterable[str]) -> None:
    """An endpoint needs these policies and profiles, and the sets they name. A profile that is missing denies."""
    for policy in used:
        if policy.key not in wanted.policies:
            wanted.policies[policy.key] = policy.message()
            needed.update(policy.sets)
    for name in names:
        # Kubernetes makes the account `default` of each namespace by itself; the lab's API server does not.
        missing = {} if name.startswith("ksa.") and name.endswith(".default") else DENY_ALL
        message, sets = world.profile_rules.get(name, (missing, []))
        wanted.profiles[name] = message
        needed.update(sets)


def members(world: World, one: AnySet) -> frozenset[str]:
    """The members of a set."""
    if isinstance(one, ServiceSet):
        return frozenset(one.members(world.services.get(one.service, [])))
    return frozenset(one.members(world.things))


def cluster(reader: Reader, wanted: Wanted) -> None:
    """What is told whatever endpoints there are: nodes, pools, namespaces, accounts, BGP."""
    wanted.hosts = {host["hostname"]: host for host in reader.each("Node", ep.node_message)}
    wanted.namespaces = dict(reader.each("Namespace", lambda body: (body["metadata"]["name"], labels_of(body))))
    for body in reader.each("ServiceAccount", lambda body: body):
        wanted.accounts[body["metadata"]["namespace"], body["metadata"]["name"]] = labels_of(body)
    wanted.pools = dict(pool for pool in reader.each("IPPool", pool_message) if pool)
    encapsulated = {"ipip_enabled": "ipip_mode", "vxlan_enabled": "vxlan_mode"}
    wanted.encapsulation = {
        name: any(pool[mode] in ("Always", "CrossSubnet") for pool in wanted.pools.values())
        for name, mode in encapsulated.items()
    }
    for name, message in reader.each("BGPConfiguration", bgp_message):
        if name == "default":
            wanted.bgp = message


def labels_of(body: Object) -> Object:
    """An object's labels."""
    return dict(body["metadata"].get("labels", {}))


def pool_message(body: Object) -> tuple[str, Object] | None:
    """(id, protobuf message IPAMPool as JSON) of an IPPool, if it is in use."""
    spec = body["spec"]
    if spec.get("disabled") is True:
        return None
    modes = {"ipip_mode": spec.get("ipipMode") or "", "vxlan_mode": spec.get("vxlanMode") or ""}
    cidr = ep.prefix(spec["cidr"], "cidr")
    return cidr.replace("/", "-"), {"cidr": cidr, "masquerade": spec.get("natOutgoing") is True, **modes}


def bgp_message(body: Object) -> tuple[str, Object]:
    """(name, protobuf message GlobalBGPConfigUpdate as JSON) of a BGPConfiguration."""
    spec = body.get("spec") or {}
    names = {
        "service_cluster_cidrs": "serviceClusterIPs",
        "service_external_cidrs": "serviceExternalIPs",
        "service_loadbalancer_cidrs": "serviceLoadBalancerIPs",
    }
    found = {ours: [row["cidr"] for row in spec.get(theirs) or []] for ours, theirs in names.items()}
    return body["metadata"]["name"], found
