"""Facts and learnt paths -> BGP and routes."""

from ipaddress import IPv4Address

import pytest

from actors.routing.desired import (
    RoutingManagerFacts,
    bgp_obstacles,
    bgp_router_id,
    desired_bgp,
    gobgpd_log_level,
    routes_of_bgp_paths,
    unusable_bgp_paths,
)
from schemas.facts import BgpConfigurationFact, BlockAffinityFact, IpPoolFact, NodeFact, ServiceAddressFact
from schemas.intents import RouteIntent, RoutePath

ME = NodeFact(ip4="192.0.2.1/24", ip6="2001:db8::1/64")
NEIGHBOUR = NodeFact(ip4="192.0.2.2/24", ip6="2001:db8::2/64")


def facts(**changes: object) -> RoutingManagerFacts:
    base = RoutingManagerFacts(
        me="n1",
        nodes={"n1": ME, "n2": NEIGHBOUR},
        pools={"v4": IpPoolFact(cidr="10.48.0.0/16"), "v6": IpPoolFact(cidr="fd48::/48")},
        affinities={
            "mine": BlockAffinityFact(node="n1", cidr="10.48.0.0/26"),
            "mine6": BlockAffinityFact(node="n1", cidr="fd48::/122"),
            "pending": BlockAffinityFact(node="n1", cidr="10.48.1.0/26", state="pending"),
            "deleted": BlockAffinityFact(node="n1", cidr="10.48.2.0/26", deleted=True),
            "other": BlockAffinityFact(node="n2", cidr="10.48.0.64/26"),
        },
    )
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def test_own_confirmed_blocks_are_announced_whole_with_our_address_of_their_family() -> None:
    bgp_config = desired_bgp(facts())
    assert bgp_config.paths == {"10.48.0.0/26": "192.0.2.1", "fd48::/122": "2001:db8::1"}
    assert bgp_config.blocks == {"10.48.0.0/26", "fd48::/122"}


def test_blocks_of_a_pool_that_is_not_exported_are_not_announced() -> None:
    pools = {"v4": IpPoolFact(cidr="10.48.0.0/16", disable_bgp_export=True), "v6": IpPoolFact(cidr="fd48::/48")}
    assert set(desired_bgp(facts(pools=pools)).paths) == {"fd48::/122"}


def test_the_mesh_has_a_session_per_family_that_both_ends_have() -> None:
    assert set(desired_bgp(facts()).peers) == {"192.0.2.2", "2001:db8::2"}
    assert set(desired_bgp(facts(nodes={"n1": ME, "n2": NodeFact(ip4="192.0.2.2/24")})).peers) == {"192.0.2.2"}
    assert desired_bgp(facts(configurations={"default": BgpConfigurationFact(node_to_node_mesh=False)})).peers == {}


def test_as_numbers_come_from_the_node_else_the_cluster_else_calicos_default() -> None:
    assert desired_bgp(facts()).bgp.asn == 64512
    cluster = {"default": BgpConfigurationFact(asn=65001)}
    bgp_config = desired_bgp(
        facts(configurations=cluster, nodes={"n1": ME, "n2": NodeFact(ip4="192.0.2.2/24", asn=65002)})
    )
    assert (bgp_config.bgp.asn, bgp_config.peers["192.0.2.2"].asn) == (65001, 65002)


def test_a_nodes_own_configuration_overrides_port_and_log_level_only() -> None:
    configurations = {
        "default": BgpConfigurationFact(asn=65001, listen_port=179),
        "node.n1": BgpConfigurationFact(asn=7, listen_port=1790),
        "node.n2": BgpConfigurationFact(listen_port=1791),
    }
    bgp_config = desired_bgp(facts(configurations=configurations))
    assert (bgp_config.bgp.asn, bgp_config.bgp.listen_port) == (65001, 1790)
    assert bgp_config.peers["192.0.2.2"].port == 1791


@pytest.mark.parametrize(
    ("configured", "cluster", "node", "level"),
    [
        ("", None, None, "info"),
        ("", "Debug", None, "debug"),
        ("", "Debug", "Error", "error"),
        ("", "Fatal", None, "error"),
        ("", "Loud", None, "info"),
        ("trace", "Error", None, "trace"),
    ],
)
def test_gobgpd_s_log_level_is_the_variable_s_else_that_of_the_node_s_configuration_else_the_cluster_s(
    configured: str, cluster: str | None, node: str | None, level: str
) -> None:
    severities = {"default": cluster, "node.n1": node}
    configurations = {key: BgpConfigurationFact(log_severity=severity) for key, severity in severities.items()}
    assert gobgpd_log_level(facts(configurations=configurations), configured) == level


def test_a_node_without_ipv4_has_a_router_id_of_32_bits_that_stays() -> None:
    node = NodeFact(ip6="2001:db8::1/64")
    assert bgp_router_id(node, "n1") == bgp_router_id(node, "n1") != bgp_router_id(node, "n2")
    assert IPv4Address(bgp_router_id(node, "n1")) != IPv4Address(0)


