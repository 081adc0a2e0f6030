"""Whose source address changes."""

from actors.services import snat
from schemas.cnat import SnatAddressesIntent, SnatExclusionIntent, SnatMemberIntent
from schemas.facts import IpPoolFact, NodeFact, PodInterfaceFact, UplinkFact
from tests.unit.services.worlds import ME, NEIGHBOUR, cluster, intents_of

POOLS = {
    "all": IpPoolFact("10.0.0.0/8", nat_outgoing=True),
    "inner": IpPoolFact("10.9.0.0/16", nat_outgoing=False),
    "six": IpPoolFact("fd00::/48", nat_outgoing=True),
}
POD = PodInterfaceFact("pod/d/w/eth0", "/run/netns/w", ("10.1.0.5", "fd00::5"))


def test_the_node_gives_its_own_addresses() -> None:
    assert snat.snat_addresses(ME) == SnatAddressesIntent("192.0.2.1", "2001:db8::1")
    assert snat.snat_addresses(NodeFact(ip6="2001:db8::1/64")) == SnatAddressesIntent(None, "2001:db8::1")
    assert snat.snat_addresses(NodeFact()) is None


def test_nothing_is_said_of_source_nat_before_the_node_has_an_address() -> None:
    assert not any(
        "snat" in key for key in intents_of(cluster(nodes={"n1": NodeFact(), "n2": NEIGHBOUR}, pods={"p": POD}))
    )


def test_nodes_pools_and_services_see_the_pods_own_address() -> None:
    exclusions = set(snat.snat_exclusions([ME, NEIGHBOUR], POOLS.values(), ["10.96.0.0/16"]))
    assert {
        SnatExclusionIntent(p) for p in ("192.0.2.1/32", "2001:db8::2/128", "10.9.0.0/16", "10.96.0.0/16")
    } <= exclusions


def test_pods_of_masquerading_pools_are_included_by_family() -> None:
    members = set(snat.snat_members([], [POD], POOLS))
    assert members == {SnatMemberIntent(POD.interface, t) for t in ("pod", "include-v4", "include-v6")}


def test_the_longest_pool_decides_and_without_a_pool_nothing_changes() -> None:
    assert not snat.is_masqueraded("10.9.0.1", POOLS)
    assert snat.is_masqueraded("10.8.0.1", POOLS)
    assert not snat.is_masqueraded("192.0.2.77", POOLS)


def test_the_hosts_tap_keeps_every_address() -> None:
    members = set(snat.snat_members([UplinkFact("running", host_tap="host/eth0")], [], {}))
    assert members == {SnatMemberIntent("host/eth0", "pod"), SnatMemberIntent("host/eth0", "host")}
