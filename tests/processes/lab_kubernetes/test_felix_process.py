"""The stand-in for Felix as a process: a real API server, the real driver, a socket in the dataplane's place."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.proto import felixbackend_pb2, felixbackend_v331_pb2
from tests.waiting import until
from tools.lab import kube, state
from tools.lab.cluster import calico_node, initial_objects

ApiServer = Any  # the fixture of conftest.py
LENGTH = struct.Struct("<Q")
PATIENCE_S = 20.0
NEW, OLD = "v3.32.0", "v3.31.0"


class Dataplane:
    """Listens where the driver connects to, and reads what Felix says."""

    def __init__(self, path: Path) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._server.settimeout(PATIENCE_S)
        self.schema: Any = felixbackend_pb2
        self.connection = socket.socket(socket.AF_UNIX)

    def accept(self) -> None:
        self.connection.close()
        self.connection, _ = self._server.accept()
        self.connection.settimeout(PATIENCE_S)

    def next(self) -> tuple[str, Any]:
        """(payload, message) of the next envelope."""
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size))
        envelope = self.schema.ToDataplane.FromString(self._exactly(length))
        kind = envelope.WhichOneof("payload") or "unknown"
        return kind, getattr(envelope, kind, None)

    def until(self, kind: str) -> list[tuple[str, Any]]:
        """Everything up to the first message of that payload."""
        messages = [self.next()]
        while messages[-1][0] != kind:
            messages.append(self.next())
        return messages

    def say(self, message: Any) -> None:
        data = message.SerializeToString()
        self.connection.sendall(LENGTH.pack(len(data)) + data)

    def close(self) -> None:
        self.connection.close()
        self._server.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.connection.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data


@pytest.fixture(scope="session")
def driver() -> Path:
    calico_node.build_driver()
    return calico_node.DRIVER


@pytest.fixture
def dataplane(tmp_path: Path) -> Iterator[Dataplane]:
    listening = Dataplane(tmp_path / "felix.sock")
    yield listening
    listening.close()


@pytest.fixture
def lab(server: ApiServer) -> state.Lab:
    """A cluster of two nodes with a pod on each and a policy for both, without the nodes."""
    lab = state.Lab(name="none", nodes=2, vpp="", real_vpp=False, api_url=server.url)
    for body in initial_objects.objects(lab.all_nodes):
        kube.create(lab, body)
    for number in (1, 2):
        kube.apply(lab, pod(number))
    peer = {"podSelector": {"matchLabels": {"app": "p2"}}}
    spec = {"podSelector": {}, "ingress": [{"from": [peer]}]}
    meta = {"name": "guarded", "namespace": "default"}
    kube.apply(lab, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec})
    return lab


def pod(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "namespace": "default", "labels": {"app": f"p{min(number, 2)}"}},
        "spec": {"nodeName": f"node{min(number, 2)}"},
        "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.0.{number}"}]},
    }


@pytest.fixture
def felix(lab: state.Lab, driver: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts stand-ins, and ends what is left of them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "tools.lab.felix", "--node", "node1", "--api", lab.api_url]
        line += ["--driver", str(driver), "--status", str(tmp_path / "felix.json"), *options]
        environment = {**os.environ, "FELIX_DATAPLANE_SOCKET": str(tmp_path / "felix.sock")}
        started.append(subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE_S)


def status(path: Path) -> dict[str, Any]:
    """The stand-in's status file."""
    content: dict[str, Any] = json.loads((path / "felix.json").read_text())
    return content


