"""Routes by which pods reach external addresses of Local Services that only other nodes serve. Pure.

An address leads from the pods' table, which outside clients never meet, to one node that has endpoints; that node
translates, and sees the pod's own address. Each node and address chooses among them by a hash: pods spread over the
cluster, and a flow changes its way only when the node that it goes through has no endpoints any more.

A route takes every port of its address along, and the node that it leads to has no source NAT for them. So only an
address that is the cluster's own goes this way: a load balancer's, or an external IP in a range that nodes advertise
as BGPConfiguration says. Any other external IP may be a machine's, of which a Service claims a port or two.

The next hop has to be on an uplink's own network: a router between would send the packet where it pleases. Addresses
of nodes and pods keep their routes, whatever a Service claims.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

from schemas.facts import IpPoolFact, NodeFact, ServiceFact, UplinkFact
from schemas.intents import RouteIntent, RoutePath


def service_prefixes_by_node(
    relays: Mapping[str, Collection[str]], nodes: Mapping[str, NodeFact], pools: Iterable[IpPoolFact]
) -> dict[str, Collection[str]]:
    """Prefix -> names of the nodes that serve it. `relays`: the same by address, whatever a Service claims."""
    node_addresses = {address for node in nodes.values() for address in node.addresses}
    networks = [ip_network(pool.cidr) for pool in pools]
    return {
        str(ip_network(vip)): names
        for vip, names in relays.items()
        if vip not in node_addresses and not any(ip_address(vip) in network for network in networks)
    }


def is_clusters_own_address(vip: str, service: ServiceFact, ranges: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Does all of an external address belong to Services? `ranges`: those that BGPConfiguration has advertised."""
    return any(each.ip == vip for each in service.ingress) or any(ip_address(vip) in each for each in ranges)


def service_relay_routes(
    prefixes: Mapping[str, Collection[str]], me: str, nodes: Mapping[str, NodeFact], uplinks: Iterable[UplinkFact]
) -> Iterator[RouteIntent]:
    """A route for each prefix of which a serving node is near."""
    uplinks = sorted(uplinks, key=lambda uplink: (not uplink.is_main, uplink.interface))
    for prefix, names in sorted(prefixes.items()):
        route = next(
            _near_routes(prefix, sorted(names, key=lambda name: _rank(me, prefix, name)), nodes, uplinks), None
        )
        if route is not None:
            yield route


def _near_routes(
    prefix: str, names: Iterable[str], nodes: Mapping[str, NodeFact], uplinks: Sequence[UplinkFact]
) -> Iterator[RouteIntent]:
    for name in names:
        hop = nodes.get(name, NodeFact()).address(ip_network(prefix).version)
        for uplink in uplinks:
            if hop and _is_near(uplink, hop):
                yield RouteIntent(uplink.pods_table, prefix, (RoutePath(next_hop=hop, interface=uplink.interface),))


def _rank(me: str, prefix: str, name: str) -> bytes:
    return hashlib.sha256(f"{me} {prefix} {name}".encode()).digest()


def _is_near(uplink: UplinkFact, hop: str) -> bool:
    networks = (ip_interface(text).network for text in uplink.addresses)
    return bool(uplink.interface) and any(ip_address(hop) in network for network in networks)
