"""The console command against a node's bus: what an operator reads."""

import json
from pathlib import Path

import pytest

from tests.lab.conftest import vppd
from tools.lab.state import Lab

WIDTH = 80


def run_of(lab: Lab) -> str:
    return str(lab.run(lab.all_nodes[0]))


def test_status_shows_every_process_and_fits_a_narrow_terminal(lab: Lab) -> None:
    completed = vppd("status", "--run", run_of(lab))
    assert completed.returncode == 0, completed.stdout + completed.stderr
    for name in ("bus", "guard", "vpp-writer", "kube-watch", "routing", "cni"):
        assert f"{name} " in completed.stdout
    assert "not applied: 0" in completed.stdout
    assert max(map(len, completed.stdout.splitlines())) <= WIDTH
    status = json.loads(vppd("status", "--json", "--run", run_of(lab)).stdout)
    assert (status["unready"], status["unapplied"]) == ([], [])


def test_lab_status_fits_a_narrow_terminal_and_names_pods_and_nodes(lab: Lab) -> None:
    completed = vppd("lab", "status", "--name", lab.name)
    assert completed.returncode == 0, completed.stderr
    for word in ("node1", "node2", "pod a1", "pod b2", "2/2 BGP sessions"):
        assert word in completed.stdout
    assert max(map(len, completed.stdout.splitlines()[1:])) <= WIDTH


def test_a_process_answers_and_one_that_is_not_there_is_named(lab: Lab) -> None:
    completed = vppd("ask", "ping", "cni", "--run", run_of(lab))
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith("cni: ready, ")
    missing = vppd("ask", "ping", "nobody", "--run", run_of(lab))
    assert (missing.returncode, missing.stderr) == (1, "vppd: nobody: not on the bus\n")


def test_a_log_level_is_changed_while_a_process_runs_and_a_wrong_one_refused(lab: Lab) -> None:
    assert vppd("ask", "log-level", "cni", "debug", "--run", run_of(lab)).returncode == 0
    wrong = vppd("ask", "log-level", "cni", "loud", "--run", run_of(lab))
    assert wrong.returncode == 1
    assert "level: is 'loud', not one of debug" in wrong.stderr
    assert vppd("ask", "log-level", "cni", "info", "--run", run_of(lab)).returncode == 0


@pytest.mark.parametrize("words", [("status",), ("ask", "ping", "cni")])
def test_without_a_broker_the_error_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    completed = vppd(*words, "--run", str(tmp_path))
    assert completed.returncode == 1
    assert completed.stderr.startswith("vppd: ")
    assert len(completed.stderr.splitlines()) == 1
