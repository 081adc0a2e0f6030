"""Policies across deaths: what was said meanwhile holds afterwards, and nothing is left over in VPP."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import observer
from tests.lab.policies import truth
from tests.lab.policies.conftest import World
from tests.lab.policies.words import allow, deny, labelled, peer, policy, port, source
from tests.waiting import until
from tools.lab import kube
from tools.lab.checks import convergence
from tools.lab.story import deaths

TCP = [("TCP", 80), ("TCP", 81)]
CHURN = 25


@contextmanager
def stopped(world: World, program: str) -> Iterator[None]:
    """The program hangs on all nodes meanwhile, and is killed at the end."""
    pids = [deaths.pid_of(world.lab, node, program) for node in world.lab.all_nodes]
    assert all(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    for node, pid in zip(world.lab.all_nodes, pids, strict=True):
        until(lambda n=node, p=pid: deaths.pid_of(world.lab, n, program) not in (0, p), f"{program} is back")


@pytest.mark.parametrize("program", ["policy", "vpp-writer", "bus", deaths.FELIX, deaths.DRIVER])
def test_a_policy_that_changes_while_a_process_is_away_holds_when_it_is_back(world: World, program: str) -> None:
    flows = truth.flows(world.lab, world.pods, TCP)
    world.apply(policy("deny", "x", ingress=[]), policy("gone", "z", ingress=[]))
    truth.until_as_expected(world.lab, world.agents, flows, (deny(to="x/* z/*"),))
    with stopped(world, program):
        world.apply(policy("deny", "x", ingress=[source(ports=[port(80)])]), policy("new", "y", ingress=[]))
        kube.delete(world.lab, "NetworkPolicy", "z", "gone")
    assert convergence.wait_until_converged(world.lab, 60.0)
    expected = (deny(to="x/* y/*"), allow("*", "x/*", 80))
    truth.until_as_expected(world.lab, world.agents, flows, expected)


def test_policies_that_come_and_go_leave_no_objects_in_vpp(world: World) -> None:
    assert convergence.wait_until_converged(world.lab)
    before = [observer.counts(world.lab, node) for node in world.lab.all_nodes]
    for number in range(CHURN):
        peers = [peer(pods=labelled(pod="b"), namespaces=labelled(ns="yz"[number % 2]))]
        ports = [port(80, end=80 + number), port("web"), port(90, "UDP")]
        world.apply(policy(f"churn{number % 5}", "x", labelled(pod="a"), ingress=[source(*peers, ports=ports)]))
        if number % 3 == 0:
            kube.delete(world.lab, "NetworkPolicy", "x", f"churn{(number + 2) % 5}")
    world.undo()
    assert convergence.wait_until_converged(world.lab)
    assert [observer.counts(world.lab, node) for node in world.lab.all_nodes] == before
