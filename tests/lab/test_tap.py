"""The tap on a node of the lab: one CNI ADD from the call over VPP's replies to the answer, and its recording."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from bus.envelope import BusBeacon, unpack_bus_message
from tests.lab.conftest import VPPD, vppd
from tests.waiting import until
from tools.lab.cluster import pods
from tools.lab.state import Lab
from tools.tap.observer import Observer
from tools.tap.recording import read, read_header

WIDTH = 80
POD = "default/tapped/eth0"


@pytest.fixture(scope="module")
def recorded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of node1 while a pod is made."""
    path = tmp_path_factory.mktemp("tap") / "recording"
    run = str(lab.run(lab.node("node1")))
    recorder = subprocess.Popen([VPPD, "tap", "record", path, "--run", run], stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: path.exists() and path.stat().st_size and tapped(path), "the processes know of it")
        pods.add(lab, "tapped", "node1")
        until(lambda: "cni-add answered" in notes(path), "the answer is recorded")
    finally:
        recorder.send_signal(signal.SIGINT)
        out, _ = recorder.communicate(timeout=20)
        if "tapped" in lab.pods:
            pods.delete(lab, "tapped")
    assert recorder.returncode == 0
    assert "frames" in out
    return path


def tapped(path: Path) -> bool:
    """Has a beacon told the processes that a tap listens?"""
    messages = [unpack_bus_message(data) for _, data in read(path)]
    return sum(isinstance(message, BusBeacon) and message.tapped for message in messages) > 1


def notes(path: Path) -> set[str]:
    observer = Observer()
    return {seen.what for now, data in read(path) for seen in observer.feed(data, now)}


def test_one_add_is_followed_from_the_call_over_vpp_to_the_answer(recorded: Path) -> None:
    completed = vppd("tap", "play", str(recorded), "--follow", f"cni-add/{POD}", "--json")
    assert completed.returncode == 0, completed.stderr
    hops = [json.loads(line) for line in completed.stdout.splitlines()]
    assert hops[0]["what"] == "cni-add asked"
    assert any(hop.get("what") == "cni-add answered" for hop in hops)
    assert {hop["process"] for hop in hops} >= {"cni", "vpp-writer", "policy"}
    calls = [hop["new"]["message"] for hop in hops if hop.get("what") == "vpp-call"]
    assert "tap_create_v3" in calls
    times = [hop["time"] for hop in hops]
    assert max(times) - min(times) < 10.0


def test_people_read_it_on_a_narrow_terminal(recorded: Path) -> None:
    completed = vppd("tap", "play", str(recorded), "--follow", f"cni-add/{POD}")
    assert max(map(len, completed.stdout.splitlines())) <= WIDTH
    assert "tap_create_v3" in completed.stdout


def test_a_sequence_diagram_and_a_trace_are_made_of_it(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    completed = vppd("tap", "export", str(recorded), "--perfetto", str(out), "--mermaid", f"cni-add/{POD}")
    assert completed.returncode == 0, completed.stderr
    assert "sequenceDiagram" in completed.stdout
    assert "->>VPP" in completed.stdout
    assert len(json.loads(out.read_text())["traceEvents"]) > 50


def test_the_services_manager_wants_offline_what_it_wants_there(lab: Lab, recorded: Path) -> None:
    settings = ["--set", "NODENAME=node1", "--set", "SERVICE_PREFIX=10.96.0.0/16,fd96::/112"]
    completed = vppd("tap", "replay", str(recorded), "--into", "services", "--diff", *settings)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "services wants what it wanted then" in completed.stdout


def test_the_state_of_a_node_intents_beside_statuses(lab: Lab) -> None:
    run = str(lab.run(lab.node("node1")))
    words = vppd("tap", "state", "--run", run)
    assert "intent             guard" in words.stdout, words.stderr
    tap = vppd("tap", "state", "intent", "interface/host/eth0", "--run", run)
    assert "applied sw_if_index=" in tap.stdout
    assert vppd("tap", "state", "--diff", "--run", run).stdout == "VPP holds every intent\n"


def test_top_knows_every_process(lab: Lab) -> None:
    completed = vppd("tap", "top", "--once", "--run", str(lab.run(lab.node("node1"))))
    for name in ("bus", "cni", "guard", "kube-watch", "policy", "routing", "services", "vpp-writer"):
        assert any(line.startswith(name) and line.endswith("ready") for line in completed.stdout.splitlines()), name


def test_without_a_bus_it_is_one_line(tmp_path: Path) -> None:
    for words in ((), ("top",), ("state",), ("record", str(tmp_path / "x")), ("names", "words")):
        completed = vppd("tap", *words, "--run", str(tmp_path))
        assert (completed.returncode, completed.stderr) == (1, f"vppd: {tmp_path}/bus: no broker answers there\n"), (
            words
        )


def test_it_says_to_whom_it_listens_and_what_it_will_never_hear(lab: Lab) -> None:
    run = str(lab.run(lab.node("node1")))
    completed = vppd("tap", "-w", "intnet", "--follow", "cni-add/nobody", "--for", "4", "--run", run)
    assert (completed.returncode, completed.stdout) == (0, "")
    listening, hears, word, nothing = completed.stderr.splitlines()
    assert listening == f"vppd: listening to {run}/bus; Ctrl-C ends it"
    assert hears.startswith("vppd: it hears bus, cni, ")
    assert word.startswith("vppd: no word is called 'intnet'; there are intent")
    assert nothing == "vppd: nothing came from 'cni-add/nobody' while this listened"


def test_a_replay_is_configured_as_the_node_was(recorded: Path) -> None:
    assert read_header(recorded).settings["NODENAME"] == "node1"
    completed = vppd("tap", "replay", str(recorded), "--into", "services", "--diff")
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_rows_for_programs(lab: Lab) -> None:
    run = str(lab.run(lab.node("node1")))
    lines = vppd("tap", "state", "intent", "interface/*", "--json", "--run", run).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["status"]["state"] for row in rows} == {"applied"}
    assert "interface/host/eth0" in {row["key"] for row in rows}
