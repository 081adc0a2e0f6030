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


def rest_of(name: str) -> list[str]:
    """What the machine still has of a lab: namespaces, files, and processes that were told of its directory."""
    found = [f"namespace {path.name}" for path in Path("/var/run/netns").glob(f"{name}-*")]
    found += [f"directory {path}" for path in (LABS / name,) if path.exists()]
    mark = os.fsencode(f"{LABS / name}/")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                found.append(f"process {entry.name}")
        except OSError:
            continue  # it ended while we looked
    return found


def bgp_sessions(lab: Lab, node_name: str) -> list[str]:
    """The states of a node's sessions, as its gobgpd tells its own command line tool."""
    socket = lab.run(lab.node(node_name)) / "gobgp.sock"
    line = ["gobgp", "--target", f"unix://{socket}", "-j", "neighbor"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False)
    established = 6  # gobgp's api.PeerState.SessionState
    told = json.loads(done.stdout or "[]") if done.returncode == 0 else []
    return ["up" if peer["state"].get("session_state") == established else "down" for peer in told]


@pytest.fixture(scope="session")
def new_name() -> Iterator[Callable[[], str]]:
    """Names for labs; whatever has one of them is removed in the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"t{os.getpid() % 1_000_000}x{next(_numbers)}")
        return made[-1]

    yield make
    for name in made:
        try:
            build.remove_lab(name, lambda _: None)
        except NoLab:
            continue


@pytest.fixture(scope="session")
def lab(new_name: Callable[[], str]) -> Lab:
    """Two nodes with two pods each, a1 and b1, a2 and b2."""
    name = new_name()
    done = vppd("lab", "up", "--name", name, *ON_VPP)
    assert done.returncode == 0, done.stdout + done.stderr
    lab = state.load(name)
    for node in lab.all_nodes:
        for letter in "ab":
            pods.add(lab, f"{letter}{node.number}", node.name)
    return lab
