"""Whose source address changes on its way out, and to what. Pure; one owner for all of it.

VPP: src/plugins/cnat/cnat.api. Pods of pools that masquerade get the node's address towards everything
but pods, nodes and services; flows from outside to another node's endpoint get it too.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network

from schemas.cnat import SnatAddressesIntent, SnatExclusionIntent, SnatMemberIntent
from schemas.facts import IpPoolFact, NodeFact, PodInterfaceFact, UplinkFact
from schemas.intents import Intent

_INCLUDE = {4: "include-v4", 6: "include-v6"}


def snat_addresses(node: NodeFact) -> SnatAddressesIntent | None:
    """The node's own addresses; None without any."""
    return SnatAddressesIntent(node.address(4), node.address(6)) if node.addresses else None


def snat_exclusions(
    nodes: Iterable[NodeFact], pools: Iterable[IpPoolFact], services: Iterable[str]
) -> Iterator[SnatExclusionIntent]:
    """Destinations that see a pod's own address: all nodes, all pools, all services."""
    hosts = {str(ip_network(address)) for node in nodes for address in node.addresses}
    for prefix in sorted(hosts | {pool.cidr for pool in pools} | set(services)):
        yield SnatExclusionIntent(prefix)


def snat_members(
    uplinks: Iterable[UplinkFact], pods: Iterable[PodInterfaceFact], pools: Mapping[str, IpPoolFact]
) -> Iterator[SnatMemberIntent]:
    """The interfaces: the host's taps keep every address, pods of masquerading pools change theirs."""
    for tap in sorted(uplink.host_tap for uplink in uplinks if uplink.host_tap):
        yield SnatMemberIntent(tap, "pod")
        yield SnatMemberIntent(tap, "host")
    for pod in pods:
        yield SnatMemberIntent(pod.interface, "pod")
        for version in sorted({ip_address(a).version for a in pod.addresses if is_masqueraded(a, pools)}):
            yield SnatMemberIntent(pod.interface, _INCLUDE[version])


def is_masqueraded(address: str, pools: Mapping[str, IpPoolFact]) -> bool:
    """Does the longest pool that holds the address masquerade? Without a pool: no."""
    pod_address = ip_address(address)
    containing = [
        (ip_network(pool.cidr).prefixlen, name) for name, pool in pools.items() if pod_address in ip_network(pool.cidr)
    ]
    return bool(containing) and pools[max(containing)[1]].nat_outgoing


def snat_intents(
    me: NodeFact,
    nodes: Mapping[str, NodeFact],
    pools: Mapping[str, IpPoolFact],
    services: Iterable[str],
    interfaces: Iterable[SnatMemberIntent],
) -> Iterator[Intent]:
    """All of source NAT; nothing while this node has no address."""
    node_addresses = snat_addresses(me)
    if node_addresses is not None:
        yield node_addresses
        yield from snat_exclusions(nodes.values(), pools.values(), services)
        yield from interfaces
