"""The guard's own descriptors are used up for a while: no reason to give the NIC back, nor to lose it."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.iproute import ip
from tests.lab.guard.world import HOST_MAC, World, ping_guard
from tests.waiting import until

STANDARD_STREAMS = 3  # 0: not even poll(2) works, which no process would outlive


@contextmanager
def without_descriptors(world: World) -> Iterator[None]:
    """The guard cannot open anything, not even by closing something else before."""
    pid = world.processes["guard"].pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (STANDARD_STREAMS, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_a_guard_without_descriptors_leaves_vpp_alone_and_says_so_until_it_can_look_again(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    with world.pinged() as result:
        with without_descriptors(world):
            until(lambda: "cannot look, tries again" in ping_guard(world), "the guard says that it cannot look")
            until(lambda: "cannot look, tries again" in world.log(), "its log says so")
        until(lambda: "cannot look" not in ping_guard(world), "it looks again")
    assert result["lost"] == 0
    assert world.vpps() == [vpp]
    assert world.states()[-1] == "running"
    assert "restoring" not in world.states()


def test_a_restore_without_descriptors_is_tried_until_the_host_has_its_nic_back(world: World) -> None:
    before = world.linux()
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    with without_descriptors(world):
        os.kill(vpp, signal.SIGKILL)
        until(lambda: world.log().count("now=retrying") >= 4, "it has tried, and tries again")
        assert "now=lost" not in world.log()
    until(lambda: world.vpps() not in ([], [vpp]), "another VPP runs")
    world.running()
    until(world.answers, "the host answers")
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_with_few_descriptors_left_a_restore_uses_what_the_guard_has_kept_back(world: World) -> None:
    world.start_guard()
    [vpp] = until(lambda: world.running().vpps(), "VPP runs")
    pid = world.processes["guard"].pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), before[1]))
    os.kill(vpp, signal.SIGKILL)
    until(lambda: "now=resting" in world.log(), "the host has its NIC back")
    assert world.log().count("now=retrying") == 0
    until(world.answers, "the host answers")


def test_a_nic_that_was_lost_and_is_found_where_vpp_had_it_is_taken_home(world: World) -> None:
    world.start_guard()
    world.running()
    ip("link del lan0", netns=world.lan)
    until(lambda: "lost" in world.states(), "the guard knows that it is gone")
    ip(f"link add eth0 address {HOST_MAC} type veth peer name lan0 netns {world.lan}", netns=world.vpp_netns)
    until(lambda: "eth0" in ip("-br link", netns=world.host), "the host has it")
    assert world.end("guard") == 0
    assert world.leftovers() == []
