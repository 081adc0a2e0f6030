"""Labs, made and removed as a user does: by the console command, in processes of their own.

Their nodes run the VPP that $VPP names ($VPPD_VPP_PRELOAD goes into its environment), else vppsim.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tools.lab import state
from tools.lab.cluster import build, pods
from tools.lab.state import LABS, Lab, NoLab

VPPD = Path(sys.executable).with_name("vppd")
COMMAND_S_MAX = 150.0
ON_VPP = ("--vpp", os.environ["VPP"]) if os.environ.get("VPP") else ()
_numbers = count()


def vppd(*words: str) -> "subprocess.CompletedProcess[str]":
    """Runs the console command to its end."""
    return subprocess.run([VPPD, *words], capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)


def traces_of(name: str) -> list[str]:
    """Traces of a lab on the machine: namespaces, files, processes with its directory in their environment."""
    traces = [f"namespace {path.name}" for path in Path("/var/run/netns").glob(f"{name}-*")]
    traces += [f"directory {path}" for path in (LABS / name,) if path.exists()]
    mark = os.fsencode(f"{LABS / name}/")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                traces.append(f"process {entry.name}")
        except OSError:
            continue  # it ended while we looked
    return traces


def gobgp(lab: Lab, node_name: str, *words: str) -> Any:
    """What a node's gobgpd tells its own command line tool; None if that fails or has nothing."""
    socket = lab.run(lab.node(node_name)) / "gobgp.sock"
    line = ["gobgp", "--target", f"unix://{socket}", "-j", *words]
    completed = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False)
    return json.loads(completed.stdout or "null") if completed.returncode == 0 else None


def bgp_sessions(lab: Lab, node_name: str) -> list[str]:
    """The states of a node's sessions."""
    established = 6  # gobgp's api.PeerState.SessionState
    neighbours = gobgp(lab, node_name, "neighbor") or []
    return ["up" if peer["state"].get("session_state") == established else "down" for peer in neighbours]


@pytest.fixture(scope="package")  # not for the session: an idle lab takes the others' time
def new_name() -> Iterator[Callable[[], str]]:
    """Names for labs; whatever has one of them is removed in the end."""
    names: list[str] = []

    def make() -> str:
        names.append(f"t{os.getpid() % 1_000_000}x{next(_numbers)}")
        return names[-1]

    yield make
    for name in names:
        try:
            build.remove_lab(name, lambda _: None)
        except NoLab:
            continue


@pytest.fixture(scope="package")  # not for the session: an idle lab takes the others' time
def lab(new_name: Callable[[], str]) -> Lab:
    """Two nodes with two pods each, a1 and b1, a2 and b2."""
    name = new_name()
    completed = vppd("lab", "up", "--name", name, *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    lab = state.load(name)
    for node in lab.all_nodes:
        for letter in "ab":
            pods.add(lab, f"{letter}{node.number}", node.name)
    return lab
