"""Commands beyond their output: whole views, nothing left behind, no races."""

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import VPPD, traces_of, vppd
from tests.waiting import until
from tools.lab import state
from tools.lab.cluster import pods
from tools.lab.state import LABS, Lab
from tools.node.watcher import look_at_node


def test_a_first_look_at_a_bus_is_never_half_a_look(lab: Lab) -> None:
    for _ in range(15):
        view = asyncio.run(look_at_node(lab.run(lab.all_nodes[0])))
        assert (view.unheard, view.unready(), view.unapplied()) == ([], [], [])
        assert view.intents


@pytest.mark.parametrize(
    ("command", "numbers", "code"),
    [("demo", (signal.SIGHUP,), 129), ("demo", (signal.SIGTERM, signal.SIGINT), 143), ("up", (signal.SIGTERM,), 143)],
    ids=["demo, terminal gone", "demo, twice", "up"],
)
def test_a_lab_in_the_making_that_is_told_to_end_is_taken_away(
    new_name: Callable[[], str], command: str, numbers: tuple[signal.Signals, ...], code: int
) -> None:
    name = new_name()
    with subprocess.Popen([VPPD, "lab", command, "--name", name], stdout=subprocess.PIPE, text=True) as making:
        until(lambda: any(line.startswith("process") for line in traces_of(name)), "the lab has processes")
        assert making.stdout is not None
        if signal.SIGHUP in numbers:
            making.stdout.close()  # a terminal that has gone takes no more words
        making.send_signal(numbers[0])
        for number in numbers[1:]:
            until(lambda: "taking the lab away" in making.stdout.readline(), "the clean-up has begun")
            making.send_signal(number)
        assert making.wait(60) == code
    until(lambda: traces_of(name) == [], "nothing is left")


def test_a_second_demo_beside_a_running_one_says_so_and_lets_it_be(new_name: Callable[[], str]) -> None:
    name = new_name()
    with subprocess.Popen([VPPD, "lab", "demo", "--name", name], stdout=subprocess.DEVNULL) as demo:
        try:
            until(lambda: (LABS / name / "lab.json").exists(), "the lab is begun")
            second = vppd("lab", "demo", "--name", name)
            assert second.returncode == 1
            assert f"lab {name} is in use: `vppd lab demo` runs (pid {demo.pid})" in second.stdout
            assert "lab down" not in second.stdout
            assert demo.poll() is None
        finally:
            demo.terminate()
            demo.wait(60)
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
