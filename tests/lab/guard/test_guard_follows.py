"""What others change on the host's tap while VPP has the uplink: it holds in VPP, and is what is given back."""

import json
import os
import signal
import subprocess
from collections.abc import Callable

from tests.iproute import ip, ip_json
from tests.lab.guard.world import GATEWAY4, GATEWAY6, HOST4, HOST6, HOST_MAC, World
from tests.waiting import until

VIP4, VIP6 = "192.0.2.100", "2001:db8::100"
OTHER_VIP4, NEXT4 = "192.0.2.101", "192.0.2.8"
BEYOND4 = "198.18.0.1"
NewWorld = Callable[[], World]


def on_tap(world: World, command: str) -> None:
    """Somebody changes the host's uplink, as far as he can see."""
    ip(command, netns=world.host)


def addresses(world: World) -> set[str]:
    return {address for address, _, _ in world.linux()["addresses"]}


def is_asked_for_in_vain(world: World, address: str) -> bool:
    """Does nobody on the wire say that he has the address?"""
    subprocess.run(["ip", "netns", "exec", world.lan, "ip", "neigh", "flush", "to", address], check=False)
    world.answers(address)
    return all("lladdr" not in entry for entry in ip_json(f"neigh show to {address}", netns=world.lan))


def passes(world: World, size: int) -> bool:
    """Does the gateway answer a packet of that many bytes that must not be cut?"""
    on_tap(world, "route flush cache")  # what the host has learnt of the way before
    line = ["ip", "netns", "exec", world.host, "ping", "-c1", "-W1", "-Mdo", "-s", str(size - 28), GATEWAY4]
    return subprocess.run(line, check=False, capture_output=True).returncode == 0


def test_a_vip_that_comes_is_answered_for_and_one_that_goes_is_not_put_back(world: World) -> None:
    on_tap(world, f"addr add {OTHER_VIP4}/32 dev eth0")
    world.start_guard()
    world.running()
    until(lambda: world.answers(OTHER_VIP4), "the VIP that was there answers through VPP")
    on_tap(world, f"addr del {OTHER_VIP4}/32 dev eth0")
    on_tap(world, f"addr add {VIP4}/32 dev eth0")
    on_tap(world, f"addr add {VIP6}/128 dev eth0 nodad")
    for address in (VIP4, VIP6, HOST4, HOST6):
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
    until(lambda: is_asked_for_in_vain(world, OTHER_VIP4), "nobody answers for the VIP that has gone")
    assert world.end("guard") == 0
    until(lambda: world.answers(VIP4), "Linux has the VIP that has come")
    assert addresses(world) & {VIP4, VIP6, OTHER_VIP4, HOST4, HOST6} == {VIP4, VIP6, HOST4, HOST6}
    assert world.leftovers() == []


def test_neighbours_that_knew_a_vip_elsewhere_are_told(world: World) -> None:
    world.start_guard()
    world.running()
    for address, prefix in ((VIP4, "32"), (VIP6, "128")):
        ip(f"neigh replace {address} lladdr 02:00:00:00:00:99 dev lan0 nud stale", netns=world.lan)
        on_tap(world, f"addr add {address}/{prefix} dev eth0")
        until(
            lambda address=address: HOST_MAC in ip(f"neigh show to {address}", netns=world.lan), "the neighbour is told"
        )
        until(lambda address=address: world.answers(address), "the VIP answers")


def test_a_node_whose_address_changes_goes_on_with_the_new_one(world: World) -> None:
    info = world.directory / "info.json"
    ip(f"addr add {BEYOND4}/32 dev lo", netns=world.lan)
    world.start_guard(VPPD_INFO_FILE=str(info))
    world.running()
    on_tap(world, f"addr del {HOST4}/24 dev eth0")
    on_tap(world, f"addr add {NEXT4}/24 dev eth0")
    on_tap(world, f"route add default via {GATEWAY4} dev eth0 metric 50")
    until(lambda: world.answers(NEXT4), "the new address answers through VPP")
    until(lambda: world.reaches(BEYOND4), "the host reaches what is beyond the gateway")
    until(lambda: is_asked_for_in_vain(world, HOST4), "nobody answers for the old one")
    until(lambda: HOST4 not in world.told_addresses(), "all are told that it has gone")
    assert NEXT4 in world.told_addresses()
    assert len(json.loads(info.read_text())["UplinkStatuses"]["eth0"]["UplinkAddresses"]) == 2
    now = world.linux()
    assert world.end("guard") == 0
    assert addresses(world) & {HOST4, NEXT4} == {NEXT4}
    assert world.linux()["addresses"] == now["addresses"]
    assert world.reaches(BEYOND4)


