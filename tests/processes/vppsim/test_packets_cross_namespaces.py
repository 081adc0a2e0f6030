"""Real packets: pods behind tuns and a neighbour behind an uplink, through one vppsim in its own namespace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.vppsim.process import UPLINK_MAC, Namespace, Simulator, wire
from tests.processes.vppsim.requests import POD, path, route, tap
from tests.processes.vppsim.transfer import transfer
from tests.waiting import until


class World:
    """Two pods and an outside host: 10.1.0.1 and 10.1.0.2 behind tuns, 192.0.2.9 behind the uplink 192.0.2.1."""

    def __init__(self, directory: Path) -> None:
        self.node, self.outside = Namespace("node"), Namespace("out")
        self.pods = [Namespace("pod1"), Namespace("pod2")]
        wire(self.node, self.outside)
        self.outside.ip("route", "add", "10.1.0.0/16", "via", "192.0.2.1")
        self.outside.ip("route", "add", "fd00::/64", "via", "2001:db8::1")
        self.simulator = Simulator(directory, self.node.name)
        self.simulator.start()
        self.configure()
        self.address_pods()

    def configure(self) -> None:
        """Configure everything over the API; called again after each restart."""
        api = self.simulator.api
        up = api.af_packet_create_v3(
            mode=1, hw_addr=UPLINK_MAC, host_if_name="up0", flags=2, num_rx_queues=1, num_tx_queues=1
        ).sw_if_index
        api.sw_interface_set_flags(sw_if_index=up, flags=1)
        for prefix in ("192.0.2.1/24", "2001:db8::1/64"):
            assert api.sw_interface_add_del_address(sw_if_index=up, is_add=True, prefix=prefix).retval == 0
        for number, pod in enumerate(self.pods, 1):
            self.connect_pod(number, pod)

    def connect_pod(self, number: int, pod: Namespace) -> None:
        api = self.simulator.api
        loop = api.create_loopback(mac_address="02:00:00:00:00:01").sw_if_index
        for prefix in (f"169.254.{number}.1/32", f"fd00:ff::{number}/128"):
            assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix).retval == 0
        tun = api.tap_create_v3(**tap(pod.name, "eth0", POD, host_mtu_set=True, host_mtu_size=1400))
        assert tun.retval == 0
        assert api.sw_interface_set_mtu(sw_if_index=tun.sw_if_index, mtu=[1400, 0, 0, 0]).retval == 0
        unnumbered = api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=tun.sw_if_index, is_add=1)
        assert unnumbered.retval == 0
        for index in (loop, tun.sw_if_index):
            api.sw_interface_set_flags(sw_if_index=index, flags=1)
        for prefix in (f"10.1.0.{number}/32", f"fd00::{number}/128"):
            way = path(interface=tun.sw_if_index, v6=":" in prefix)
            assert api.ip_route_add_del(is_add=True, route=route(prefix, way)).retval == 0

    def address_pods(self) -> None:
        for number, pod in enumerate(self.pods, 1):
            pod.ip("addr", "add", f"10.1.0.{number}/32", "dev", "eth0")
            pod.ip("-6", "addr", "add", f"fd00::{number}/128", "dev", "eth0", "nodad")
            pod.ip("route", "add", "default", "dev", "eth0")
            pod.ip("-6", "route", "add", "default", "dev", "eth0")

    def close(self) -> None:
        if self.simulator.alive:
            self.simulator.terminate()
        for namespace in (*self.pods, self.outside, self.node):
            namespace.delete()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pods = World(tmp_path_factory.mktemp("sim"))
    try:
        yield pods
    finally:
        pods.close()


@pytest.mark.parametrize("address", ["10.1.0.2", "fd00::2"])
def test_pods_ping_each_other(world: World, address: str) -> None:
    assert world.pods[0].pings(address)


@pytest.mark.parametrize("address", ["10.1.0.1", "fd00::1"])
def test_an_outside_host_pings_a_pod(world: World, address: str) -> None:
    assert world.outside.pings(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_vpp_answers_pings_to_its_own_addresses(world: World, address: str) -> None:
    assert world.outside.pings(address)


def test_a_ping_too_big_for_the_pod_arrives_in_fragments(world: World) -> None:
    assert world.outside.pings("10.1.0.1", "-s", "1450", "-M", "dont")


def test_the_sender_learns_that_a_packet_is_too_big(world: World) -> None:
    out = world.outside.run("ping", "-c", "1", "-W", "2", "-s", "1450", "-M", "do", "10.1.0.2", check=False)
    assert "mtu = 1400" in out or "Frag needed" in out


def test_the_path_shows_vpp_as_a_hop(world: World) -> None:
    out = world.pods[0].run("ping", "-c", "1", "-W", "2", "-t", "1", "10.1.0.2", check=False)
    assert "169.254.1.1" in out
    assert "Time to live exceeded" in out


@pytest.mark.parametrize(
    ("sender", "receiver", "address", "megabytes"),
    [
        ("outside", 0, "10.1.0.1", 20),
        ("outside", 0, "fd00::1", 4),
        (0, "outside", "192.0.2.9", 4),
        (0, 1, "10.1.0.2", 4),
    ],
)
def test_tcp_arrives_whole(world: World, sender: int | str, receiver: int | str, address: str, megabytes: int) -> None:
    ends = {0: world.pods[0], 1: world.pods[1], "outside": world.outside}
    tcp = transfer(ends[receiver], address, ends[sender], address, megabytes)
    assert tcp.sent == tcp.received != []


def test_pods_answer_again_after_a_crash_on_the_devices_they_had(world: World) -> None:
    before = world.pods[0].ip("-j", "link", "show", "eth0")
    world.simulator.kill()
    assert '"eth0"' in world.pods[0].ip("-j", "link", "show", "eth0")
    world.simulator.start()
    world.configure()
    assert _index(world.pods[0].ip("-j", "link", "show", "eth0")) == _index(before)
    until(lambda: world.pods[0].pings("10.1.0.2"), "pods ping again")
    until(lambda: world.outside.pings("10.1.0.1"), "the outside host reaches the pod")


def test_a_deleted_persistent_device_is_gone(world: World) -> None:
    api = world.simulator.api
    reply = api.tap_create_v3(**tap(world.pods[0].name, "extra", POD))
    assert api.tap_delete_v2(sw_if_index=reply.sw_if_index).retval == 0
    assert "extra" not in world.pods[0].ip("link", "show")


def test_a_device_without_persistence_goes_with_the_process(world: World) -> None:
    world.simulator.api.tap_create_v3(**tap(world.pods[1].name, "host0"))
    assert "host0" in world.pods[1].ip("link", "show")
    world.simulator.kill()
    until(lambda: "host0" not in world.pods[1].ip("link", "show"), "the host tap is gone")
    world.simulator.start()
    world.configure()


def test_a_namespace_that_is_not_there_is_system_call_error_2(world: World) -> None:
    reply = world.simulator.api.tap_create_v3(**tap("/nonexistent/ns", "eth9", POD))
    assert (reply.retval, reply.sw_if_index) == (-12, 0xFFFFFFFF)


def test_a_pod_namespace_that_vanishes_harms_nobody(world: World) -> None:
    doomed = Namespace("doomed")
    world.simulator.api.tap_create_v3(**tap(doomed.name, "eth0", POD))
    doomed.delete()
    assert world.pods[0].pings("10.1.0.2")
    assert world.simulator.alive


def _index(listing: str) -> str:
    return listing.split('"ifindex":')[1].split(",")[0]
