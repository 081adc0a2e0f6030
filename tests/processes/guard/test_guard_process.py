"""The real guard in namespaces, with a VPP of which only the life matters: Linux gets everything back.

The stand-in for VPP accepts API clients and sleeps. The bus and the writer are real; the writer cannot speak with
such a VPP, so the takeover ends in TAKEN or UP, which is where most of what must be undone has been done.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 20.0
FAKE_VPP = """#!{python}
import os, signal, socket, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
path = os.path.join(os.path.dirname(sys.argv[2]), "vpp-api.sock")
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
while True:
    server.accept()
"""


class Node:
    """A host in a namespace, its uplink a veth, with a bus, a writer and a guard."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tag = f"vg{os.getpid() % 10000}{directory.name[-3:]}".lower().replace("_", "x")
        self.host, self.vpp, self.lan = (f"{self.tag}-{word}" for word in ("host", "vpp", "lan"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **os.environ,
            "NODENAME": "n1",
            "VPPD_RUN": str(directory / "run"),
            "VPPD_STATE": str(directory / "state"),
            "VPPD_VPP_BIN": str(directory / "vpp"),
            "VPPD_VPP_NETNS": self.vpp,
            "VPPD_HOST_NETNS": f"/var/run/netns/{self.host}",
            "VPPD_TAKEOVER_WAIT": "60",
            "CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":"eth0"}]}',
        }

    def make(self) -> None:
        fake = self.directory / "vpp"
        fake.write_text(FAKE_VPP.format(python=sys.executable))
        fake.chmod(0o755)
        for netns in (self.host, self.vpp, self.lan):
            ip(f"netns add {netns}")
            ip(f"-n {netns} link set lo up")
        ip(f"-n {self.host} link add eth0 address 02:90:00:00:00:07 type veth peer name lan0 netns {self.lan}")
        ip(f"-n {self.lan} link set lan0 up")
        ip(f"-n {self.host} link set eth0 mtu 1400 up")
        ip(f"-n {self.host} addr add 192.0.2.7/24 dev eth0")
        ip(f"-n {self.host} addr add 2001:db8::7/64 dev eth0 nodad")
        ip(f"-n {self.host} route add default via 192.0.2.1 dev eth0 metric 50")
        ip(f"-n {self.host} route add 198.51.100.0/24 via 192.0.2.9 dev eth0 src 192.0.2.7")
        ip(f"-n {self.host} -6 route add default via 2001:db8::1 dev eth0")

    def start(self, name: str, module: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["ip", "netns", "exec", self.host, sys.executable, "-m", module], env=self.environment, stderr=log
            )

    def end(self, name: str, number: int) -> int:
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=10)

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def vpps(self) -> list[int]:
        mark = str(self.directory / "run" / "vpp" / "startup.conf").encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def state(self) -> dict[str, Any]:
        """All of the uplink that must come back."""
        [link] = [x for x in json.loads(ip(f"-n {self.host} -j -d link")) if x["ifname"] == "eth0"]
        addresses = [
            (a["local"], a["prefixlen"], a["scope"])
            for x in json.loads(ip(f"-n {self.host} -j addr show dev eth0"))
            for a in x["addr_info"]
        ]
        routes = [ip(f"-n {self.host} {family} route show dev eth0") for family in ("-4", "-6")]
        kept = {key: link[key] for key in ("address", "mtu", "promiscuity")}
        kernel = ("proto kernel",)
        lines = sorted(line.strip() for text in routes for line in text.splitlines() if kernel[0] not in line)
        return {**kept, "up": "UP" in link["flags"], "addresses": sorted(addresses), "routes": lines}

    def has_link(self, netns: str) -> bool:
        return any(x["ifname"] == "eth0" for x in json.loads(ip(f"-n {netns} -j link")))

    def remove(self) -> None:
        for name in list(self.processes):
            self.end(name, signal.SIGKILL)
        for pid in self.vpps():
            os.kill(pid, signal.SIGKILL)
        for netns in (self.host, self.vpp, self.lan):
            subprocess.run(["ip", "netns", "del", netns], check=False, stderr=subprocess.DEVNULL)


def ip(line: str) -> str:
    done = subprocess.run(["ip", *line.split()], capture_output=True, text=True, check=True)
    return done.stdout


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="vg") as directory:
        made = Node(Path(directory))
        try:
            made.make()
            made.start("bus", "bus")
            made.start("vpp-writer", "actors.vpp_writer")
            yield made
        finally:
            made.remove()


def taken(node: Node) -> Node:
    """Starts the guard and waits until VPP has the uplink."""
    node.start("guard", "vppd_guard")
    until(lambda: node.has_link(node.vpp) and len(node.vpps()) == 1, "VPP has the uplink")
    until(lambda: "now=up" in node.log("guard"), "VPP accepts clients")
    assert not node.has_link(node.host)
    return node


