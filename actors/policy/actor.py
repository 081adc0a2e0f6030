"""Policy manager: what Felix says is enforced by VPP's npol.

Hears     PodInterfaceFact, UplinkFact; Felix, on its socket
Says      PolicyStatusFact; NodeFact and IpPoolFact where Felix is their source (VPPD_NODE_SOURCE)
Intents   IpSetIntent, PolicyIntent, InterfacePoliciesIntent, RouteIntent (the sources that Felix lets a pod send from)

`desired.py` decides. Until Felix is in sync for the first time in this process's life, the policies of an earlier life
stay, and pods without such policies are closed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from actors.policy import desired
from actors.policy.desired import EnforcedPolicies, PolicyManagerFacts
from actors.policy.felix.install import install_felix_driver
from actors.policy.felix.server import FelixEndpointName, FelixEndpointStatuses, FelixServer
from actors.policy.model import FelixHostMetadata, FelixIpPool, FelixSnapshot
from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision, intents_by_key
from schemas.codec import value_fingerprint
from schemas.facts import Fact, IpPoolFact, NodeFact, PodInterfaceFact, PolicyStatusFact, UplinkFact
from schemas.intents import Intent, RouteIntent
from schemas.npol import InterfacePoliciesIntent
from schemas.statuses import is_intent_applied

_RECALL_S = 2.0  # how long the bus may take to send the intents of an earlier life

_OFF = "VPPD_POLICY is none: no policy is enforced, pods are open"


class _Enforcement(NamedTuple):
    """The enforced policies, their intents, and the fingerprints of these by key."""

    enforced: EnforcedPolicies
    intents: dict[str, Intent]
    generations: dict[str, int]


class PolicyManager(Actor):
    """Stores facts and Felix's snapshot."""

    name: ClassVar[str] = "policy"
    recalls: ClassVar[bool] = True
    decides_by_statuses: ClassVar[bool] = True  # Felix is sent the statuses of its endpoints

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        self.on = context.config.policy_source == "felix"
        self.facts = PolicyManagerFacts(node=context.config.node)
        self.felix = FelixServer(context, self.complete)
        self.edges = {"felix": self.felix}
        self._enforcement: _Enforcement | None = None  # cache, for the facts as they are; None: a fact has changed
        self._recalled: Mapping[str, Intent] = {}
        self._driver_problems: tuple[str, ...] = ()
        self._new_interfaces: set[str] = set()  # of pods created in this life: recalled intents are not about them

    @hears_fact(PodInterfaceFact)
    def pod(self, key: str, pod: PodInterfaceFact | None) -> None:
        store_fact(self.facts.pods, key, pod)
        if pod is not None and pod.coming:
            self._new_interfaces.add(pod.interface)
        self._enforcement = None

    @hears_fact(UplinkFact)
    def uplink(self, key: str, uplink: UplinkFact | None) -> None:
        store_fact(self.facts.uplinks, key, uplink)
        self._enforcement = None

    def complete(self, snapshot: FelixSnapshot) -> None:
        """Felix is in sync, or has changed something since."""
        self.facts.snapshot = snapshot
        self._enforcement = None
        self.context.wake("felix/told")

    def recall(self, intents: Mapping[str, Intent]) -> None:
        self._recalled = dict(intents)
        self._enforcement = None

    def awaits_recall(self, waited_s: float) -> str:
        """Intents of an earlier life would be withdrawn if they were not recalled first."""
        return "what an earlier life of this process has said" if self.on and waited_s <= _RECALL_S else ""

    def decide(self) -> ActorDecision:
        if not self.on:
            return ActorDecision(intents={}, facts={"policy-status": {"felix": PolicyStatusFact("off", (_OFF,))}})
        self._enforcement = self._enforcement or self._enforce()
        enforced, intents, _ = self._enforcement
        return ActorDecision(
            intents, self._published_facts(enforced), {"felix": self._endpoint_statuses(self._enforcement)}
        )

    def _enforce(self) -> _Enforcement:
        enforced = desired.enforced_policies(self.facts)
        intents = intents_by_key(enforced.intents(self.facts.large_sets))
        if self.facts.snapshot is None:
            intents |= self._valid_recalled()
        return _Enforcement(enforced, intents, {key: value_fingerprint(intent) for key, intent in intents.items()})

    def _valid_recalled(self) -> dict[str, Intent]:
        """Intents of an earlier life, without those of interfaces that are gone or were made again."""
        present = {pod.interface for pod in self.facts.pods.values()} - self._new_interfaces
        present |= {name for uplink in self.facts.uplinks.values() for name in (uplink.interface, uplink.host_tap)}
        return {key: intent for key, intent in self._recalled.items() if _interfaces_of(intent) <= present}

    def _published_facts(self, enforced: EnforcedPolicies) -> dict[str, Mapping[str, Fact]]:
        session, snapshot = self.felix.session, self.facts.snapshot
        problems = (*self._driver_problems, *(session.problems if session else ()))
        statuses = {**enforced.statuses, "felix": PolicyStatusFact(self.felix.state, problems)}
        facts: dict[str, Mapping[str, Fact]] = {"policy-status": statuses}
        if self.context.config.node_source == "felix" and snapshot is not None:
            facts["node"] = {name: _node_fact(host) for name, host in snapshot.hosts.items()}
            facts["ip-pool"] = {name: _ip_pool_fact(pool) for name, pool in snapshot.pools.items()}
        return facts

    def _endpoint_statuses(self, enforcement: _Enforcement) -> FelixEndpointStatuses:
        """The statuses of Felix's endpoints."""
        enforced, generations = enforcement.enforced, enforcement.generations

        def state(name: str, keys: Iterable[str]) -> str:
            if enforced.statuses.get(name, PolicyStatusFact("up")).state == "error":
                return "error"
            return "up" if all(self._is_applied(key, generations) for key in keys) else "down"

        statuses: dict[FelixEndpointName, str] = {}
        for name, key in enforced.workloads.items():
            statuses["workload", name] = state(f"workload/{name.workload}/{name.endpoint}", (key,))
        for host, keys in enforced.hosts.items():
            statuses["host", host] = state(f"host/{host}", keys)
        all_applied = all(self._is_applied(key, generations) for key in generations)
        return FelixEndpointStatuses(statuses, programmed=self.facts.snapshot is not None and all_applied)

    def _is_applied(self, key: str, generations: Mapping[str, int]) -> bool:
        return key in generations and is_intent_applied(self.context.status_of(key), generations[key])

    def unwell(self) -> Sequence[str]:
        if not self.on or self.felix.state == "in-sync":
            return ()
        return (f"Felix: {self.felix.state}",)

    async def on_start(self) -> None:
        """Puts the driver in its place; listens."""
        config, log = self.context.config, self.context.log
        if not self.on:
            log.warning("policies are off", why=_OFF)
            return
        if config.felix_driver is not None:
            try:
                if install_felix_driver(config.felix_proxy, config.felix_driver):
                    log.info("driver installed", path=config.felix_driver)
            except OSError as error:
                self.context.counters["driver_not_installed"] += 1
                log.error("driver not installed", path=config.felix_driver, why=error)
                self._driver_problems = (f"Felix cannot start: its driver is not installed: {error}",)
        await self.felix.start(config.felix_socket)

    async def on_stop(self) -> None:
        await self.felix.stop()


def _interfaces_of(intent: Intent) -> set[str]:
    """The interfaces that an intent of ours is about; none: it is about all of them."""
    if isinstance(intent, InterfacePoliciesIntent):
        return {intent.interface}
    return {path.interface or "" for path in intent.paths} if isinstance(intent, RouteIntent) else set()


def _node_fact(host: FelixHostMetadata) -> NodeFact:
    """The fact of a node in Felix's snapshot."""
    return NodeFact(ip4=host.ip4, ip6=host.ip6, asn=host.asn, labels=host.labels)


def _ip_pool_fact(pool: FelixIpPool) -> IpPoolFact:
    """The fact of a pool in Felix's snapshot; an empty mode is Never."""
    return IpPoolFact(pool.cidr, pool.ipip_mode or "Never", pool.vxlan_mode or "Never", pool.masquerade)
