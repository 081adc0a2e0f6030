"""The host's DHCP client goes on through VPP, across the end of its lease: dhclient and dnsmasq."""

from collections.abc import Callable, Iterator

import pytest

from tests.iproute import ip
from tests.lab.guard.dhcp import FIRST, SECOND, DhcpWorld
from tests.lab.guard.world import GATEWAY4, World
from tests.waiting import until


@pytest.fixture
def dhcp(new_bare_world: Callable[[], World]) -> Iterator[DhcpWorld]:
    """VPP has the uplink, with an address of the first server. The client has ended."""
    world = new_bare_world()
    dhcp = DhcpWorld(world)
    try:
        dhcp.wire_up()
        dhcp.start_server(FIRST)
        dhcp.expect(f"BOUND by {FIRST}", then=dhcp.start_client)
        dhcp.end_client()
        world.start_basics()
        world.start_guard()
        world.running()
        yield dhcp
    finally:
        dhcp.remove()


def test_a_lease_is_confirmed_prolonged_taken_over_by_another_server_lost_and_found_again(dhcp: DhcpWorld) -> None:
    world = dhcp.world
    dhcp.expect(f"REBOOT by {FIRST}", then=dhcp.start_client)
    dhcp.expect(f"RENEW by {FIRST}")
    # Only what is broadcast finds the second server; dhclient calls it by either name.
    rebound = f"REBIND by {SECOND}", f"RENEW by {SECOND}"
    address = dhcp.expect(*rebound, then=lambda: dhcp.start_server(SECOND))
    until(lambda: world.answers(address), "the host answers, once VPP knows who asks")
    dhcp.expect("EXPIRE by", then=dhcp.end_server)
    until(lambda: f"{address}/24" not in world.told_addresses(), "VPP has no address")
    found = dhcp.expect(f"BOUND by {SECOND}", then=lambda: dhcp.start_server(SECOND))
    until(lambda: world.answers(found), "the host answers through VPP")
    until(lambda: world.reaches(GATEWAY4), "the host reaches the gateway")


def test_answers_that_are_broadcast_reach_a_host_without_an_address(dhcp: DhcpWorld) -> None:
    world = dhcp.world
    dhcp.start_server(SECOND, "--dhcp-broadcast")
    ip("-4 addr flush dev eth0", netns=world.host)
    until(lambda: "192.0.2." not in world.told_addresses(), "VPP has no address")
    (world.directory / "leases").unlink()
    address = dhcp.expect(f"BOUND by {SECOND}", then=dhcp.start_client)
    until(lambda: world.answers(address), "the host answers through VPP")
