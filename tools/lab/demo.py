"""The story of `make demo`: each step with its measured figure.

Two nodes carry pod traffic; processes are killed under it without a packet lost; VPP dies and comes back; nothing
is left behind. The steps are functions over a lab, which the tests call too.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.lab import build, host, kube, pods, probe
from tools.lab.check import Result, hosts, look_all, node_results, pings
from tools.lab.check import pods as pod_pings
from tools.lab.plan import Node, lan_netns
from tools.lab.state import LABS, Lab, NoLab
from tools.lab.view import NodeView, Watcher

HEALTHY_S_MAX = 90.0
BACK_S_MAX = 60.0
TRANSFER_BYTES = 20_000_000
KILLED = ("bus", "vpp-writer", "cni", "routing", "kube-watch", "gobgpd", "guard")
SETTLE_S = 1.0  # traffic goes on for so long before and after each kill
Say = Callable[[str], None]


def healthy(lab: Lab) -> list[Result]:
    """Waits until every process of every node is ready, and tells how it ended."""
    started = time.monotonic()

    async def wait() -> None:
        async def one(node: Node) -> None:
            async with Watcher(lab.run(node)) as watcher:
                await watcher.until(lambda view: is_healthy(lab, view), HEALTHY_S_MAX - (time.monotonic() - started))

        await asyncio.gather(*(one(node) for node in lab.all_nodes))

    asyncio.run(wait())
    took = f"after {time.monotonic() - started:.1f} s"
    views = asyncio.run(look_all(lab))
    found = [r for node in lab.all_nodes for r in node_results(lab, node.name, views[node.name])]
    return [Result(r.name, r.ok, f"{r.figure}, {took}") for r in found]


def is_healthy(lab: Lab, view: NodeView) -> bool:
    """All processes ready, all sessions up, all intents applied."""
    up = [peer for peer in view.peers.values() if peer.state == "established"]
    return not view.unready() and len(up) == 2 * (lab.nodes - 1) and not view.unapplied()


def four_pods(lab: Lab) -> list[Result]:
    """Two pods a node, by the call that Calico's plugin makes."""
    results = []
    for node in lab.all_nodes:
        for letter in "ab":
            started = time.monotonic()
            pod = pods.add(lab, f"{letter}{node.number}", node.name)
            took_ms = (time.monotonic() - started) * 1000
            results.append(Result(f"pod {pod.name} on {node.name}", True, f"{pod.ip4}, {pod.ip6}, {took_ms:.0f} ms"))
    return results


def tcp_transfer(lab: Lab, size: int = TRANSFER_BYTES) -> Result:
    """Bytes over TCP across nodes arrive as they were sent."""
    a, b = lab.pods["a1"], lab.pods["b2"]
    done = probe.transfer(a.netns, b.netns, b.ip4, size)
    figure = f"{done.bytes / 1e6:.0f} MB in {done.seconds:.2f} s, {done.mbit_s:.0f} Mbit/s, SHA-256 "
    return Result("20 MB over TCP across nodes", done.same, figure + ("equal" if done.same else "DIFFERS"))


def pid_of(lab: Lab, node: Node, program: str) -> int:
    """The pid of a supervised program; 0 while it does not run."""
    line = host.run(
        "ip", "netns", "exec", node.netns, build.PYTHON, "-m", "supervisor.supervisorctl",
        "-s", f"unix://{lab.run(node)}/supervisor.sock", "pid", program,
    )  # fmt: skip
    return int(line) if line.strip().isdigit() else 0


def kill(lab: Lab, program: str) -> Result:
    """kill -9 of one process under pings across nodes and within one: back by supervisord, nothing lost."""
    node = lab.all_nodes[0]
    a, b, other = lab.pods["a1"], lab.pods["b1"], lab.pods["a2"]
    with probe.Pinging(a.netns, other.ip4) as across, probe.Pinging(a.netns, b.ip6) as within:
        took = asyncio.run(_kill_and_wait(lab, node, program))
    lost = {"across": across.account, "within": within.account}
    missing = sum(account.lost for account in lost.values() if account)
    sent = sum(account.sent for account in lost.values() if account)
    figure = f"{missing} of {sent} lost, " + ("not back" if took is None else f"back in {took:.1f} s")
    return Result(f"kill -9 {program}", not missing and took is not None, figure)


