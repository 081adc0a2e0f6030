"""Policy manager: what Felix says is enforced by VPP's npol.

Hears    PodInterface, Uplink; Felix, on its socket
Says      PolicyStatus; Node and IpPool where Felix is their source (VPPD_NODE_SOURCE)
Intents   IpSet, Policy, InterfacePolicies

Everything is decided in `desired.py`. Until Felix has said everything once in this process's life, what an earlier
life had VPP enforce stays, and a pod of which nothing was said is closed.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

from actors.policy import desired
from actors.policy.desired import Outcome, World
from actors.policy.felix.install import install
from actors.policy.felix.server import FelixServer, Name
from actors.policy.model import HostMetadata, Pool, Snapshot
from actors.runtime.actor import Actor, hears
from schemas.codec import fingerprint
from schemas.config import NodeConfig
from schemas.facts import Fact, IpPool, Node, PodInterface, PolicyStatus, Uplink
from schemas.intents import Intent
from schemas.npol import InterfacePolicies
from schemas.statuses import Applied
from schemas.topics import INTENT

RECALL_S = 2.0  # so long the bus is given to tell what an earlier life has said
T = TypeVar("T")


class PolicyManager(Actor):
    """Remembers facts, and what Felix has told."""

    name: ClassVar[str] = "policy"

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.on = config.policy_source == "felix"
        self.world = World(node=config.node)
        self.felix = FelixServer(self)
        self._outcome = Outcome()
        self._intents: dict[str, Intent] = {}
        self._recalled: dict[str, Intent] | None = None
        self._came: set[str] = set()  # interfaces of pods that came in this life: nothing earlier is about them
        self._started_at = time.monotonic()

    @hears(PodInterface)
    def pod(self, key: str, pod: PodInterface | None) -> None:
        put(self.world.pods, key, pod)
        if pod is not None and pod.coming:
            self._came.add(pod.interface)

    @hears(Uplink)
    def uplink(self, key: str, uplink: Uplink | None) -> None:
        put(self.world.uplinks, key, uplink)

    def complete(self, snapshot: Snapshot) -> None:
        """Felix has told everything, or something more of it."""
        self.world.snapshot = snapshot
        self.runtime.wake("felix/told")

    def desired(self) -> Iterator[Intent]:
        if not self.on:
            return iter(())
        self._outcome = desired.outcome(self.world)
        wanted = {intent.key: intent for intent in self._outcome.intents()}
        if self.world.snapshot is None:
            wanted |= self._kept()
        before = self._intents
        self._intents = {key: same(before.get(key), intent) for key, intent in wanted.items()}
        self.answered()
        return iter(self._intents.values())

    def _kept(self) -> dict[str, Intent]:
        """What an earlier life said, as far as the interfaces are still there and are still those of then."""
        present = {pod.interface for pod in self.world.pods.values()} - self._came
        present |= {name for uplink in self.world.uplinks.values() for name in (uplink.interface, uplink.host_tap)}
        return {
            key: intent
            for key, intent in (self._recalled or {}).items()
            if not isinstance(intent, InterfacePolicies) or intent.interface in present
        }

    def facts(self) -> Mapping[str, Mapping[str, Fact]]:
        if not self.on:
            return {"policy-status": {}}
        connection = self.felix.connection
        problems = tuple(connection.problems) if connection else ()
        told: dict[str, Mapping[str, Fact]] = {
            "policy-status": {**self._outcome.statuses, "felix": PolicyStatus(self.felix.state, problems)}
        }
        snapshot = self.world.snapshot
        if self.config.node_source == "felix" and snapshot is not None:
            told["node"] = {name: node(host) for name, host in snapshot.hosts.items()}
            told["ip-pool"] = {name: ip_pool(pool) for name, pool in snapshot.pools.items()}
        return told

    def waits_for(self) -> Sequence[str]:
        """Not before what an earlier life had said is known: it would be taken away."""
        if not self.on or self._recalled is not None:
            return ()
        peer = self.runtime.peer
        if peer.in_sync(INTENT, self.name):
            self._recalled = dict(peer.rows(INTENT, self.name))
            return ()
        if peer.broker_session is not None and time.monotonic() - self._started_at > RECALL_S:
            self._recalled = {}
            return ()
        return ("what an earlier life of this process has said",)

    def unwell(self) -> Sequence[str]:
        if not self.on or self.felix.state == "in-sync":
            return ()
        return (f"Felix: {self.felix.state}",)

    def answered(self) -> None:
        """Felix learns what became of its endpoints."""
        statuses: dict[Name, str] = {}
        for name, key in self._outcome.workloads.items():
            statuses["workload", name] = self._state(f"workload/{name.workload}/{name.endpoint}", (key,))
        for host, keys in self._outcome.hosts.items():
            statuses["host", host] = self._state(f"host/{host}", keys)
        programmed = self.world.snapshot is not None and all(self._is_applied(key) for key in self._intents)
        self.felix.wanted(statuses, programmed=programmed)

    def _state(self, name: str, keys: Sequence[str]) -> str:
        if self._outcome.statuses.get(name, PolicyStatus("up")).state == "error":
            return "error"
        return "up" if all(self._is_applied(key) for key in keys) else "down"

    def _is_applied(self, key: str) -> bool:
        status, intent = self.runtime.status_of(key), self._intents.get(key)
        return isinstance(status, Applied) and intent is not None and status.generation == fingerprint(intent)

    async def on_start(self) -> None:
        """Hears itself; puts the driver in its place; listens."""
        if not self.on:
            return
        self.runtime.peer.subscribe(INTENT, self.name)
        if self.config.felix_driver is not None:
            try:
                if install(self.config.felix_proxy, self.config.felix_driver):
                    self.runtime.log.info("driver installed", path=self.config.felix_driver)
            except OSError as error:
                self.runtime.peer.counters["driver_not_installed"] += 1
                self.runtime.log.error("driver not installed", path=self.config.felix_driver, why=error)
        await self.felix.start(self.config.felix_socket)

    async def on_stop(self) -> None:
        await self.felix.stop()


def node(host: HostMetadata) -> Node:
    """A node as Felix tells it."""
    return Node(ip4=host.ip4, ip6=host.ip6, asn=host.asn, labels=host.labels)


def ip_pool(pool: Pool) -> IpPool:
    """A pool as Felix tells it; "" is Never."""
    return IpPool(pool.cidr, pool.ipip_mode or "Never", pool.vxlan_mode or "Never", pool.masquerade)


def put(table: dict[str, T], key: str, value: T | None) -> None:
    """Stores a fact, or forgets it."""
    table.pop(key, None)
    if value is not None:
        table[key] = value


def same(before: T | None, now: T) -> T:
    """The very object of last time if the value is the same: what has not changed costs nothing to say again."""
    return before if before is not None and before == now else now
