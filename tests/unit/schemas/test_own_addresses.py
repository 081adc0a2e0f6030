"""A node's own addresses, where Kubernetes and its uplinks say different things."""

from schemas.facts import NodeFact, UplinkFact
from schemas.own_addresses import moved_address_problems, node_on_its_uplinks

NODE = NodeFact(ip4="192.0.2.7/24", ip6="2001:db8::7/64", asn=64513)
SECOND = UplinkFact("running", is_main=False, addresses=("203.0.113.7/24",))


def main(*addresses: str) -> UplinkFact:
    return UplinkFact("running", addresses=addresses)


def test_an_address_that_an_uplink_has_is_the_nodes() -> None:
    for uplinks in ([main("192.0.2.8/24", "192.0.2.7/24", "2001:db8::7/64")], []):
        assert node_on_its_uplinks(NODE, uplinks) == NODE
        assert moved_address_problems("n1", NODE, uplinks) == []
    of_second = NodeFact(ip4="203.0.113.7/24")
    assert node_on_its_uplinks(of_second, [main("192.0.2.7/24"), SECOND]) == of_second


def test_one_that_no_uplink_has_any_more_is_the_main_uplinks_and_that_is_said() -> None:
    uplinks = [SECOND, main("2001:db8::7/64", "192.0.2.8/25", "192.0.2.100/32")]
    moved = node_on_its_uplinks(NODE, uplinks)
    assert moved == NodeFact(ip4="192.0.2.8/25", ip6="2001:db8::7/64", asn=64513)
    [problem] = moved_address_problems("n1", NODE, uplinks)
    assert "192.0.2.7" in problem
    assert "192.0.2.8/25" in problem
    assert "projectcalico.org/IPv4Address" in problem


def test_a_family_that_the_uplinks_or_the_node_lack_stays_as_it_is() -> None:
    assert node_on_its_uplinks(NODE, [main("192.0.2.7/24")]) == NODE
    six = NodeFact(ip6="2001:db8::7/64")
    assert node_on_its_uplinks(six, [main("192.0.2.7/24", "2001:db8::7/64")]) == six
