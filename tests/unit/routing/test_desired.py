"""Facts and learnt paths -> BGP and routes."""

from ipaddress import IPv4Address

import pytest

from actors.routing.desired import World, bgp, not_ready, router_id, routes, unsupported
from schemas.facts import BgpConfiguration, BlockAffinity, IpPool, Node, ServiceAddress
from schemas.intents import Route, RoutePath

ME = Node(ip4="192.0.2.1/24", ip6="2001:db8::1/64")
OTHER = Node(ip4="192.0.2.2/24", ip6="2001:db8::2/64")


def world(**changes: object) -> World:
    base = World(
        me="n1",
        nodes={"n1": ME, "n2": OTHER},
        pools={"v4": IpPool(cidr="10.48.0.0/16"), "v6": IpPool(cidr="fd48::/48")},
        affinities={
            "mine": BlockAffinity(node="n1", cidr="10.48.0.0/26"),
            "mine6": BlockAffinity(node="n1", cidr="fd48::/122"),
            "pending": BlockAffinity(node="n1", cidr="10.48.1.0/26", state="pending"),
            "deleted": BlockAffinity(node="n1", cidr="10.48.2.0/26", deleted=True),
            "other": BlockAffinity(node="n2", cidr="10.48.0.64/26"),
        },
    )
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def test_own_confirmed_blocks_are_announced_whole_with_our_address_of_their_family() -> None:
    wanted = bgp(world())
    assert wanted.paths == {"10.48.0.0/26": "192.0.2.1", "fd48::/122": "2001:db8::1"}
    assert wanted.blocks == {"10.48.0.0/26", "fd48::/122"}


def test_the_mesh_has_a_session_per_family_that_both_ends_have() -> None:
    assert set(bgp(world()).peers) == {"192.0.2.2", "2001:db8::2"}
    assert set(bgp(world(nodes={"n1": ME, "n2": Node(ip4="192.0.2.2/24")})).peers) == {"192.0.2.2"}
    assert bgp(world(configurations={"default": BgpConfiguration(node_to_node_mesh=False)})).peers == {}


def test_as_numbers_come_from_the_node_else_the_cluster_else_calicos_default() -> None:
    assert bgp(world()).bgp.asn == 64512
    cluster = {"default": BgpConfiguration(asn=65001)}
    wanted = bgp(world(configurations=cluster, nodes={"n1": ME, "n2": Node(ip4="192.0.2.2/24", asn=65002)}))
    assert (wanted.bgp.asn, wanted.peers["192.0.2.2"].asn) == (65001, 65002)


def test_a_nodes_own_configuration_overrides_port_and_log_level_only() -> None:
    configurations = {
        "default": BgpConfiguration(asn=65001, listen_port=179),
        "node.n1": BgpConfiguration(asn=7, listen_port=1790),
        "node.n2": BgpConfiguration(listen_port=1791),
    }
    wanted = bgp(world(configurations=configurations))
    assert (wanted.bgp.asn, wanted.bgp.listen_port) == (65001, 1790)
    assert wanted.peers["192.0.2.2"].port == 1791


def test_a_node_without_ipv4_has_a_router_id_of_32_bits_that_stays() -> None:
    node = Node(ip6="2001:db8::1/64")
    assert router_id(node, "n1") == router_id(node, "n1") != router_id(node, "n2")
    assert IPv4Address(router_id(node, "n1")) != IPv4Address(0)


def test_bgp_waits_for_a_node_with_an_address_and_says_so() -> None:
    assert not_ready(world()) == []
    assert "Node n1: not in Kubernetes" in not_ready(world(nodes={}))
    assert "no address" in not_ready(world(nodes={"n1": Node()}))[0]


def test_learnt_prefixes_become_plain_routes_and_own_blocks_do_not() -> None:
    learnt = {"10.48.0.64/26": "192.0.2.2", "10.48.0.0/26": "192.0.2.2", "fd48::40/122": "2001:db8::2"}
    assert set(routes(world(learnt=learnt))) == {
        Route("default", "10.48.0.64/26", (RoutePath(next_hop="192.0.2.2"),)),
        Route("default", "fd48::40/122", (RoutePath(next_hop="2001:db8::2"),)),
    }