def test_a_snapshot_comes_first_and_deltas_follow(
    felix: Callable[..., Any], dataplane: Dataplane, lab: state.Lab
) -> None:
    felix()
    dataplane.accept()
    snapshot = dataplane.until("in_sync")
    kinds = [kind for kind, _ in snapshot]
    assert kinds[0] == "config_update"
    order = ["ipset_update", "active_policy_update", "active_profile_update", "workload_endpoint_update", "in_sync"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order
    messages = dict(snapshot)
    assert list(messages["ipset_update"].members) == ["10.0.0.2/32"]
    endpoint = messages["workload_endpoint_update"].endpoint
    (tier,) = endpoint.tiers
    (key,) = tier.ingress_policies
    assert (key.name, key.namespace, key.kind) == ("guarded", "default", "KubernetesNetworkPolicy")
    kube.apply(lab, pod(3))
    kind, delta = dataplane.next()
    assert (kind, list(delta.added_members)) == ("ipset_delta_update", ["10.0.0.3/32"])
    kube.delete(lab, "networkpolicy", "default", "guarded")
    kinds = [kind for kind, _ in dataplane.until("ipset_remove")]
    assert kinds == ["workload_endpoint_update", "active_policy_remove", "ipset_remove"]


def test_the_old_encoding_calls_policies_by_tier_and_one_name(felix: Callable[..., Any], dataplane: Dataplane) -> None:
    dataplane.schema = felixbackend_v331_pb2
    felix("--calico-version", OLD)
    dataplane.accept()
    messages = dict(dataplane.until("in_sync"))
    (tier,) = messages["workload_endpoint_update"].endpoint.tiers
    assert list(tier.ingress_policies) == ["default/knp.default.guarded"]
    key = messages["active_policy_update"].id
    assert (key.tier, key.name) == ("default", "default/knp.default.guarded")


def test_what_the_dataplane_says_of_endpoints_is_kept(
    felix: Callable[..., Any], dataplane: Dataplane, tmp_path: Path
) -> None:
    felix()
    dataplane.accept()
    messages = dict(dataplane.until("in_sync"))
    message = felixbackend_pb2.FromDataplane()
    message.workload_endpoint_status_update.id.CopyFrom(messages["workload_endpoint_update"].id)
    message.workload_endpoint_status_update.status.status = "up"
    dataplane.say(message)
    until(lambda: status(tmp_path)["workloads"] == {"default/p1": "up"})
    assert status(tmp_path)["in_sync"] is True


def test_felix_dies_with_its_driver_after_a_while(
    felix: Callable[..., Any], dataplane: Dataplane, tmp_path: Path
) -> None:
    process = felix()
    dataplane.accept()
    dataplane.until("in_sync")
    os.kill(status(tmp_path)["driver_pid"], signal.SIGKILL)
    started = time.monotonic()
    assert process.wait(PATIENCE_S) == 1
    assert time.monotonic() - started > 1.5


def test_felix_dies_when_the_dataplane_closes_the_connection(felix: Callable[..., Any], dataplane: Dataplane) -> None:
    process = felix()
    dataplane.accept()
    dataplane.until("in_sync")
    dataplane.connection.close()
    assert process.wait(PATIENCE_S) == 1


def test_felix_ends_when_its_configuration_changes(
    felix: Callable[..., Any], dataplane: Dataplane, lab: state.Lab
) -> None:
    process = felix()
    dataplane.accept()
    dataplane.until("in_sync")
    kube.patch(lab, "FelixConfiguration", "", "default", {"spec": {"defaultEndpointToHostAction": "Accept"}})
    assert process.wait(PATIENCE_S) == 129
    felix()
    dataplane.accept()
    _, update = dataplane.until("config_update")[-1]
    assert update.config["DefaultEndpointToHostAction"] == "Accept"


def test_felix_goes_on_when_the_api_server_was_away(
    felix: Callable[..., Any], dataplane: Dataplane, lab: state.Lab, server: ApiServer
) -> None:
    felix()
    dataplane.accept()
    dataplane.until("in_sync")
    server.stop(signal.SIGKILL)
    server.start()
    kube.apply(lab, pod(4))
    kind, delta = dataplane.next()
    assert (kind, list(delta.added_members)) == ("ipset_delta_update", ["10.0.0.4/32"])


def test_without_a_driver_felix_does_not_start(lab: state.Lab, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "tools.lab.felix", "--node", "node1", "--api", lab.api_url]
    completed = subprocess.run(
        [*line, "--driver", str(tmp_path / "none")], capture_output=True, timeout=30, check=False
    )
    assert completed.returncode == 2
    assert b"not an executable file" in completed.stderr