async def _kill_and_wait(lab: Lab, node: Node, program: str) -> float | None:
    """Kills the program and waits until it is a new process, everything is ready again, and a while longer."""
    await asyncio.sleep(SETTLE_S)
    before = await asyncio.to_thread(pid_of, lab, node, program)
    async with Watcher(lab.run(node)) as watcher:
        await watcher.heard(BACK_S_MAX)
        sessions = {name: process.session for name, process in watcher.view().processes.items()}
        host.send(before, signal.SIGKILL)
        started = time.monotonic()
        while not await _is_back(lab, node, program, before):
            if time.monotonic() - started > BACK_S_MAX:
                return None
            await asyncio.sleep(0.1)

        def again(view: NodeView) -> bool:
            process = view.processes.get(program)
            fresh = program == "gobgpd" or (process is not None and process.session != sessions.get(program))
            return fresh and is_healthy(lab, view)

        if program == "gobgpd":  # the session must have been seen to go before it can be seen to be back
            await watcher.until(lambda view: not is_healthy(lab, view), 5.0)
        back = await watcher.until(again, BACK_S_MAX)
        took = time.monotonic() - started
        await asyncio.sleep(SETTLE_S)
        return took if back else None


async def _is_back(lab: Lab, node: Node, program: str, before: int) -> bool:
    try:
        return await asyncio.to_thread(pid_of, lab, node, program) not in (0, before)
    except host.CommandFailed:
        return False


def writer_wrote_nothing(lab: Lab) -> Result:
    """The restarted writer made no write calls (its own counter since its start)."""
    view = asyncio.run(look_all(lab))[lab.all_nodes[0].name]
    writes = view.counter("vpp-writer", "vpp_writes_total")
    held = view.counter("vpp-writer", "objects_held")
    return Result("restarted writer writes nothing", writes == 0 and held > 0, f"{writes} writes, {held} objects held")


def kill_vpp(lab: Lab) -> list[Result]:
    """kill -9 of VPP: the host's connectivity and the pods come back; both times."""
    node = lab.all_nodes[0]
    a, other = lab.pods["a1"], lab.pods["a2"]
    vpps = [pid for pid in host.pids_in(node.vpp_netns) if _is_vpp(lab, node, pid)]
    if len(vpps) != 1:
        return [Result("kill -9 VPP", False, f"{len(vpps)} VPPs run in {node.vpp_netns}")]
    with (
        probe.Pinging(lan_netns(lab.name), str(node.ip4)) as host_ping,
        probe.Pinging(a.netns, other.ip4) as pod_ping,
        probe.Pinging(a.netns, lab.pods["b1"].ip6) as near_ping,
    ):
        time.sleep(SETTLE_S)
        host.send(vpps[0], signal.SIGKILL)
        recovered = asyncio.run(_recovered(lab, node, vpps[0]))
        reached = probe.ping(a.netns, other.ip4, BACK_S_MAX) is not None
        near = probe.ping(a.netns, lab.pods["b1"].ip6, BACK_S_MAX) is not None
        home = probe.ping(lan_netns(lab.name), str(node.ip4), BACK_S_MAX) is not None
    results = [Result("kill -9 VPP: a new one, all programmed again", recovered is not None, f"{recovered or 0:.1f} s")]
    for name, ping, ok in (
        ("host answers again", host_ping, home),
        ("pods answer again across nodes", pod_ping, reached),
        ("pods answer again within the node", near_ping, near),
    ):
        account = ping.account
        gap = account.longest_gap_ms if account else 0
        results.append(Result(name, ok, f"{gap:.0f} ms without an answer"))
    return results


