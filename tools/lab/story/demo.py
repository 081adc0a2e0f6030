"""The story of `make demo`: each step with its measured figure.

Two nodes carry pod traffic, serve a service, keep a policy; processes are killed under it without a packet lost; VPP
dies and comes back; nothing is left behind. The steps are in tools.lab.story; tests call them too.
"""

import time
from collections.abc import Iterable, Iterator

from tools.lab import kube, linux
from tools.lab.checks.health import wait_until_healthy
from tools.lab.checks.properties import CheckResult, as_line, host_pings, ping_result, pod_pings
from tools.lab.cluster import build, calico_node, pods
from tools.lab.cluster.build import Say
from tools.lab.cluster.interruption import undisturbed
from tools.lab.state import LABS, Lab, NoLab
from tools.lab.story.deaths import NETWORK, PLATFORM, kill, kill_vpp, writer_wrote_nothing
from tools.lab.story.pods import delete_pods, four_pods, tcp_transfer
from tools.lab.story.policies import policy_steps, through_the_service
from tools.lab.story.services import service_steps
from tools.lab.story.shop import Shop
from tools.lab.topology import lan_netns
from tools.lab.traffic.agents import AgentFailed

FAILURES = (
    build.CannotBuild,
    calico_node.DriverNotBuilt,
    linux.CommandFailed,
    kube.ApiFailed,
    NoLab,
    pods.PodFailed,
    AgentFailed,
)


def run(name: str, vpp: str | None, say: Say) -> bool:
    """Tells the whole story. Returns whether every step was as it should be."""
    before = linux.traces(name, LABS / name)
    results: list[CheckResult] = []

    def tell(*new_results: CheckResult) -> None:
        for result in new_results:
            results.append(result)
            say(as_line(result))

    started = time.monotonic()
    try:
        lab = build.create_lab(name, 2, vpp, say, story="`vppd lab demo`")
        try:
            for part in story(lab, say):
                for result in part:
                    tell(result)
        finally:
            with undisturbed(say):
                build.remove_lab(name, say)
    except FAILURES as error:
        tell(CheckResult("the demo", False, str(error)))
    after = linux.traces(name, LABS / name)
    additions = {kind: sorted(set(after[kind]) - set(before[kind])) for kind in before}
    remnants = [f"{kind}: {', '.join(names)}" for kind, names in additions.items() if names]
    tell(CheckResult("the machine is as it was", not remnants, "; ".join(remnants) or "nothing left"))
    good = all(result.ok for result in results)
    failed = sum(not result.ok for result in results)
    say(f"\n{len(results) - failed} passed, {failed} failed, {time.monotonic() - started:.0f} s")
    return good


def story(lab: Lab, say: Say) -> Iterator[Iterable[CheckResult]]:
    """The steps, in order."""
    say("\n== two nodes, every part its own process")
    yield wait_until_healthy(lab)
    say("\n== the nodes' own addresses, through VPP and the host tap")
    yield host_pings(lab)
    say("\n== pods")
    yield four_pods(lab)
    yield pod_pings(lab)
    yield [tcp_transfer(lab)]
    with Shop(lab) as shop:
        say("\n== a service with three backends over both nodes")
        yield service_steps(shop)
        say("\n== a policy on the backends")
        yield policy_steps(shop)
        say("\n== processes are killed under 100 pings and 50 connections a second")
        yield kill_each_process(lab, shop)
        say("\n== VPP is killed")
        yield kill_vpp(lab, shop)
        node1 = lab.all_nodes[0]
        yield [ping_result("outside reaches node1", [(lan_netns(lab.name), str(a)) for a in (node1.ip4, node1.ip6)])]
        yield [through_the_service(shop)]
    yield pod_pings(lab)
    say("\n== the end")
    yield [delete_pods(lab)]


def kill_each_process(lab: Lab, shop: Shop) -> Iterator[CheckResult]:
    """Kills every process of node1 but VPP, one after another."""
    for program in (*NETWORK, *PLATFORM):
        yield kill(lab, program, shop)
        if program == "vpp-writer":
            yield writer_wrote_nothing(lab)
