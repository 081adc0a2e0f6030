"""Labs come and go: beside one another, twice, damaged; and leave the machine as it was."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from bus.process_start import process_start_ticks
from tests.lab.conftest import ON_VPP, traces_of, vppd
from tests.waiting import until
from tools.lab import kube, linux, state
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.lab.story import deaths
from tools.lab.traffic import pings

CLOSED_POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "closed", "namespace": "default"},
    "spec": {"podSelector": {"matchLabels": {"closed": "yes"}}, "policyTypes": ["Ingress"]},
}


def test_a_healthy_lab_passes_its_check_line_by_line(lab: Lab) -> None:
    completed = vppd("lab", "check", "--json", "--name", lab.name)
    results = json.loads(completed.stdout)
    assert [r for r in results if not r["ok"]] == []
    assert completed.returncode == 0
    names = {r["name"] for r in results}
    assert {"node1: processes ready", "node2: BGP established", "node1: intents applied"} <= names
    assert {"a1 reaches b2 (across)", "a1 reaches b1 (same node)", "outside reaches node2"} <= names


def test_a_check_knows_what_policies_deny(lab: Lab) -> None:
    kube.label(lab, "pods", "default", "a1", closed="yes")
    kube.apply(lab, CLOSED_POLICY)
    try:
        completed = vppd("lab", "check", "--json", "--name", lab.name)
        results = {r["name"]: r for r in json.loads(completed.stdout)}
    finally:
        kube.delete(lab, "NetworkPolicy", "default", "closed")
        kube.label(lab, "pods", "default", "a1", closed=None)
    assert completed.returncode == 0, [r for r in results.values() if not r["ok"]]
    assert results["b1 does not reach a1"]["figure"] == "denied by default/closed"
    assert "a1 reaches b1 (same node)" in results
    assert "b1 reaches a1 (same node)" not in results


def test_a_list_of_labs_has_this_one(lab: Lab) -> None:
    assert any(line.startswith(f"{lab.name} ") for line in vppd("lab", "list").stdout.splitlines())
    assert lab.name in {entry["name"] for entry in json.loads(vppd("lab", "list", "--json").stdout)}


def test_a_check_names_the_process_that_hangs(lab: Lab) -> None:
    hangs = deaths.pid_of(lab, lab.all_nodes[0], "kube-watch")
    os.kill(hangs, signal.SIGSTOP)
    try:
        completed = until(lambda: failing_check(lab), "the check fails")
    finally:
        os.kill(hangs, signal.SIGCONT)
    failed = {r["name"]: r["figure"] for r in json.loads(completed.stdout) if not r["ok"]}
    assert failed == {"node1: processes ready": "kube-watch: not on the bus"}
    until(lambda: failing_check(lab) is None, "the check passes again")


def failing_check(lab: Lab) -> "subprocess.CompletedProcess[str] | None":
    """The check, if it fails."""
    completed = vppd("lab", "check", "--json", "--name", lab.name)
    return completed if completed.returncode else None


def test_a_second_lab_of_that_name_is_refused_and_the_first_stays(lab: Lab) -> None:
    completed = vppd("lab", "up", "--name", lab.name, *ON_VPP)
    assert completed.returncode == 1
    assert f"lab {lab.name} is there already" in completed.stderr
    assert len(completed.stderr.splitlines()) == 1
    assert pings.ping(lab.pods["a1"].netns, lab.pods["a2"].ip4, 3.0) is not None


def test_a_lab_that_is_not_there_is_one_line_and_exit_status_1() -> None:
    for words in (("down",), ("status",), ("check",), ("pod", "del", "x"), ("kubectl-config",)):
        completed = vppd("lab", *words, "--name", "nolab")
        assert completed.returncode == 1, words
        assert completed.stderr == "vppd: no lab nolab" + (
            "\n" if words == ("down",) else "; `vppd lab list` shows those that are there\n"
        )


def test_kubectl_reads_the_nodes_with_the_printed_configuration(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(vppd("lab", "kubectl-config", "--name", lab.name).stdout)
    line = ["kubectl", "--kubeconfig", str(config), "get", "nodes", "-o", "name"]
    kubectl = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert kubectl.stdout.split() == ["node/node1", "node/node2"], kubectl.stderr


def test_a_command_runs_in_a_node(lab: Lab) -> None:
    completed = vppd("lab", "node", "--name", lab.name, "exec", "node2", "--", "ip", "-o", "-4", "addr", "show", "eth0")
    assert f"{lab.all_nodes[1].ip4}/24" in completed.stdout, completed.stderr


def test_two_labs_run_beside_one_another_with_the_same_addresses(lab: Lab, new_name: Callable[[], str]) -> None:
    name = new_name()
    completed = vppd("lab", "up", "--nodes", "1", "--name", name, *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    second = state.load(name)
    assert second.api_url != lab.api_url
    pod = pods.add(second, "a1", "node1")
    assert (pod.ip4, pod.ip6) == (lab.pods["a1"].ip4, lab.pods["a1"].ip6)
    assert pings.ping(pod.netns, str(second.all_nodes[0].ip4), 5.0) is not None
    completed = vppd("lab", "down", "--name", name)
    assert completed.returncode == 0, completed.stderr
    until(lambda: traces_of(name) == [], "nothing is left of the other lab")
    assert pings.ping(lab.pods["a1"].netns, lab.pods["a2"].ip4, 3.0) is not None


def test_down_leaves_nothing_after_supervisord_vpp_and_files_were_lost(new_name: Callable[[], str]) -> None:
    links = linux.ip("-o link")
    name = new_name()
    completed = vppd("lab", "up", "--nodes", "1", "--name", name, *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    lab = state.load(name)
    pods.add(lab, "a1", "node1")
    supervisord = int((lab.run(lab.all_nodes[0]) / "supervisord.pid").read_text())
    os.kill(supervisord, signal.SIGKILL)
    until(lambda: not process_start_ticks(supervisord), "supervisord is dead")
    assert [line for line in traces_of(name) if line.startswith("process")], "its children outlived it"
    for pid in linux.pids_in(lab.all_nodes[0].vpp_netns):
        os.kill(pid, signal.SIGKILL)
    (lab.directory / "lab.json").unlink()
    shutil.rmtree(lab.run(lab.all_nodes[0]) / "log")
    completed = vppd("lab", "down", "--name", name)
    assert completed.returncode == 0, completed.stderr
    until(lambda: traces_of(name) == [], "nothing is left")
    assert linux.ip("-o link") == links


def test_a_lab_that_cannot_be_made_is_taken_away_again(new_name: Callable[[], str]) -> None:
    name = new_name()
    completed = vppd("lab", "up", "--nodes", "1", "--name", name, "--vpp", "/nonexistent/vpp")
    assert completed.returncode == 1
    assert completed.stderr == "vppd: /nonexistent/vpp: not an executable\n"
    assert traces_of(name) == []
