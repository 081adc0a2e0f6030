"""The messages that change a dataplane from one state to another, in Felix's order. Pure.

Source: Calico's felix/calc/event_sequencer.go: sets, policies, profiles and endpoints first in the order of their
dependencies, then removals in the opposite order, then messages that depend on nothing. A message is (field of
ToDataplane, JSON).
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.endpoints import without_length
from tools.lab.objects import Object

Message: TypeAlias = tuple[str, Object]
Name = TypeVar("Name", bound=Hashable)


def messages(before: DataplaneState, after: DataplaneState) -> Iterator[Message]:
    """The messages of one flush."""
    if after.config != before.config:
        yield "config_update", {"config": after.config}
    yield from set_updates(before, after)
    for key, policy in changed(before.policies, after.policies):
        yield "active_policy_update", {"id": key, "policy": policy}
    for name, profile in changed(before.profiles, after.profiles):
        yield "active_profile_update", {"id": {"name": name}, "profile": profile}
    for workload, endpoint in changed(before.workloads, after.workloads):
        yield "workload_endpoint_update", {"id": workload_id(workload), "endpoint": endpoint}
    for name, endpoint in changed(before.host_endpoints, after.host_endpoints):
        yield "host_endpoint_update", {"id": {"endpoint_id": name}, "endpoint": endpoint}
    yield from removals(before, after)
    yield from cluster_wide_updates(before, after)


def changed(before: Mapping[Name, Any], after: Mapping[Name, Any]) -> Iterator[tuple[Name, Any]]:
    """Entries that are new or different."""
    for name, value in after.items():
        if name not in before or before[name] != value:
            yield name, value


def removed(before: Mapping[Name, Any], after: Mapping[Name, Any]) -> Iterator[Name]:
    """Names that are no longer there."""
    return (name for name in before if name not in after)


def set_updates(before: DataplaneState, after: DataplaneState) -> Iterator[Message]:
    """New sets whole, then members that changed in known ones."""
    for name, (kind, members) in after.ip_sets.items():
        if name not in before.ip_sets:
            yield "ipset_update", {"id": name, "type": kind, "members": sorted(members)}
    for name, (_, members) in after.ip_sets.items():
        previous = before.ip_sets.get(name, ("", members))[1]
        if previous != members:
            yield (
                "ipset_delta_update",
                {
                    "id": name,
                    "added_members": sorted(members - previous),
                    "removed_members": sorted(previous - members),
                },
            )


def workload_id(workload: tuple[str, str, str]) -> Object:
    """The protobuf message WorkloadEndpointID as JSON."""
    return dict(zip(("orchestrator_id", "workload_id", "endpoint_id"), workload, strict=True))


def removals(before: DataplaneState, after: DataplaneState) -> Iterator[Message]:
    """Removals of endpoints, profiles, policies, sets."""
    for workload in removed(before.workloads, after.workloads):
        yield "workload_endpoint_remove", {"id": workload_id(workload)}
    for name in removed(before.host_endpoints, after.host_endpoints):
        yield "host_endpoint_remove", {"id": {"endpoint_id": name}}
    for name in removed(before.profiles, after.profiles):
        yield "active_profile_remove", {"id": {"name": name}}
    for key in removed(before.policies, after.policies):
        yield "active_policy_remove", {"id": key}
    for name in removed(before.ip_sets, after.ip_sets):
        yield "ipset_remove", {"id": name}


def cluster_wide_updates(before: DataplaneState, after: DataplaneState) -> Iterator[Message]:
    """Service accounts, namespaces, nodes, pools, encapsulation, BGP."""
    for account in removed(before.accounts, after.accounts):
        yield "service_account_remove", {"id": account_id(account)}
    for account, labels in changed(before.accounts, after.accounts):
        yield "service_account_update", {"id": account_id(account), "labels": labels}
    for name in removed(before.namespaces, after.namespaces):
        yield "namespace_remove", {"id": {"name": name}}
    for name, labels in changed(before.namespaces, after.namespaces):
        yield "namespace_update", {"id": {"name": name}, "labels": labels}
    yield from host_updates(before, after)
    for name in removed(before.pools, after.pools):
        yield "ipam_pool_remove", {"id": name}
    for name, pool in changed(before.pools, after.pools):
        yield "ipam_pool_update", {"id": name, "pool": pool}
    if after.encapsulation != before.encapsulation:
        yield "encapsulation", after.encapsulation
    if after.bgp != before.bgp:
        yield "global_bgp_config_update", after.bgp


def account_id(account: tuple[str, str]) -> Object:
    """The protobuf message ServiceAccountID as JSON."""
    return {"namespace": account[0], "name": account[1]}


def host_updates(before: DataplaneState, after: DataplaneState) -> Iterator[Message]:
    """Nodes, in both forms that Calico 3.29 to 3.32 sends: whole, and bare addresses by family."""
    for name in removed(before.hosts, after.hosts):
        yield (
            "host_metadata_v4v6_remove",
            {"hostname": name, "ipv4_addr": without_length(before.hosts[name]["ipv4_addr"])},
        )
        yield "host_metadata_remove", {"hostname": name}
        if before.hosts[name]["ipv6_addr"]:
            yield "host_metadata_v6_remove", {"hostname": name}
    for name, host in changed(before.hosts, after.hosts):
        yield "host_metadata_v4v6_update", host
        if host["ipv4_addr"]:
            yield "host_metadata_update", {"hostname": name, "ipv4_addr": without_length(host["ipv4_addr"])}
        if host["ipv6_addr"]:
            yield "host_metadata_v6_update", {"hostname": name, "ipv6_addr": without_length(host["ipv6_addr"])}