def test_mtu_routes_and_rules_are_followed_and_given_back_as_they_are(world: World) -> None:
    ip(f"addr add {BEYOND4}/32 dev lo", netns=world.lan)
    on_tap(world, "rule add iif eth0 lookup 77 priority 7700")
    world.start_guard(SERVICE_PREFIX="10.96.0.0/16")
    world.running()
    on_tap(world, "link set eth0 mtu 1450")
    on_tap(world, "route del default")
    on_tap(world, f"route add 198.18.0.0/24 via {GATEWAY4} dev eth0 metric 7")
    on_tap(world, f"route add 198.19.0.0/24 via {GATEWAY4} dev eth0 table 77")
    on_tap(world, "rule del priority 7700")
    until(lambda: world.reaches(BEYOND4), "the new route leads through VPP")
    until(lambda: passes(world, 1450), "large packets pass VPP and the link below")
    on_tap(world, "route del 10.96.0.0/16")
    until(lambda: ip("route show 10.96.0.0/16", netns=world.host), "the route to services is put back")
    assert world.end("guard") == 0
    after = world.linux()
    assert after["mtu"] == 1450
    routes = " ; ".join(after["routes"])
    assert "198.18.0.0/24 via 192.0.2.1" in routes
    assert "198.19.0.0/24 via 192.0.2.1 table 77" in routes
    assert "default via 192.0.2.1" not in routes
    assert "10.96.0.0" not in routes
    assert "7700" not in ip("rule", netns=world.host)


def test_a_route_of_ipv6_by_a_neighbour_leads_through_vpp_and_is_given_back_as_it_was_set(world: World) -> None:
    ip("addr add 2001:db8:ffff::1/128 dev lo", netns=world.lan)
    world.start_guard()
    world.running()
    on_tap(world, "-6 route del default")
    on_tap(world, f"-6 route add 2001:db8:ffff::/48 via {GATEWAY6} dev eth0 metric 7")
    on_tap(world, "-6 addr add 2001:db8:1::7/64 dev eth0 nodad")
    ip("-6 addr add 2001:db8:1::1/64 dev lan0 nodad", netns=world.lan)
    until(lambda: world.reaches("2001:db8:ffff::1"), "the new route leads through VPP")
    until(lambda: world.answers("2001:db8:1::7"), "the address of a new prefix answers")
    until(lambda: world.reaches("2001:db8:1::1"), "the neighbour of a new prefix is reached")
    assert world.end("guard") == 0
    routes = " ; ".join(world.linux()["routes"])
    assert f"2001:db8:ffff::/48 via {GATEWAY6} metric 7" in routes
    assert "2001:db8:1::/64 proto kernel" in routes
    assert "default via 2001" not in routes


def test_when_vpp_dies_the_next_one_holds_what_held_last(world: World) -> None:
    on_tap(world, f"addr add {OTHER_VIP4}/32 dev eth0")
    world.start_guard()
    world.running()
    on_tap(world, f"addr del {OTHER_VIP4}/32 dev eth0")
    on_tap(world, f"addr add {VIP4}/32 dev eth0")
    until(lambda: world.answers(VIP4), "the VIP answers through VPP")
    until(lambda: OTHER_VIP4 not in world.told_addresses(), "the other one's end is known")
    [vpp] = world.vpps()
    os.kill(vpp, signal.SIGKILL)
    until(lambda: world.vpps() not in ([], [vpp]) and world.is_running(), "the next VPP runs")
    until(lambda: world.answers(VIP4), "the VIP answers through the next VPP")
    assert addresses(world) & {VIP4, OTHER_VIP4} == {VIP4}


def test_what_changes_while_no_guard_lives_is_found_by_the_next_one(world: World) -> None:
    on_tap(world, f"addr add {OTHER_VIP4}/32 dev eth0")
    world.start_guard()
    world.running()
    [vpp] = world.vpps()
    world.end("guard", signal.SIGKILL)
    on_tap(world, f"addr del {OTHER_VIP4}/32 dev eth0")
    on_tap(world, f"addr add {VIP4}/32 dev eth0")
    world.start_guard()
    world.running()
    assert world.vpps() == [vpp]
    until(lambda: world.answers(VIP4), "the VIP answers through VPP")
    assert addresses(world) & {VIP4, OTHER_VIP4} == {VIP4}
    until(lambda: is_asked_for_in_vain(world, OTHER_VIP4), "nobody answers for the VIP that has gone")


def test_guard_and_vpp_that_die_together_leave_what_held_last(world: World) -> None:
    world.start_guard()
    world.running()
    on_tap(world, f"addr add {VIP4}/32 dev eth0")
    until(lambda: world.answers(VIP4), "the VIP answers through VPP")
    [vpp] = world.vpps()
    world.end("guard", signal.SIGKILL)
    os.kill(vpp, signal.SIGKILL)
    assert world.command("restore").returncode == 0
    assert addresses(world) & {VIP4, HOST4} == {VIP4, HOST4}