def test_sigterm_gives_linux_everything_back_in_less_than_two_seconds(node: Node) -> None:
    before = node.state()
    taken(node)
    started = time.monotonic()
    assert node.end("guard", signal.SIGTERM) == 0
    assert time.monotonic() - started < 2.0
    assert node.state() == before
    assert node.vpps() == []
    assert not (node.directory / "state" / "guard" / "undo.journal").exists()


def test_when_vpp_dies_linux_has_its_link_back_and_a_new_vpp_follows(node: Node) -> None:
    before = node.state()
    taken(node)
    [first] = node.vpps()
    os.kill(first, signal.SIGKILL)
    until(lambda: "restored" in node.log("guard"), "the guard has restored Linux")
    until(lambda: node.vpps() not in ([], [first]), "another VPP runs")
    assert "killed by SIGKILL" in node.log("guard")
    node.end("guard", signal.SIGTERM)
    assert node.state() == before


def test_a_guard_that_was_killed_is_followed_by_one_that_adopts_the_running_vpp(node: Node) -> None:
    before = node.state()
    taken(node)
    [vpp] = node.vpps()
    node.end("guard", signal.SIGKILL)
    assert node.vpps() == [vpp], "VPP outlives the guard"
    node.start("guard", "vppd_guard")
    until(lambda: f"adopted pid={vpp}" in node.log("guard"), "the next guard adopts it")
    assert node.vpps() == [vpp]
    assert node.end("guard", signal.SIGTERM) == 0
    assert node.state() == before
    assert node.vpps() == []


def test_a_guard_and_vpp_that_were_killed_together_are_cleaned_up_after(node: Node) -> None:
    before = node.state()
    taken(node)
    [vpp] = node.vpps()
    node.end("guard", signal.SIGKILL)
    os.kill(vpp, signal.SIGKILL)
    until(lambda: node.vpps() == [], "VPP is dead")
    line = ["ip", "netns", "exec", node.host, sys.executable, "-m", "vppd_guard", "restore"]
    subprocess.run(line, env=node.environment, check=True, capture_output=True)
    assert node.state() == before


def test_without_bus_and_writer_the_uplink_is_not_touched(node: Node) -> None:
    before = node.state()
    node.end("vpp-writer", signal.SIGKILL)
    node.end("bus", signal.SIGKILL)
    node.start("guard", "vppd_guard")
    until(lambda: "started" in node.log("guard"), "the guard runs")
    assert node.end("guard", signal.SIGTERM) == 0
    assert node.state() == before
    assert "now=captured" not in node.log("guard")


@pytest.mark.parametrize(
    ("variable", "value", "code", "why"),
    [
        ("CALICOVPP_INTERFACES", "", 2, "no uplinkInterfaces"),
        (
            "CALICOVPP_INTERFACES",
            '{"uplinkInterfaces":[{"interfaceName":"eth0","vppDriver":"afpacket"}]}',
            2,
            "afpacket",
        ),
        ("CALICOVPP_CONFIG_TEMPLATE", "unix {", 0, "without"),
        ("VPPD_VPP_BIN", "/nonexistent/vpp", 0, "no such file"),
    ],
)
def test_what_is_misconfigured_is_named_and_nothing_is_taken(
    node: Node, variable: str, value: str, code: int, why: str
) -> None:
    before = node.state()
    node.environment[variable] = value
    node.start("guard", "vppd_guard")
    until(lambda: why in node.log("guard"), "the guard says why")
    if code == 0:
        node.processes["guard"].send_signal(signal.SIGTERM)
    assert node.processes.pop("guard").wait(timeout=10) == code
    assert node.state() == before


def test_plan_prints_what_would_be_done_and_touches_nothing(node: Node) -> None:
    before = node.state()
    line = ["ip", "netns", "exec", node.host, sys.executable, "-m", "vppd_guard", "plan"]
    done = subprocess.run(line, env=node.environment, check=True, capture_output=True)
    plan = json.loads(done.stdout)
    assert plan["captured"]["name"] == "eth0"
    assert {"af-packet", "tap", "route"} <= {intent["kind"] for intent in plan["intents"]}
    assert node.state() == before


def test_the_kernel_does_not_speak_on_the_link_that_vpp_has(node: Node) -> None:
    taken(node)
    [link] = [x for x in json.loads(ip(f"-n {node.vpp} -j addr")) if x["ifname"] == "eth0"]
    assert "UP" in link["flags"]
    assert link["addr_info"] == [], "not even a link-local address, which would be VPP's own"
    node.end("guard", signal.SIGTERM)
    local = [a for a in node.state()["addresses"] if a[2] == "link"]
    assert local, "back in Linux it has one again"