def _is_vpp(lab: Lab, node: Node, pid: int) -> bool:
    try:
        return str(lab.run(node) / "vpp" / "startup.conf").encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def _recovered(lab: Lab, node: Node, before: int) -> float | None:
    started = time.monotonic()
    async with Watcher(lab.run(node)) as watcher:
        await watcher.heard(BACK_S_MAX)

        def again(view: NodeView) -> bool:
            fresh = view.epoch is not None and view.epoch.connected and view.epoch.pid != before
            return fresh and not view.unready() and not view.unapplied()

        if not await watcher.until(again, BACK_S_MAX):
            return None
    return time.monotonic() - started


def delete_pods(lab: Lab) -> Result:
    """After the pods' deletion neither VPP nor Linux has anything of them."""
    names = sorted(lab.pods)
    for name in names:
        pods.delete(lab, name)
    views = asyncio.run(look_all(lab))
    intents = [key for view in views.values() for key in view.intents if "pod" in key and "pods" not in key]
    statuses = [key for view in views.values() for key in view.statuses if "pod" in key and "pods" not in key]
    spaces = host.namespaces(f"{lab.name}-pod-")
    records = [str(path) for node in lab.all_nodes for path in lab.run(node).parent.glob("state/cni/pods/*")]
    rest = [*intents, *statuses, *spaces, *records]
    return Result("deleted pods leave nothing", not rest, f"{len(names)} deleted" if not rest else f"left: {rest[:3]}")


def run(name: str, vpp: str | None, say: Say) -> bool:
    """The whole story. Returns whether every step was as it should be."""
    before = host.traces(name, LABS / name)
    results: list[Result] = []

    def tell(*found: Result) -> None:
        for result in found:
            results.append(result)
            say(line(result))

    started = time.monotonic()
    try:
        lab = build.up(name, 2, vpp, say)
        try:
            for part in story(lab, say):
                tell(*part)
        finally:
            build.down(name, say)
    except (build.CannotBuild, host.CommandFailed, kube.ApiFailed, NoLab, pods.PodFailed) as error:
        tell(Result("the demo", False, str(error)))
    after = host.traces(name, LABS / name)
    rest = {kind: sorted(set(after[kind]) - set(before[kind])) for kind in before}
    left = [f"{kind}: {', '.join(names)}" for kind, names in rest.items() if names]
    tell(Result("the machine is as it was", not left, "; ".join(left) or "nothing left"))
    good = all(result.ok for result in results)
    failed = sum(not result.ok for result in results)
    say(f"\n{len(results) - failed} passed, {failed} failed, {time.monotonic() - started:.0f} s")
    return good


def story(lab: Lab, say: Say) -> Iterator[list[Result]]:
    """The steps, in order."""
    say("\n== two nodes, every part its own process")
    yield healthy(lab)
    say("\n== the nodes' own addresses, through VPP and the host tap")
    yield list(hosts(lab))
    say("\n== pods")
    yield four_pods(lab)
    yield list(pod_pings(lab))
    yield [tcp_transfer(lab)]
    say("\n== processes are killed under 50 pings a second")
    for program in KILLED:
        yield [kill(lab, program)]
        if program == "vpp-writer":
            yield [writer_wrote_nothing(lab)]
    say("\n== VPP is killed")
    yield kill_vpp(lab)
    yield [
        pings(
            "outside reaches node1",
            [(lan_netns(lab.name), str(a)) for a in (lab.all_nodes[0].ip4, lab.all_nodes[0].ip6)],
        )
    ]
    yield list(pod_pings(lab))
    say("\n== the end")
    yield [delete_pods(lab)]


def line(result: Result, width: int = 80) -> str:
    """A result on one line of a narrow terminal; a long figure goes on below."""
    mark = "ok  " if result.ok else "FAIL"
    text = f"{mark} {result.name}"
    if len(text) + len(result.figure) + 2 <= width:
        return f"{text}{' ' * (width - len(text) - len(result.figure))}{result.figure}"
    return f"{text}\n       {result.figure}"
