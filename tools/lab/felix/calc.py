"""The state that a node's dataplane should have, calculated from all objects of the cluster. Pure.

Source: Calico's felix/calc: sets, policies and profiles are part of it only while an endpoint of
this node needs them; a tier is in an endpoint's list if it has a policy for it; lists are in order of evaluation.
"""

from collections.abc import Callable, Iterable, Mapping

from tools.lab.felix.cluster_wide import add_cluster_wide
from tools.lab.felix.config import raw_config
from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.parsing import ObjectParser, Objects, ParsedCluster, parse_cluster
from tools.lab.felix.policies import (
    CalicoPolicy,
)
from tools.lab.felix.sets import AnySet, Labelled, ServiceSet
from tools.lab.objects import Object

DENY_ALL = {"inbound_rules": [{"action": "deny"}], "outbound_rules": [{"action": "deny"}]}


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
