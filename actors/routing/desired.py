"""What BGP and VPP should hold, from facts and learnt paths. Pure.

As Calico's reference describes BGPConfiguration, BGPPeer and IPPool: a mesh between all nodes, a session for each
family that both ends have; own confirmed blocks advertised whole; a learnt prefix becomes a plain route where its pool
wants no tunnel. Service addresses, as Calico's "Advertise Kubernetes service IP addresses" has them: the configured
ranges are advertised by every node, and inside them the addresses that only some nodes take traffic for, by those
nodes.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network

from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, DesiredBgp
from schemas.addresses import IpNetwork
from schemas.facts import BgpConfigurationFact, BlockAffinityFact, IpPoolFact, NodeFact, ServiceAddressFact
from schemas.intents import DEFAULT_TABLE, RouteIntent, RoutePath

_ASN_DEFAULT = 64512
_PORT_DEFAULT = 179
_VERSIONS = (4, 6)
# Calico's words of logSeverityScreen, in lower case; gobgpd has nothing quieter than "error".
_LEVEL_OF_SEVERITY = {"debug": "debug", "warning": "warning", "error": "error", "fatal": "error", "none": "error"}


@dataclass
class RoutingManagerFacts:
    """All that the routing manager knows: facts, and the paths that gobgpd has learnt."""

    me: str
    restart_s: int = 120
    nodes: dict[str, NodeFact] = field(default_factory=dict)
    configurations: dict[str, BgpConfigurationFact] = field(default_factory=dict)
    pools: dict[str, IpPoolFact] = field(default_factory=dict)
    affinities: dict[str, BlockAffinityFact] = field(default_factory=dict)
    service_addresses: dict[str, ServiceAddressFact] = field(default_factory=dict)
    learnt: dict[str, str] = field(default_factory=dict)  # prefix -> next hop, as gobgpd says now
    stale: dict[str, str] = field(default_factory=dict)  # as it was before, until the peers have sent theirs again


def _effective_configuration(facts: RoutingManagerFacts) -> BgpConfigurationFact:
    """The cluster's configuration with this node's own on top, defaults filled in."""
    cluster = facts.configurations.get("default", BgpConfigurationFact())
    node_configuration = facts.configurations.get(f"node.{facts.me}", BgpConfigurationFact())
    mesh = cluster.node_to_node_mesh
    return BgpConfigurationFact(
        asn=cluster.asn or _ASN_DEFAULT,
        node_to_node_mesh=True if mesh is None else mesh,
        listen_port=node_configuration.listen_port or cluster.listen_port or _PORT_DEFAULT,
        log_severity=node_configuration.log_severity or cluster.log_severity,
        service_cluster_ips=cluster.service_cluster_ips,
        service_external_ips=cluster.service_external_ips,
        service_load_balancer_ips=cluster.service_load_balancer_ips,
    )


def gobgpd_log_level(facts: RoutingManagerFacts, configured: str) -> str:
    """gobgpd's log level: CALICOVPP_BGP_LOG_LEVEL, else the one of BGPConfiguration, else "info"."""
    severity = (_effective_configuration(facts).log_severity or "").lower()
    return configured or _LEVEL_OF_SEVERITY.get(severity, "info")


def _service_ranges(common: BgpConfigurationFact) -> set[IpNetwork]:
    """The ranges of service addresses that every node advertises."""
    everywhere = (*common.service_cluster_ips, *common.service_external_ips, *common.service_load_balancer_ips)
    return set(map(ip_network, everywhere))


def _advertised_services(facts: RoutingManagerFacts, common: BgpConfigurationFact) -> set[IpNetwork]:
    """What this node advertises of services: the ranges, and its own addresses inside those that may be reached
    from outside."""
    outside = set(map(ip_network, (*common.service_external_ips, *common.service_load_balancer_ips)))
    addresses = {address for text in facts.service_addresses if _is_inside(address := ip_network(text), outside)}
    return _service_ranges(common) | addresses


def _is_inside(network: IpNetwork, ranges: Iterable[IpNetwork]) -> bool:
    """Is the prefix part of one of the ranges?"""
    return any(network.version == r.version and network.subnet_of(r) for r in ranges)  # type: ignore[arg-type]


def bgp_router_id(node: NodeFact, name: str) -> str:
    """The node's IPv4 address; without one, 32 bits derived from its name: an IPv6 id never peers."""
    ip4 = node.address(4)
    if ip4:
        return ip4
    digest = hashlib.sha256(name.encode()).digest()
    return str(IPv4Address(int.from_bytes(digest[:4]) | 1))


def bgp_obstacles(facts: RoutingManagerFacts) -> list[str]:
    """Why BGP cannot be configured yet."""
    node = facts.nodes.get(facts.me)
    if node is None:
        return [f"Node {facts.me}: not in Kubernetes"]
    if not (node.ip4 or node.ip6):
        return [f"Node {facts.me}: no address (annotation projectcalico.org/IPv4Address or IPv6Address)"]
    return []