def test_kept_routes_stay_until_something_newer_is_said() -> None:
    kept = {"10.48.0.64/26": "192.0.2.2", "10.48.3.0/26": "192.0.2.3"}
    found = {r.prefix: r.paths[0].next_hop for r in routes(world(kept=kept, learnt={"10.48.0.64/26": "192.0.2.9"}))}
    assert found == {"10.48.0.64/26": "192.0.2.9", "10.48.3.0/26": "192.0.2.3"}


@pytest.mark.parametrize(
    ("pool", "hop", "usable"),
    [
        (IpPool(cidr="10.48.0.0/16"), "198.51.100.9", True),
        (IpPool(cidr="10.48.0.0/16", ipip_mode="CrossSubnet"), "192.0.2.9", True),
        (IpPool(cidr="10.48.0.0/16", ipip_mode="CrossSubnet"), "198.51.100.9", False),
        (IpPool(cidr="10.48.0.0/16", vxlan_mode="CrossSubnet"), "198.51.100.9", False),
        (IpPool(cidr="10.48.0.0/16", vxlan_mode="Always"), "192.0.2.9", False),
        (IpPool(cidr="10.99.0.0/16", vxlan_mode="Always"), "192.0.2.9", True),
    ],
)
def test_a_pool_that_wants_a_tunnel_gets_no_plain_route_and_says_why(pool: IpPool, hop: str, usable: bool) -> None:
    here = world(pools={"p": pool}, learnt={"10.48.0.64/26": hop})
    assert bool(list(routes(here))) == usable
    assert bool(unsupported(here)) == (not usable)


def test_a_prefix_of_a_family_that_this_node_lacks_is_not_installed() -> None:
    here = world(nodes={"n1": Node(ip4="192.0.2.1/24")}, learnt={"fd48::40/122": "2001:db8::2"})
    assert list(routes(here)) == []
    assert unsupported(here) == ["path fd48::40/122: this node has no IPv6 address"]


SERVICES = BgpConfiguration(
    service_cluster_ips=("10.96.0.0/16", "fd96::/112"),
    service_external_ips=("203.0.113.0/28",),
    service_load_balancer_ips=("203.0.113.128/28",),
)


def test_service_ranges_are_advertised_by_every_node_but_not_as_blocks() -> None:
    wanted = bgp(world(configurations={"default": SERVICES}))
    ranges = {"10.96.0.0/16", "fd96::/112", "203.0.113.0/28", "203.0.113.128/28"}
    assert ranges <= set(wanted.paths)
    assert not ranges & wanted.blocks
    assert wanted.paths["fd96::/112"] == "2001:db8::1"


def test_an_address_of_a_local_service_is_advertised_only_inside_a_range_for_the_outside() -> None:
    addresses = dict.fromkeys(("203.0.113.5/32", "10.96.0.7/32", "198.51.100.1/32"), ServiceAddress(("d/web",)))
    wanted = bgp(world(configurations={"default": SERVICES}, service_addresses=addresses))
    assert wanted.paths["203.0.113.5/32"] == "192.0.2.1"
    assert not {"10.96.0.7/32", "198.51.100.1/32"} & set(wanted.paths)


def test_a_service_range_of_a_family_without_an_own_address_is_not_advertised() -> None:
    only4 = {"n1": Node(ip4="192.0.2.1/24"), "n2": OTHER}
    assert "fd96::/112" not in bgp(world(configurations={"default": SERVICES}, nodes=only4)).paths


def test_service_addresses_learnt_from_other_nodes_are_no_routes_as_every_node_serves_them() -> None:
    learnt = {"203.0.113.5/32": "192.0.2.2", "10.96.0.0/16": "192.0.2.2", "10.48.0.64/26": "192.0.2.2"}
    found = [route.prefix for route in routes(world(configurations={"default": SERVICES}, learnt=learnt))]
    assert found == ["10.48.0.64/26"]
