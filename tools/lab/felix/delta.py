"""What to tell so that a dataplane that was told one thing holds another, in Felix's order. Pure.

Source: spec/policies.md section 3: sets, policies, profiles and endpoints first in the order of their dependencies,
then removals in the opposite order, then what depends on nothing. A message is (field of ToDataplane, its JSON).
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from tools.lab.felix.calc import Wanted
from tools.lab.felix.endpoints import bare

Object: TypeAlias = dict[str, Any]
Message: TypeAlias = tuple[str, Object]
Name = TypeVar("Name", bound=Hashable)


def messages(told: Wanted, wanted: Wanted) -> Iterator[Message]:
    """The messages of one flush."""
    if wanted.config != told.config:
        yield "config_update", {"config": wanted.config}
    yield from set_updates(told, wanted)
    for key, policy in changed(told.policies, wanted.policies):
        yield "active_policy_update", {"id": key, "policy": policy}
    for name, profile in changed(told.profiles, wanted.profiles):
        yield "active_profile_update", {"id": {"name": name}, "profile": profile}
    for workload, endpoint in changed(told.workloads, wanted.workloads):
        yield "workload_endpoint_update", {"id": workload_id(workload), "endpoint": endpoint}
    for name, endpoint in changed(told.host_endpoints, wanted.host_endpoints):
        yield "host_endpoint_update", {"id": {"endpoint_id": name}, "endpoint": endpoint}
    yield from removals(told, wanted)
    yield from others(told, wanted)


def changed(before: Mapping[Name, Any], after: Mapping[Name, Any]) -> Iterator[tuple[Name, Any]]:
    """What is new or different."""
    for name, value in after.items():
        if name not in before or before[name] != value:
            yield name, value


def gone(before: Mapping[Name, Any], after: Mapping[Name, Any]) -> Iterator[Name]:
    """What is there no more."""
    return (name for name in before if name not in after)


def set_updates(told: Wanted, wanted: Wanted) -> Iterator[Message]:
    """New sets whole, then what changed in known ones."""
    for name, (kind, members) in wanted.ip_sets.items():
        if name not in told.ip_sets:
            yield "ipset_update", {"id": name, "type": kind, "members": sorted(members)}
    for name, (_, members) in wanted.ip_sets.items():
        before = told.ip_sets.get(name, ("", members))[1]
        if before != members:
            yield (
                "ipset_delta_update",
                {
                    "id": name,
                    "added_members": sorted(members - before),
                    "removed_members": sorted(before - members),
                },
            )


def workload_id(workload: tuple[str, str, str]) -> Object:
    """The protobuf message WorkloadEndpointID as JSON."""
    return dict(zip(("orchestrator_id", "workload_id", "endpoint_id"), workload, strict=True))


def removals(told: Wanted, wanted: Wanted) -> Iterator[Message]:
    """Endpoints, profiles, policies, sets that go."""
    for workload in gone(told.workloads, wanted.workloads):
        yield "workload_endpoint_remove", {"id": workload_id(workload)}
    for name in gone(told.host_endpoints, wanted.host_endpoints):
        yield "host_endpoint_remove", {"id": {"endpoint_id": name}}
    for name in gone(told.profiles, wanted.profiles):
        yield "active_profile_remove", {"id": {"name": name}}
    for key in gone(told.policies, wanted.policies):
        yield "active_policy_remove", {"id": key}
    for name in gone(told.ip_sets, wanted.ip_sets):
        yield "ipset_remove", {"id": name}


def others(told: Wanted, wanted: Wanted) -> Iterator[Message]:
    """Service accounts, namespaces, nodes, pools, encapsulation, BGP."""
    for account in gone(told.accounts, wanted.accounts):
        yield "service_account_remove", {"id": account_id(account)}
    for account, labels in changed(told.accounts, wanted.accounts):
        yield "service_account_update", {"id": account_id(account), "labels": labels}
    for name in gone(told.namespaces, wanted.namespaces):
        yield "namespace_remove", {"id": {"name": name}}
    for name, labels in changed(told.namespaces, wanted.namespaces):
        yield "namespace_update", {"id": {"name": name}, "labels": labels}
    yield from hosts(told, wanted)
    for name in gone(told.pools, wanted.pools):
        yield "ipam_pool_remove", {"id": name}
    for name, pool in changed(told.pools, wanted.pools):
        yield "ipam_pool_update", {"id": name, "pool": pool}
    if wanted.encapsulation != told.encapsulation:
        yield "encapsulation", wanted.encapsulation
    if wanted.bgp != told.bgp:
        yield "global_bgp_config_update", wanted.bgp


def account_id(account: tuple[str, str]) -> Object:
    """The protobuf message ServiceAccountID as JSON."""
    return {"namespace": account[0], "name": account[1]}


def hosts(told: Wanted, wanted: Wanted) -> Iterator[Message]:
    """Nodes, in both forms that Calico 3.29 to 3.32 sends: whole, and bare addresses by family."""
    for name in gone(told.hosts, wanted.hosts):
        yield "host_metadata_v4v6_remove", {"hostname": name, "ipv4_addr": bare(told.hosts[name]["ipv4_addr"])}
        yield "host_metadata_remove", {"hostname": name}
        if told.hosts[name]["ipv6_addr"]:
            yield "host_metadata_v6_remove", {"hostname": name}
    for name, host in changed(told.hosts, wanted.hosts):
        yield "host_metadata_v4v6_update", host
        if host["ipv4_addr"]:
            yield "host_metadata_update", {"hostname": name, "ipv4_addr": bare(host["ipv4_addr"])}
        if host["ipv6_addr"]:
            yield "host_metadata_v6_update", {"hostname": name, "ipv6_addr": bare(host["ipv6_addr"])}
