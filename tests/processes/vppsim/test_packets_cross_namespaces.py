"""Real packets: pods behind tuns and a neighbour behind an uplink, through one vppsim in its own namespace."""

from collections.abc import Iterator

import pytest

from tests.processes.vppsim.pods import PodsAndOutside
from tests.processes.vppsim.process import Namespace
from tests.processes.vppsim.requests import POD, tap
from tests.processes.vppsim.transfer import transfer
from tests.waiting import until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodsAndOutside]:
    pods = PodsAndOutside(tmp_path_factory.mktemp("sim"))
    try:
        yield pods
    finally:
        pods.close()


@pytest.mark.parametrize("address", ["10.1.0.2", "fd00::2"])
def test_pods_ping_each_other(world: PodsAndOutside, address: str) -> None:
    assert world.pods[0].pings(address)


@pytest.mark.parametrize("address", ["10.1.0.1", "fd00::1"])
def test_an_outside_host_pings_a_pod(world: PodsAndOutside, address: str) -> None:
    assert world.outside.pings(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_vpp_answers_pings_to_its_own_addresses(world: PodsAndOutside, address: str) -> None:
    assert world.outside.pings(address)


def test_a_ping_too_big_for_the_pod_arrives_in_fragments(world: PodsAndOutside) -> None:
    assert world.outside.pings("10.1.0.1", "-s", "1450", "-M", "dont")


def test_the_sender_learns_that_a_packet_is_too_big(world: PodsAndOutside) -> None:
    out = world.outside.run("ping", "-c", "1", "-W", "2", "-s", "1450", "-M", "do", "10.1.0.2", check=False)
    assert "mtu = 1400" in out or "Frag needed" in out


def test_the_path_shows_vpp_as_a_hop(world: PodsAndOutside) -> None:
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
def test_tcp_arrives_whole(
    world: PodsAndOutside, sender: int | str, receiver: int | str, address: str, megabytes: int
) -> None:
    ends = {0: world.pods[0], 1: world.pods[1], "outside": world.outside}
    tcp = transfer(ends[receiver], address, ends[sender], address, megabytes)
    assert tcp.sent == tcp.received != []


def test_pods_answer_again_after_a_crash_on_the_devices_they_had(world: PodsAndOutside) -> None:
    before = world.pods[0].ip("-j", "link", "show", "eth0")
    world.simulator.kill()
    assert '"eth0"' in world.pods[0].ip("-j", "link", "show", "eth0")
    world.simulator.start()
    world.configure()
    assert _index(world.pods[0].ip("-j", "link", "show", "eth0")) == _index(before)
    until(lambda: world.pods[0].pings("10.1.0.2"), "pods ping again")
    until(lambda: world.outside.pings("10.1.0.1"), "the outside host reaches the pod")


def test_a_deleted_persistent_device_is_gone(world: PodsAndOutside) -> None:
    api = world.simulator.api
    reply = api.tap_create_v3(**tap(world.pods[0].name, "extra", POD))
    assert api.tap_delete_v2(sw_if_index=reply.sw_if_index).retval == 0
    assert "extra" not in world.pods[0].ip("link", "show")


def test_a_device_without_persistence_goes_with_the_process(world: PodsAndOutside) -> None:
    world.simulator.api.tap_create_v3(**tap(world.pods[1].name, "host0"))
    assert "host0" in world.pods[1].ip("link", "show")
    world.simulator.kill()
    until(lambda: "host0" not in world.pods[1].ip("link", "show"), "the host tap is gone")
    world.simulator.start()
    world.configure()


def test_a_namespace_that_is_not_there_is_system_call_error_2(world: PodsAndOutside) -> None:
    reply = world.simulator.api.tap_create_v3(**tap("/nonexistent/ns", "eth9", POD))
    assert (reply.retval, reply.sw_if_index) == (-12, 0xFFFFFFFF)


def test_a_pod_namespace_that_vanishes_harms_nobody(world: PodsAndOutside) -> None:
    doomed = Namespace("doomed")
    world.simulator.api.tap_create_v3(**tap(doomed.name, "eth0", POD))
    doomed.delete()
    assert world.pods[0].pings("10.1.0.2")
    assert world.simulator.alive


def _index(listing: str) -> str:
    return listing.split('"ifindex":')[1].split(",")[0]
