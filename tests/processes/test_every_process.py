"""What holds for every process on the bus: any order of starts, named reasons for waiting, a clean and quick stop."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.peer import BusPeer
from schemas.facts import ProcessFact
from schemas.requests import PingRequest
from tests.waiting import until, until_heard

pytestmark = pytest.mark.alone  # how fast a process ends is measured

DEADLINE_S = 20.0
MODULES = {
    "vpp-writer": "actors.vpp_writer",
    "kube-watch": "actors.kube_watch",
    "routing": "actors.routing",
    "cni": "actors.cni",
    "guard": "vppd_guard",
}
# What each names as missing when there are these processes and nothing else.
WAITS_FOR = {
    "vpp-writer": "vpp-api.sock",
    "kube-watch": "kube-api nodes",
    "routing": "kube-watch: node",
    "cni": "guard: uplink",
    "guard": "nowhere0: no such link",
}


class Place:
    """A runtime directory and the processes started in it."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.netns = directory, f"vppd-every-{os.getpid()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "NODENAME": "n1",
            "VPPD_RUN": str(directory / "run"),
            "VPPD_STATE": str(directory / "state"),
            "VPPD_CNI_SOCKET": str(directory / "cni.sock"),
            "VPPD_VPP_BIN": sys.executable,
            "VPPD_VPP_NETNS": self.netns,
            "KUBECONFIG": str(directory / "kubeconfig"),
            "CALICOVPP_INTERFACES": '{"uplinkInterfaces":[{"interfaceName":"nowhere0"}]}',
        }

    def start(self, name: str, module: str) -> "subprocess.Popen[bytes]":
        with self.log(name).open("ab") as log:
            command = [sys.executable, "-m", module]
            self.processes.append(subprocess.Popen(command, env=self.environment, stderr=log))
        return self.processes[-1]

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        made = Place(Path(directory))
        yield made
        for process in made.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "delete", made.netns], check=False, stderr=subprocess.DEVNULL)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM ends it cleanly, in less than two seconds."""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("name", MODULES)
def test_a_process_without_a_bus_waits_and_stops_cleanly(name: str, place: Place) -> None:
    process = place.start(name, MODULES[name])
    until(lambda: f"info {name} started" in place.log(name).read_text(), "it has started")
    assert process.poll() is None
    stop(process)


def test_processes_that_started_before_the_bus_join_it_and_name_what_they_wait_for(place: Place) -> None:
    started = {name: place.start(name, module) for name, module in MODULES.items()}
    until(lambda: all(f"info {n} started" in place.log(n).read_text() for n in MODULES), "all have started")
    bus = place.start("bus", "bus")
    asyncio.run(_see_all_waiting(place))
    for process in (*started.values(), bus):
        stop(process)


async def _see_all_waiting(place: Place) -> None:
    async with BusPeer("tool-test", Path(place.environment["VPPD_RUN"]) / "bus") as peer:
        peer.subscribe("process")

        def missing() -> list[str]:
            rows = peer.rows("process")
            return [name for name in MODULES if not _waits(rows.get(name), WAITS_FOR[name])]

        await until_heard(peer, lambda: not missing(), lambda: f"{missing()}: {peer.rows('process')}")
        for name in MODULES:
            pong = await peer.ask(name, PingRequest(), 2.0)
            assert (pong.name, pong.ready) == (name, False)
            assert pong.progress > 0


def _waits(process: ProcessFact | None, reason: str) -> bool:
    return process is not None and not process.ready and any(reason in text for text in process.waiting)


def test_a_setting_without_effect_is_told_on_the_bus(place: Place) -> None:
    place.environment |= {"VPPD_POLCY": "felix", "DATASTORE_TYPE": "etcdv3"}
    for name, module in (("bus", "bus"), ("guard", MODULES["guard"])):
        place.start(name, module)
    asyncio.run(_see_settings(place, {"VPPD_POLCY", "DATASTORE_TYPE"}))


async def _see_settings(place: Place, settings: set[str]) -> None:
    async with BusPeer("tool-test", Path(place.environment["VPPD_RUN"]) / "bus") as peer:
        peer.subscribe("configuration-status")
        await until_heard(peer, lambda: settings <= peer.rows("configuration-status").keys())


def test_garbage_on_the_cni_socket_harms_nobody(place: Place) -> None:
    process = place.start("cni", MODULES["cni"])
    path = place.environment["VPPD_CNI_SOCKET"]
    until(lambda: "listening" in place.log("cni").read_text(), "the CNI server listens")
    for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b""):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(data)
    assert process.poll() is None
    stop(process)


@pytest.mark.parametrize("name", MODULES)
def test_a_misconfigured_process_names_every_wrong_variable_and_ends_with_2(name: str, place: Place) -> None:
    place.environment |= {"NODENAME": "", "CALICOVPP_LOG_LEVEL": "loud"}
    process = place.start(name, MODULES[name])
    assert process.wait(DEADLINE_S) == 2
    log = place.log(name).read_text()
    assert "NODENAME: not set" in log
    assert "CALICOVPP_LOG_LEVEL" in log
