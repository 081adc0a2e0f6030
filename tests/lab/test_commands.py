"""Commands beyond their output: whole views, nothing left behind, no races."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.lab.conftest import VPPD, traces_of, vppd
from tests.waiting import until
from tools.lab import state
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.node.watcher import look_at_node


def test_a_first_look_at_a_bus_is_never_half_a_look(lab: Lab) -> None:
    for _ in range(15):
        view = asyncio.run(look_at_node(lab.run(lab.all_nodes[0])))
        assert (view.unheard, view.unready(), view.unapplied()) == ([], [], [])
        assert view.intents


def test_a_demo_that_is_told_to_end_takes_its_lab_away(new_name: Callable[[], str]) -> None:
    name = new_name()
    with subprocess.Popen([VPPD, "lab", "demo", "--name", name], stdout=subprocess.DEVNULL) as demo:
        until(lambda: any(line.startswith("process") for line in traces_of(name)), "the lab has processes")
        demo.terminate()
        assert demo.wait(60) == 143
    until(lambda: traces_of(name) == [], "nothing is left")


def test_pods_added_beside_one_another_get_addresses_of_their_own(lab: Lab) -> None:
    first, second = state.load(lab.name), state.load(lab.name)
    try:
        pod, neighbour = pods.add(first, "one", "node1"), pods.add(second, "two", "node1")
        assert pod.ip4 != neighbour.ip4
        assert {"one", "two"} <= set(state.load(lab.name).pods)
    finally:
        for name in ("one", "two"):
            pods.delete(state.load(lab.name), name)


def test_completion_knows_commands_and_their_commands(tmp_path: Path) -> None:
    script = tmp_path / "vppd.bash"
    script.write_text(vppd("completion", "bash").stdout)
    for typed, expected in (("vppd ta", "tap"), ("vppd tap re", "record replay"), ("vppd lab pod a", "add")):
        words = typed.split(" ")
        ask = f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _vppd; echo ${{COMPREPLY[@]}}"
        completed = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=20, check=False)
        assert completed.stdout.strip() == expected, completed.stderr
