"""Whoever is not root gets one line, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
AS_NOBODY = f"""\
import os, sys
import tools.cli.lab, tools.cli.tap  # what is loaded later may lie where nobody but root can read
from tools.cli.main import main
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""
LAB = ("up", "down", "status", "check", "demo", "node exec node1 -- true", "pod add x --node node1", "pod del x")


@pytest.fixture
def closed_run(tmp_path: Path) -> Path:
    """A node's run directory with a bus that only root may look into."""
    bus = tmp_path / "bus"
    bus.mkdir(mode=0o700)
    (bus / "broker").touch()
    for directory in (tmp_path, *tmp_path.parents):
        if directory.owner() == "root" and directory != bus and directory.is_relative_to("/tmp"):
            directory.chmod(directory.stat().st_mode | 0o011)
    return tmp_path


def vppd_as_nobody(*words: str) -> "subprocess.CompletedProcess[str]":
    """Runs the console command as a user without rights."""
    command = [sys.executable, "-c", AS_NOBODY, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("words", LAB)
def test_the_lab_s_commands_say_that_they_need_root(words: str) -> None:
    completed = vppd_as_nobody("lab", *words.split())
    assert completed.returncode == 1
    assert completed.stderr == "vppd: this needs root: the lab's nodes and pods are network namespaces\n"


@pytest.mark.parametrize("words", ["status", "tap", "tap state", "tap top --once", "ask ping cni"])
def test_a_node_that_may_not_be_looked_at_is_named(words: str, closed_run: Path) -> None:
    completed = vppd_as_nobody(*words.split(), "--run", str(closed_run))
    assert completed.returncode == 1
    assert completed.stderr == f"vppd: {closed_run}/bus/broker: Permission denied; are you root?\n"
