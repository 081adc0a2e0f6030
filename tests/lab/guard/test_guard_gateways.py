"""Networks whose gateways are not neighbours of the host's subnet: link-local ones, and ones behind `onlink`."""

from collections.abc import Callable

from tests.iproute import ip
from tests.lab.guard.world import HOST4, HOST6, HOST_MAC, World, ping_guard
from tests.waiting import holds, until

ROUTER6, BEYOND6 = "fe80::1", "2001:db8:ffff::1"
ONLINK4, ALONE4, BEYOND4 = "198.51.100.1", "203.0.113.7", "198.18.0.1"
MTU = 1450
NewWorld = Callable[[], World]


def router(world: World) -> None:
    """A router that has no address of the host's subnets but a link-local one, with hosts beyond it on its loopback."""
    world.wire("eth0", "lan0", HOST_MAC)
    ip(f"link set lan0 addrgenmode none mtu {MTU}", netns=world.lan)
    ip(f"addr add {ROUTER6}/64 dev lan0 nodad", netns=world.lan)
    ip(f"addr add {BEYOND6}/128 dev lo", netns=world.lan)
    ip(f"-6 route add {HOST6}/128 dev lan0 src {BEYOND6}", netns=world.lan)
    ip(f"link set eth0 mtu {MTU} up", netns=world.host)
    ip(f"addr add {HOST6}/64 dev eth0 nodad", netns=world.host)
    ip(f"-6 route add default via {ROUTER6} dev eth0 proto ra metric 1024", netns=world.host)


def router_of_both_families(world: World) -> None:
    """The router, with IPv4 as hosters give it: one address alone, its gateway outside, and more that is in the way."""
    router(world)
    ip(f"addr add {ONLINK4}/32 dev lan0", netns=world.lan)
    ip(f"addr add {BEYOND4}/32 dev lo", netns=world.lan)
    for address in (ALONE4, HOST4):
        ip(f"route add {address}/32 dev lan0 src {ONLINK4}", netns=world.lan)
    ip(f"addr add {ALONE4}/32 dev eth0", netns=world.host)
    # As NetworkManager does it: without the kernel's route, and with one of its own in the kernel's name.
    ip(f"addr add {HOST4}/24 dev eth0 noprefixroute", netns=world.host)
    ip(f"route add 192.0.2.0/24 dev eth0 proto kernel scope link src {HOST4} metric 100", netns=world.host)
    ip(f"route add default via {ONLINK4} dev eth0 onlink metric 50", netns=world.host)
    ip("route add default via 192.0.2.254 dev eth0 metric 700", netns=world.host)
    ip("-6 route add default via fe80::2 dev eth0 metric 2048", netns=world.host)
    ip(f"route add default via {ONLINK4} dev eth0 onlink table 77", netns=world.host)
    ip(f"rule add from {ALONE4} lookup 77", netns=world.host)
    ip("rule add iif eth0 lookup 77 priority 7700", netns=world.host)


def test_a_node_with_a_link_local_gateway_alone_is_carried_and_stays_carried(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    router(world)
    world.settled("eth0")
    until(lambda: world.reaches(BEYOND6), "the host reaches what is beyond the router")
    before = world.linux()
    world.start_basics()
    assert "fe80::1: link-local: is asked beside VPP" in world.command("preflight").stdout
    world.start_guard(VPPD_FORWARD_WAIT="2", VPPD_GATEWAY_WAIT="4")
    world.running()
    until(lambda: world.reaches(BEYOND6), "what is beyond the router answers through VPP")
    assert world.answers(HOST6)
    # Twice as long as silence is borne.
    holds(lambda: world.is_running() and "no answer" not in ping_guard(world), "VPP is blamed for nothing", 4.0)
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_gateways_outside_the_hosts_subnets_carry_both_families(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    router_of_both_families(world)
    world.settled("eth0")
    for address in (BEYOND4, BEYOND6):
        until(lambda address=address: world.reaches(address), f"{address} answers in Linux")
    before, rules = world.linux(), ip("rule", netns=world.host)
    assert before["mtu"] == MTU
    world.start_basics()
    world.start_guard(VPPD_PROBE_ADDRESSES=f"{BEYOND4},{BEYOND6}")
    world.running()
    for address in (BEYOND4, BEYOND6, ONLINK4):
        until(lambda address=address: world.reaches(address), f"{address} answers through VPP")
    for address in (ALONE4, HOST4, HOST6):
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
    assert world.end("guard") == 0
    assert world.linux() == before
    assert ip("rule", netns=world.host) == rules
    assert world.leftovers() == []


def test_a_link_local_gateway_that_has_gone_from_the_wire_ends_the_takeover_by_name(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    router(world)
    world.settled("eth0")
    until(lambda: world.reaches(BEYOND6), "the host reaches what is beyond the router")
    world.start_basics()
    hook = f"ip netns exec {world.lan} ip addr del {ROUTER6}/64 dev lan0"
    world.start_guard(CALICOVPP_HOOK_VPP_RUNNING=hook, VPPD_GATEWAY_WAIT="1")
    until(lambda: "fe80::1: no answer on the wire beside VPP" in world.log(), "the takeover ends by name")
    until(lambda: "restoring" in world.states(), "the NIC is given back")
