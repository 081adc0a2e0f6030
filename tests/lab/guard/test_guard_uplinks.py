"""Uplinks of all kinds: one family or both, several of them, a VLAN, by AF_XDP; and those that are refused in words."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.iproute import ip
from tests.lab.guard.world import GATEWAY4, HOST4, HOST6, HOST_MAC, World
from tests.waiting import until
from tools.lab.cluster.node_processes import REAL_STARTUP_CONF

SECOND4, SECOND_GATEWAY4 = "203.0.113.7", "203.0.113.1"
SECOND_MAC = "02:90:00:00:00:08"
SERVE = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
connection, _ = socket.create_server((sys.argv[1], 7777), family=family).accept()
connection.sendall(str(sum(iter(lambda: len(connection.recv(65536)), 0))).encode())
"""
SEND = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 7777), 5)
connection.sendall(bytes(100000))
connection.shutdown(socket.SHUT_WR)
print(connection.recv(100).decode())
"""
NewWorld = Callable[[], World]


def transfer(world: World, address: str) -> str:
    """A TCP connection from the host outside to the host, 100 kB: what came back of it."""
    server = subprocess.Popen(["ip", "netns", "exec", world.host, sys.executable, "-c", SERVE, address])
    try:
        line = ["ip", "netns", "exec", world.lan, sys.executable, "-c", SEND, address]
        return until(
            lambda: subprocess.run(line, capture_output=True, text=True, check=False).stdout.strip(), "TCP", 20
        )
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(("families", "reason"), [("4", "IPv4"), ("6", "IPv6"), ("46", "IPv4,IPv6")])
def test_hosts_of_one_family_and_of_both_are_carried_and_restored(
    new_bare_world: NewWorld, families: str, reason: str
) -> None:
    world = new_bare_world()
    world.wire("eth0", "lan0", HOST_MAC)
    world.address("eth0", "lan0", families)
    world.uplinks = [{"interfaceName": "eth0", "ipFamilies": reason}]
    addresses = [address for family, address in (("4", HOST4), ("6", HOST6)) if family in families]
    until(lambda: all(world.answers(a) for a in addresses), "the host answers before")
    before = world.linux()
    world.start_basics()
    world.start_guard()
    world.running()
    for address in addresses:
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
        assert transfer(world, address) == "100000"
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_family_that_is_expected_and_missing_is_refused_by_name(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    world.wire("eth0", "lan0", HOST_MAC)
    world.address("eth0", "lan0", "4")
    world.uplinks = [{"interfaceName": "eth0", "ipFamilies": "IPv4,IPv6"}]
    world.start_basics()
    world.start_guard()
    until(lambda: "has no IPv6 address" in world.log(), "refused by name")
    assert "captured" not in world.states()


def two(new_bare_world: NewWorld, **second: str) -> World:
    """A host with two wires."""
    world = new_bare_world()
    world.wire("eth0", "lan0", HOST_MAC)
    world.address("eth0", "lan0")
    world.wire("eth1", "lan1", SECOND_MAC)
    ip(f"addr add {SECOND_GATEWAY4}/24 dev lan1", netns=world.lan)
    ip("addr add 198.18.0.1/32 dev lo", netns=world.lan)
    ip("link set eth1 up", netns=world.host)
    ip(f"addr add {SECOND4}/24 dev eth1", netns=world.host)
    ip(f"route add 198.18.0.0/24 via {SECOND_GATEWAY4} dev eth1", netns=world.host)
    world.uplinks = [
        {"interfaceName": "eth0", "isMain": True, "vppDriver": "af_packet"},
        {"interfaceName": "eth1", "vppDriver": "af_packet", **second},
    ]
    world.settled("eth1")
    world.start_basics()
    return world


def test_two_uplinks_are_carried_and_both_are_given_back(new_bare_world: NewWorld) -> None:
    world = two(new_bare_world)
    before = world.linux("eth0"), world.linux("eth1")
    world.start_guard()
    world.running()
    for address in (HOST4, HOST6, SECOND4):
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
    until(lambda: world.reaches("198.18.0.1"), "a host behind the second uplink's gateway")
    assert world.end("guard") == 0
    assert (world.linux("eth0"), world.linux("eth1")) == before
    assert world.leftovers() == []


def test_an_uplink_of_another_physical_network_is_carried_by_tables_of_its_own(new_bare_world: NewWorld) -> None:
    world = two(new_bare_world, physicalNetworkName="storage")
    before = world.linux("eth0"), world.linux("eth1")
    world.start_guard()
    world.running()
    for address in (HOST4, SECOND4):
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
    until(lambda: world.reaches("198.18.0.1"), "a host behind the second uplink's gateway")
    assert world.end("guard") == 0
    assert (world.linux("eth0"), world.linux("eth1")) == before


def test_if_one_of_two_uplinks_cannot_be_taken_neither_is(new_bare_world: NewWorld) -> None:
    world = two(new_bare_world)
    ip(f"addr del {SECOND4}/24 dev eth1", netns=world.host)
    with world.pinged() as result:
        world.start_guard()
        until(lambda: "uplink eth1: has no address" in world.log(), "refused by name")
    assert result["lost"] == 0


def on_top(world: World, kind: str) -> tuple[str, str] | None:
    """The ends of a wire on which devices of that kind stand; None: this kernel has none of that kind."""
    tagged = kind.startswith("vlan")
    ends = (world.host, "phys0", "eth0.7"), (world.lan, "lan0", "lan0.7" if tagged else "lan0")
    try:
        for netns, parent, name in ends:
            ip(f"link set {parent} up", netns=netns)
            if name != parent:
                ip(f"link add link {parent} name {name} type {kind}", netns=netns)
                ip(f"link set {name} up", netns=netns)
    except subprocess.CalledProcessError as error:
        if "Unknown device type" in error.stderr:
            return None
        raise
    return ends[0][2], ends[1][2]


def test_a_device_on_top_of_another_can_be_an_uplink_and_the_one_below_stays(new_bare_world: NewWorld) -> None:
    kinds_tried = 0
    for kind in ("vlan id 7", "macvlan mode bridge"):
        world = new_bare_world()
        world.wire("phys0", "lan0", HOST_MAC)
        ends = on_top(world, kind)
        if ends is None:
            continue
        world.address(*ends)
        world.settled("phys0")
        world.uplinks = [{"interfaceName": ends[0]}]
        before, below = world.linux(ends[0]), world.linux("phys0")
        world.start_basics()
        world.start_guard()
        world.running()
        until(world.answers, f"the host answers through VPP by {kind}")
        assert world.end("guard") == 0
        assert (world.linux(ends[0]), world.linux("phys0")) == (before, below)
        kinds_tried += 1
    assert kinds_tried, "this kernel has neither VLAN nor macvlan devices"


def test_what_linux_cannot_move_is_refused_in_words_and_stays(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    world.wire("phys0", "lan0", HOST_MAC)
    ip("link add uplink0 type bridge", netns=world.host)
    ip("link set phys0 master uplink0", netns=world.host)
    ip("link set phys0 up", netns=world.host)
    world.address("uplink0", "lan0")
    world.uplinks = [{"interfaceName": "uplink0"}]
    world.start_basics()
    until(world.answers, "the host answers before")
    with world.pinged() as result:
        world.start_guard()
        until(lambda: "a bridge cannot be moved" in world.log(), "refused in words")
        refused = world.command("preflight")
    assert result["lost"] == 0
    assert refused.returncode == 1
    assert "bridge" in refused.stdout


def test_a_port_of_a_bridge_is_refused_in_words(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    world.wire("eth0", "lan0", HOST_MAC)
    world.address("eth0", "lan0", "4")
    ip("link add br0 type bridge", netns=world.host)
    ip("link set eth0 master br0", netns=world.host)
    world.start_basics()
    world.start_guard()
    until(lambda: "is a port of br0" in world.log(), "refused in words")
    assert world.linux()["kind"] == "veth"


def test_af_xdp_carries_the_host_and_leaves_nothing_behind(new_bare_world: NewWorld) -> None:
    world = new_bare_world()
    world.wire("eth0", "lan0", HOST_MAC)
    world.address("eth0", "lan0")
    world.uplinks = [{"interfaceName": "eth0", "vppDriver": "af_xdp"}]
    if "CALICOVPP_CONFIG_TEMPLATE" in world.environment:
        world.environment["CALICOVPP_CONFIG_TEMPLATE"] = REAL_STARTUP_CONF.replace("af_packet_plugin", "af_xdp_plugin")
    before = world.linux()
    world.start_basics()
    world.start_guard()
    world.running()
    for address in (HOST4, HOST6):
        until(lambda address=address: world.answers(address), f"{address} answers through VPP")
        assert transfer(world, address) == "100000"
    assert world.reaches(GATEWAY4)
    assert world.end("guard") == 0
    assert world.linux() == before
    assert "xdp" not in ip("link show dev eth0", netns=world.host)
    assert world.leftovers() == []
