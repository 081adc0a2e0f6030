"""The real watcher between the lab's API server and a real bus: objects become facts, whatever comes and goes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.peer import BusPeer
from schemas.facts import BlockAffinityFact, IpPoolFact, NodeFact, UplinkFact
from tests.waiting import until_heard
from tools.lab import kube
from tools.lab.apiserver.process import ApiServerProcess
from tools.lab.cluster import initial_objects

CALICO = "/apis/crd.projectcalico.org/v1"


class World:
    """An API server, a bus and a watcher."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.api = ApiServerProcess(directory)
        self.kubeconfig = directory / "kubeconfig"
        self.environment = {
            **os.environ,
            "NODENAME": "n1",
            "VPPD_RUN": str(directory / "run"),
            "VPPD_STATE": str(directory / "state"),
            "KUBECONFIG": str(self.kubeconfig),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str) -> None:
        self.processes.append(subprocess.Popen([sys.executable, "-m", module], env=self.environment))

    def serve(self) -> None:
        self.api.start()
        self.kubeconfig.write_text(initial_objects.kubeconfig("test", self.api.url))

    def create(self, path: str, name: str, kind: str, spec: dict[str, Any]) -> None:
        body = {"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        kube.request(self.api.url, "POST", f"{CALICO}/{path}", body)

    def node(self, name: str, address: object) -> None:
        annotations = {"projectcalico.org/IPv4Address": address}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "annotations": annotations}}
        kube.request(self.api.url, "POST", "/api/v1/nodes", body)

    def delete(self, path: str) -> None:
        request = urllib.request.Request(f"{self.api.url}{path}", method="DELETE")
        with urllib.request.urlopen(request, timeout=5) as reply:
            json.load(reply)


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        world = World(Path(directory))
        world.start("bus")
        yield world
        for process in world.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=5)
        world.api.stop()


class Subscriber:
    """A peer that subscribes to the watcher's facts."""

    def __init__(self, peer: BusPeer) -> None:
        self.peer = peer

    def rows(self, word: str) -> dict[str, Any]:
        return self.peer.rows(word)

    def waiting(self) -> str:
        process = self.peer.rows("process").get("kube-watch")
        return "; ".join(process.waiting) if process else ""

    def counter(self, name: str) -> int:
        process = self.peer.rows("process").get("kube-watch")
        return process.counters.get(name, 0) if process else 0

    async def until(self, condition: Callable[[], bool], description: str) -> None:
        await until_heard(self.peer, condition, lambda: f"{description}; {self.waiting()}")


def story(world: World, tell: Callable[[Subscriber], Any]) -> None:
    async def run() -> None:
        async with BusPeer("tool-test", Path(world.environment["VPPD_RUN"]) / "bus") as peer:
            for word in ("process", "node", "ip-pool", "block-affinity", "bgp-configuration"):
                peer.subscribe(word)
            await tell(Subscriber(peer))

    asyncio.run(run())


def test_objects_become_facts_follow_their_changes_and_outlive_the_api_server(world: World) -> None:
    world.serve()
    world.node("n1", "192.0.2.1/24")
    world.create("ippools", "p", "IPPool", {"cidr": "10.48.0.0/16"})

    async def tell(subscriber: Subscriber) -> None:
        world.start("actors.kube_watch")
        await subscriber.until(
            lambda: subscriber.rows("node") == {"n1": NodeFact(ip4="192.0.2.1/24")}, "the node is heard"
        )
        pool = {"p": IpPoolFact(cidr="10.48.0.0/16")}
        await subscriber.until(lambda: subscriber.rows("ip-pool") == pool, "the pool is heard")
        world.create(
            "blockaffinities", "b", "BlockAffinity", {"node": "n1", "cidr": "10.48.0.0/26", "state": "confirmed"}
        )
        block = {"b": BlockAffinityFact(node="n1", cidr="10.48.0.0/26")}
        await subscriber.until(lambda: subscriber.rows("block-affinity") == block, "a new object is heard")
        world.delete(f"{CALICO}/ippools/p")
        await subscriber.until(lambda: subscriber.rows("ip-pool") == {}, "a deleted object is gone")
        world.api.stop(signal.SIGKILL)
        await subscriber.until(lambda: "kube-api" in subscriber.waiting(), "the loss of the server is named")
        assert subscriber.rows("block-affinity") == block, "what was said stays said"
        world.api.start()
        world.node("n2", "192.0.2.2/24")
        await subscriber.until(lambda: "n2" in subscriber.rows("node"), "it reconnects and hears what is new")
        await subscriber.until(lambda: subscriber.waiting() == "", "it is ready again")

    story(world, tell)


def test_it_waits_by_name_for_a_server_that_comes_later(world: World) -> None:
    async def tell(subscriber: Subscriber) -> None:
        world.start("actors.kube_watch")
        await subscriber.until(lambda: "kube-api nodes" in subscriber.waiting(), "what is missing is named")
        assert not subscriber.peer.in_sync("node", "kube-watch")
        world.serve()
        world.node("n1", "192.0.2.1/24")
        await subscriber.until(lambda: "n1" in subscriber.rows("node"), "it finds the server")

    story(world, tell)


def test_an_object_of_the_wrong_types_is_named_and_counted_and_the_others_live(world: World) -> None:
    world.serve()
    world.create("ippools", "bad", "IPPool", {"cidr": 7})
    world.create("ippools", "good", "IPPool", {"cidr": "10.48.0.0/16"})
    world.node("odd", "not-an-address")

    async def tell(subscriber: Subscriber) -> None:
        world.start("actors.kube_watch")
        await subscriber.until(lambda: list(subscriber.rows("ip-pool")) == ["good"], "the good one is heard")
        await subscriber.until(
            lambda: "IPPool bad: spec.cidr" in subscriber.waiting(), "the bad one is named with its field"
        )
        assert "Node odd" in subscriber.waiting()
        assert subscriber.counter("malformed_objects") == 2
        world.delete(f"{CALICO}/ippools/bad")
        world.delete("/api/v1/nodes/odd")
        await subscriber.until(lambda: subscriber.waiting() == "", "it is forgotten when it is gone")

    story(world, tell)


def annotations(world: World) -> dict[str, str]:
    """What our own Node says to Calico."""
    body = kube.request(world.api.url, "GET", "/api/v1/nodes/n1")
    return {name: text for name, text in body["metadata"].get("annotations", {}).items() if "projectcalico" in name}


def test_a_node_whose_addresses_nobody_has_told_calico_gets_those_of_the_uplink(world: World) -> None:
    world.serve()
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    kube.request(world.api.url, "POST", "/api/v1/nodes", body)
    world.create("ippools", "p", "IPPool", {"cidr": "10.48.0.0/16"})

    async def tell(subscriber: Subscriber) -> None:
        world.start("actors.kube_watch")
        await subscriber.until(lambda: "p" in subscriber.rows("ip-pool"), "it needs no guard")
        async with BusPeer("guard", Path(world.environment["VPPD_RUN"]) / "bus") as guard:
            await until_heard(guard, lambda: guard.broker_session is not None, "the guard is on the bus")
            for addresses in (("192.0.2.1/24", "fd00::1/64"), ("192.0.2.77/24",)):
                guard.publish("uplink", {"eth0": UplinkFact("running", addresses=addresses)})
                wanted = {"projectcalico.org/IPv4Address": addresses[0]}
                await until_heard(guard, lambda w=wanted: annotations(world) == w, "the Node says it")
            await subscriber.until(lambda: subscriber.rows("node")["n1"].ip4 == "192.0.2.77/24", "the fact follows")

    story(world, tell)
