"""kill -9 of one process after another under traffic: back, nothing lost, nothing let through, nothing changed."""

import asyncio
import signal
import time
from contextlib import nullcontext
from pathlib import Path

from tools.lab import linux
from tools.lab.checks.health import is_healthy
from tools.lab.checks.properties import CheckResult, look_at_nodes
from tools.lab.cluster import calico_node, supervisor
from tools.lab.state import Lab
from tools.lab.story.shop import Shop
from tools.lab.story.traffic import Traffic, denied_to
from tools.lab.topology import LabNode, lan_netns
from tools.lab.traffic import pings
from tools.node.view import NodeView
from tools.node.watcher import NodeWatcher

BACK_S_MAX = 60.0
SETTLE_S = 1.0  # traffic goes on for so long before and after each kill
FELIX, DRIVER = "felix", "felix-driver"
NETWORK = ("bus", "vpp-writer", "cni", "routing", "kube-watch", "gobgpd", "guard")
PLATFORM = ("services", "policy", FELIX, DRIVER)
SILENT_ON_THE_BUS = ("gobgpd", FELIX, DRIVER)


def pid_of(lab: Lab, node: LabNode, program: str) -> int:
    """The pid of a program; 0 while it does not run."""
    run = lab.run(node)
    if program in (FELIX, DRIVER):
        return int(calico_node.felix_status(run).get("pid" if program == FELIX else "driver_pid", 0))
    return supervisor.pid_of(lab, node, program)


def vpp_pid(lab: Lab, node: LabNode) -> int:
    """The pid of the node's VPP; 0 while there is none."""
    return next((pid for pid in linux.pids_in(node.vpp_netns) if _is_vpp(lab, node, pid)), 0)


def kill(lab: Lab, program: str, shop: Shop | None = None) -> CheckResult:
    """kill -9 of one process of node1: back by its supervisor, all intents as before."""
    node = lab.all_nodes[0]
    before = asyncio.run(look_at_nodes(lab))[node.name].intents
    with Traffic(lab, shop) as traffic:
        took = asyncio.run(_kill_and_wait(lab, node, program))
    after = asyncio.run(look_at_nodes(lab))[node.name].intents
    unchanged = before == after
    figure = f"{traffic.summary}, " + ("not back" if took is None else f"back in {took:.1f} s")
    figure += "" if unchanged else f", {len(before.items() ^ after.items())} intents differ"
    return CheckResult(f"kill -9 {program}", not traffic.losses and took is not None and unchanged, figure)


async def _kill_and_wait(lab: Lab, node: LabNode, program: str) -> float | None:
    """Kills the program and waits until it is a new process, everything is ready again, and a while longer."""
    await asyncio.sleep(SETTLE_S)
    before = await asyncio.to_thread(pid_of, lab, node, program)
    if not before:
        return None
    async with NodeWatcher(lab.run(node)) as watcher:
        await watcher.wait_for_bus(BACK_S_MAX)
        sessions = {name: process.session for name, process in watcher.view().processes.items()}
        linux.send_signal(before, signal.SIGKILL)
        started = time.monotonic()
        while not await _is_back(lab, node, program, before):
            if time.monotonic() - started > BACK_S_MAX:
                return None
            await asyncio.sleep(0.1)

        def again(view: NodeView) -> bool:
            process = view.processes.get(program)
            fresh = process is not None and process.session != sessions.get(program)
            return (fresh or program in SILENT_ON_THE_BUS) and is_healthy(lab, view)

        if program == "gobgpd":  # the session must have been seen to go before it can be seen to be back
            await watcher.until(lambda view: not is_healthy(lab, view), 5.0)
        back = await watcher.until(again, BACK_S_MAX)
        took = time.monotonic() - started
        await asyncio.sleep(SETTLE_S)
        return took if back else None


async def _is_back(lab: Lab, node: LabNode, program: str, before: int) -> bool:
    pid = await asyncio.to_thread(pid_of, lab, node, program)
    in_sync = program not in (FELIX, DRIVER) or bool(calico_node.felix_status(lab.run(node)).get("in_sync"))
    return pid not in (0, before) and in_sync


def writer_wrote_nothing(lab: Lab) -> CheckResult:
    """The restarted writer made no write calls (its own counter since its start)."""
    view = asyncio.run(look_at_nodes(lab))[lab.all_nodes[0].name]
    writes = view.counter("vpp-writer", "vpp_writes_total")
    objects = view.counter("vpp-writer", "objects_held")
    return CheckResult(
        "restarted writer writes nothing", writes == 0 and objects > 0, f"{writes} writes, {objects} objects held"
    )


def kill_vpp(lab: Lab, shop: Shop | None = None) -> list[CheckResult]:
    """kill -9 of VPP: the host's connectivity and the pods come back; what the shop's policy denies stays denied."""
    node = lab.all_nodes[0]
    a1, a2 = lab.pods["a1"], lab.pods["a2"]
    vpp = vpp_pid(lab, node)
    if not vpp:
        return [CheckResult("kill -9 VPP", False, f"no VPP runs in {node.vpp_netns}")]
    denied = denied_to(shop) if shop else None
    with (
        denied or nullcontext(),
        pings.BackgroundPing(lan_netns(lab.name), str(node.ip4)) as host_ping,
        pings.BackgroundPing(a1.netns, a2.ip4) as pod_ping,
        pings.BackgroundPing(a1.netns, lab.pods["b1"].ip6) as near_ping,
    ):
        time.sleep(SETTLE_S)
        linux.send_signal(vpp, signal.SIGKILL)
        recovered = asyncio.run(_recovered(lab, node, vpp))
        reached = pings.ping(a1.netns, a2.ip4, BACK_S_MAX) is not None
        near = pings.ping(a1.netns, lab.pods["b1"].ip6, BACK_S_MAX) is not None
        home = pings.ping(lan_netns(lab.name), str(node.ip4), BACK_S_MAX) is not None
    results = [
        CheckResult("kill -9 VPP: a new one, all programmed again", recovered is not None, f"{recovered or 0:.1f} s")
    ]
    for name, ping, ok in (
        ("host answers again", host_ping, home),
        ("pods answer again across nodes", pod_ping, reached),
        ("pods answer again within the node", near_ping, near),
    ):
        report = ping.report
        gap = report.longest_gap_ms if report else 0
        results.append(CheckResult(name, ok, f"{gap:.0f} ms without an answer"))
    if denied is not None:
        passed = denied.let_through
        figure = f"{len(passed)} of {denied.sent} let through" + "".join(f"; {text}" for text in passed[:2])
        results.append(CheckResult("what policy denies stays denied", not passed and denied.sent > 0, figure))
    return results


def _is_vpp(lab: Lab, node: LabNode, pid: int) -> bool:
    try:
        return str(lab.run(node) / "vpp" / "startup.conf").encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def _recovered(lab: Lab, node: LabNode, before: int) -> float | None:
    started = time.monotonic()
    async with NodeWatcher(lab.run(node)) as watcher:
        await watcher.wait_for_bus(BACK_S_MAX)

        def again(view: NodeView) -> bool:
            fresh = view.epoch is not None and view.epoch.connected and view.epoch.pid != before
            return fresh and not view.unready() and not view.unapplied()

        if not await watcher.until(again, BACK_S_MAX):
            return None
    return time.monotonic() - started