def test_bgp_waits_for_a_node_with_an_address_and_says_so() -> None:
    assert bgp_obstacles(facts()) == []
    assert "Node n1: not in Kubernetes" in bgp_obstacles(facts(nodes={}))
    assert "no address" in bgp_obstacles(facts(nodes={"n1": NodeFact()}))[0]


def test_learnt_prefixes_become_plain_routes_and_own_blocks_do_not() -> None:
    learnt = {"10.48.0.64/26": "192.0.2.2", "10.48.0.0/26": "192.0.2.2", "fd48::40/122": "2001:db8::2"}
    assert set(routes_of_bgp_paths(facts(learnt=learnt))) == {
        RouteIntent("default", "10.48.0.64/26", (RoutePath(next_hop="192.0.2.2"),)),
        RouteIntent("default", "fd48::40/122", (RoutePath(next_hop="2001:db8::2"),)),
    }


def test_kept_routes_stay_until_something_newer_is_said() -> None:
    stale = {"10.48.0.64/26": "192.0.2.2", "10.48.3.0/26": "192.0.2.3"}
    resyncing = facts(stale=stale, learnt={"10.48.0.64/26": "192.0.2.9"})
    next_hops = {route.prefix: route.paths[0].next_hop for route in routes_of_bgp_paths(resyncing)}
    assert next_hops == {"10.48.0.64/26": "192.0.2.9", "10.48.3.0/26": "192.0.2.3"}


@pytest.mark.parametrize(
    ("pool", "hop", "usable"),
    [
        (IpPoolFact(cidr="10.48.0.0/16"), "198.51.100.9", True),
        (IpPoolFact(cidr="10.48.0.0/16", ipip_mode="CrossSubnet"), "192.0.2.9", True),
        (IpPoolFact(cidr="10.48.0.0/16", ipip_mode="CrossSubnet"), "198.51.100.9", False),
        (IpPoolFact(cidr="10.48.0.0/16", vxlan_mode="CrossSubnet"), "198.51.100.9", False),
        (IpPoolFact(cidr="10.48.0.0/16", vxlan_mode="Always"), "192.0.2.9", False),
        (IpPoolFact(cidr="10.99.0.0/16", vxlan_mode="Always"), "192.0.2.9", True),
    ],
)
def test_a_pool_that_wants_a_tunnel_gets_no_plain_route_and_says_why(pool: IpPoolFact, hop: str, usable: bool) -> None:
    pooled = facts(pools={"p": pool}, learnt={"10.48.0.64/26": hop})
    assert bool(list(routes_of_bgp_paths(pooled))) == usable
    assert bool(unusable_bgp_paths(pooled)) == (not usable)


def test_a_prefix_of_a_family_that_this_node_lacks_is_not_installed() -> None:
    only_ip4 = facts(nodes={"n1": NodeFact(ip4="192.0.2.1/24")}, learnt={"fd48::40/122": "2001:db8::2"})
    assert list(routes_of_bgp_paths(only_ip4)) == []
    assert unusable_bgp_paths(only_ip4) == ["path fd48::40/122: this node has no IPv6 address"]


SERVICES = BgpConfigurationFact(
    service_cluster_ips=("10.96.0.0/16", "fd96::/112"),
    service_external_ips=("203.0.113.0/28",),
    service_load_balancer_ips=("203.0.113.128/28",),
)


def test_service_ranges_are_advertised_by_every_node_but_not_as_blocks() -> None:
    bgp_config = desired_bgp(facts(configurations={"default": SERVICES}))
    ranges = {"10.96.0.0/16", "fd96::/112", "203.0.113.0/28", "203.0.113.128/28"}
    assert ranges <= set(bgp_config.paths)
    assert not ranges & bgp_config.blocks
    assert bgp_config.paths["fd96::/112"] == "2001:db8::1"


def test_an_address_of_a_local_service_is_advertised_only_inside_a_range_for_the_outside() -> None:
    addresses = dict.fromkeys(("203.0.113.5/32", "10.96.0.7/32", "198.51.100.1/32"), ServiceAddressFact(("d/web",)))
    bgp_config = desired_bgp(facts(configurations={"default": SERVICES}, service_addresses=addresses))
    assert bgp_config.paths["203.0.113.5/32"] == "192.0.2.1"
    assert not {"10.96.0.7/32", "198.51.100.1/32"} & set(bgp_config.paths)


def test_a_service_range_of_a_family_without_an_own_address_is_not_advertised() -> None:
    only4 = {"n1": NodeFact(ip4="192.0.2.1/24"), "n2": NEIGHBOUR}
    assert "fd96::/112" not in desired_bgp(facts(configurations={"default": SERVICES}, nodes=only4)).paths


def test_service_addresses_learnt_from_other_nodes_are_no_routes_as_every_node_serves_them() -> None:
    learnt = {"203.0.113.5/32": "192.0.2.2", "10.96.0.0/16": "192.0.2.2", "10.48.0.64/26": "192.0.2.2"}
    prefixes = [
        route.prefix for route in routes_of_bgp_paths(facts(configurations={"default": SERVICES}, learnt=learnt))
    ]
    assert prefixes == ["10.48.0.64/26"]