def desired_bgp(facts: RoutingManagerFacts) -> DesiredBgp:
    """What gobgpd should hold. Only to be called while `bgp_obstacles` is empty."""
    node, common = facts.nodes[facts.me], _effective_configuration(facts)
    addresses = {version: address for version in _VERSIONS if (address := node.address(version))}
    # gobgpd is given IPv6 before IPv4, as the reference does.
    listen = tuple(addresses[version] for version in reversed(_VERSIONS) if version in addresses)
    blocks = [block for block in own_blocks(facts) if block.version in addresses]
    kept_back = {ip_network(pool.cidr) for pool in facts.pools.values() if pool.disable_bgp_export}
    exported = [block for block in blocks if not _is_inside(block, kept_back)]
    services = [prefix for prefix in _advertised_services(facts, common) if prefix.version in addresses]
    return DesiredBgp(
        bgp=BgpGlobal(
            asn=node.asn or common.asn or _ASN_DEFAULT,
            router_id=bgp_router_id(node, facts.me),
            listen_port=common.listen_port or _PORT_DEFAULT,
            listen_addresses=listen,
        ),
        peers={peer.address: peer for peer in _mesh_peers(facts, addresses, common)},
        paths={str(prefix): addresses[prefix.version] for prefix in (*services, *exported)},
        blocks=frozenset(map(str, blocks)),
    )


def _mesh_peers(
    facts: RoutingManagerFacts, addresses: dict[int, str], common: BgpConfigurationFact
) -> Iterator[BgpPeerConfig]:
    """A session to every other node for each family that both have."""
    if not common.node_to_node_mesh:
        return
    for name, node in sorted(facts.nodes.items()):
        if name == facts.me:
            continue
        override = facts.configurations.get(f"node.{name}", BgpConfigurationFact()).listen_port
        cluster = facts.configurations.get("default", BgpConfigurationFact()).listen_port
        for version, local in addresses.items():
            address = node.address(version)
            if address and address != local:
                yield BgpPeerConfig(
                    address=address,
                    asn=node.asn or common.asn or _ASN_DEFAULT,
                    local_address=local,
                    port=override or cluster or _PORT_DEFAULT,
                    restart_s=facts.restart_s,
                )


def own_blocks(facts: RoutingManagerFacts) -> list[IpNetwork]:
    """The blocks that are confirmed as this node's, in order."""
    blocks = (
        ip_network(block.cidr)
        for block in facts.affinities.values()
        if block.node == facts.me and block.state == "confirmed" and not block.deleted
    )
    return sorted(set(blocks), key=lambda block: (block.version, block))


def _next_hops(facts: RoutingManagerFacts) -> dict[str, str]:
    """Prefix -> next hop of all that should be reachable: what is learnt now wins over what is stale."""
    return {**facts.stale, **facts.learnt}


def routes_of_bgp_paths(facts: RoutingManagerFacts) -> Iterator[RouteIntent]:
    """A plain route for every usable path. Service addresses are served here, whoever else advertises them."""
    blocks, services = set(map(str, own_blocks(facts))), _service_ranges(_effective_configuration(facts))
    for prefix, hop in sorted(_next_hops(facts).items()):
        if prefix in blocks or _is_inside(ip_network(prefix), services):
            continue
        if _why_unusable(facts, prefix, hop) is None:
            yield RouteIntent(DEFAULT_TABLE, prefix, (RoutePath(next_hop=hop),))


def unusable_bgp_paths(facts: RoutingManagerFacts) -> list[str]:
    """Paths that cannot be used, each with the reason."""
    reasons = ((prefix, _why_unusable(facts, prefix, hop)) for prefix, hop in sorted(_next_hops(facts).items()))
    return [f"path {prefix}: {reason}" for prefix, reason in reasons if reason]


def _why_unusable(facts: RoutingManagerFacts, prefix: str, hop: str) -> str | None:
    """None if a plain route does; else the reason why not."""
    network, node = ip_network(prefix), facts.nodes.get(facts.me, NodeFact())
    if node.address(network.version) is None:
        return f"this node has no IPv{network.version} address"
    pool = _pool_of(facts, network)
    if pool is None:
        return None
    modes = {"IPIP": pool.ipip_mode, "VXLAN": pool.vxlan_mode}
    for tunnel, mode in modes.items():
        if mode == "Always" or (mode == "CrossSubnet" and not _is_same_subnet(node, hop)):
            return f"pool {pool.cidr} wants {tunnel}, which is not supported yet"
    return None


def _pool_of(facts: RoutingManagerFacts, network: IpNetwork) -> IpPoolFact | None:
    """The pool that contains the prefix."""
    for _, pool in sorted(facts.pools.items()):
        cidr = ip_network(pool.cidr)
        if cidr.version == network.version and network.subnet_of(cidr):  # type: ignore[arg-type]
            return pool
    return None


def _is_same_subnet(node: NodeFact, hop: str) -> bool:
    """Is the next hop inside the subnet of the node's own address?"""
    address = ip_address(hop)
    interface = node.ip4 if address.version == 4 else node.ip6
    return interface is not None and address in ip_interface(interface).network
