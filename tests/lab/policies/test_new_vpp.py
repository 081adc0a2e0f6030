"""What a policy denies stays denied while VPP dies and is programmed again, and what it allows comes back.

The denied sources never pause: a packet that came in too early would leave a session that the policy was never asked
about, and all that follow would pass (docs/vppsim.md).
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import product

import pytest

from actors.vpp_writer.apply.journal import WriterJournalContents, read_writer_journal
from tests.lab.conftest import VPPD, vppd
from tests.lab.policies import truth
from tests.lab.policies.conftest import World
from tests.lab.policies.words import deny, labelled, peer, policy, source
from tests.waiting import until
from tools.lab import linux
from tools.lab.checks import convergence
from tools.lab.cluster import supervisor
from tools.lab.story import deaths
from tools.lab.topology import lan_netns
from tools.lab.traffic import pings
from tools.lab.traffic.denied import DeniedTraffic

VICTIM, NEIGHBOUR, FAR, FRIEND, FAR_FRIEND = "x/a", "y/b", "y/a", "z/a", "z/b"
BACK_S_MAX = 20.0


def denied_traffic(world: World) -> DeniedTraffic:
    """From outside, from the node and from another node, to the victim."""
    pods = world.lab.pods
    sources = [lan_netns(world.lab.name), pods[NEIGHBOUR].netns, pods[FAR].netns]
    return DeniedTraffic(sources, (pods[VICTIM].ip4, pods[VICTIM].ip6), (80, 81))


@pytest.fixture
def protected(world: World) -> World:
    """One namespace alone reaches the victim's."""
    friends = source(peer(namespaces=labelled(ns="z")))
    world.apply(policy("friends", "x", ingress=[friends]))
    flows = truth.flows(world.lab, [VICTIM, NEIGHBOUR, FAR, FRIEND, FAR_FRIEND], [("TCP", 80)])
    truth.until_as_expected(world.lab, world.agents, flows, (deny("y/*", VICTIM),))
    return world


def _kill_vpp(world: World) -> None:
    """VPP of the victim's node dies; returns when there is another."""
    node = world.lab.node("node1")
    before = deaths.vpp_pid(world.lab, node)
    assert before
    os.kill(before, signal.SIGKILL)
    until(lambda: deaths.vpp_pid(world.lab, node) not in (0, before), "VPP has been started again", BACK_S_MAX)


def _restart_guard(world: World) -> None:
    supervisor.control(world.lab, world.lab.node("node1"), "restart", "guard")


def _kill_guard(world: World) -> None:
    """VPP runs on, and the next guard adopts it."""
    _kill(world, "guard")


def _hand_guard_over(world: World) -> None:
    node = world.lab.node("node1")
    completed = vppd("lab", "node", "exec", "--name", world.lab.name, node.name, "--", str(VPPD), "restart", "guard")
    assert completed.returncode == 0, completed.stdout + completed.stderr


def _kill_bus_and_writer(world: World) -> None:
    _kill(world, "bus", "vpp-writer")


def _kill_guard_and_vpp(world: World) -> None:
    node = world.lab.node("node1")
    guard = supervisor.pid_of(world.lab, node, "guard")
    os.kill(guard, signal.SIGKILL)
    _kill_vpp(world)


def _kill_writer_in_its_replay(world: World) -> None:
    """VPP dies, and the writer when it has made the first objects in the new one."""
    node = world.lab.node("node1")
    before = _journal(world).life
    assert before is not None
    _kill_vpp(world)
    until(lambda: _has_begun(_journal(world), before.epoch), "the writer has begun", BACK_S_MAX)
    writer = supervisor.pid_of(world.lab, node, "vpp-writer")
    os.kill(writer, signal.SIGKILL)
    until(lambda: supervisor.pid_of(world.lab, node, "vpp-writer") not in (0, writer), "the writer is back")


def _kill_policies_too(world: World) -> None:
    """The policy manager and Felix die with VPP: what they have said before holds."""
    _kill(world, "policy", deaths.FELIX)
    _kill_vpp(world)


def _kill_all(world: World) -> None:
    """Nothing that any process has said is remembered; pods are closed until Felix has spoken."""
    _kill(world, "bus", "guard", "vpp-writer", "policy", "cni", "services", "routing", "kube-watch", deaths.FELIX)
    _kill_vpp(world)


def _kill(world: World, *programs: str) -> None:
    pids = [deaths.pid_of(world.lab, world.lab.node("node1"), program) for program in programs]
    assert all(pids)
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended because of another's end
            os.kill(pid, signal.SIGKILL)


def _journal(world: World) -> WriterJournalContents:
    return read_writer_journal(world.lab.run(world.lab.node("node1")) / "writer" / "journal")


def _has_begun(contents: WriterJournalContents, epoch: int) -> bool:
    return contents.life is not None and contents.life.epoch > epoch and bool(contents.objects)


DEATHS = {
    "VPP": _kill_vpp,
    "guard restarted": _restart_guard,
    "guard handed over": _hand_guard_over,
    "guard": _kill_guard,
    "bus and writer": _kill_bus_and_writer,
    "guard and VPP": _kill_guard_and_vpp,
    "VPP, then the writer in its replay": _kill_writer_in_its_replay,
    "VPP, policy manager and Felix": _kill_policies_too,
    "everything": _kill_all,
}


@pytest.mark.parametrize("happens", DEATHS.values(), ids=DEATHS)
def test_what_is_denied_stays_denied_and_what_is_allowed_comes_back(
    protected: World, happens: Callable[[World], None]
) -> None:
    victim = protected.lab.pods[VICTIM]
    friends = [protected.lab.pods[key].netns for key in (FRIEND, FAR_FRIEND)]
    with denied_traffic(protected) as denied:
        happens(protected)
        for netns, address in product(friends, (victim.ip4, victim.ip6)):
            assert pings.ping(netns, address, BACK_S_MAX) is not None, f"{netns} reaches {address}"
        assert convergence.wait_until_converged(protected.lab, 60.0)
    assert denied.sent
    assert denied.let_through == []


def test_a_pod_that_cannot_be_made_keeps_the_node_off_for_a_moment_only(protected: World) -> None:
    sick, victim = protected.lab.pods["x/c"], protected.lab.pods[VICTIM]
    assert sick.node == victim.node
    with denied_traffic(protected) as denied:
        _kill_vpp(protected)
        linux.ip("link del eth0", sick.netns)
        linux.ip("link add eth0 type veth peer name eth9", sick.netns)
        try:
            for netns in (lan_netns(protected.lab.name), protected.lab.pods[FRIEND].netns):
                target = str(protected.lab.node("node1").ip4) if "pod" not in netns else victim.ip4
                assert pings.ping(netns, target, BACK_S_MAX) is not None, f"{netns} reaches {target}"
        finally:
            linux.ip("link del eth0", sick.netns)
        friend = protected.lab.pods[FRIEND].netns
        assert pings.ping(friend, sick.ip4, BACK_S_MAX + 30.0) is not None, "the pod is well again"
    assert denied.sent
    assert denied.let_through == []
