"""Services manager: what kube-proxy does, with VPP's cnat.

Hears    Service, EndpointSlice, Node, IpPool, BgpConfiguration    from the Kubernetes watcher
          Uplink, PodInterface                                     for source NAT
Says      ServiceStatus, ServiceAddress
Intents   Translation, SnatAddresses, SnatExclusion, SnatMember, Route

Everything is decided in `desired.py`; only what a change touches is worked out again (`cache.py`).
"""

from collections.abc import Sequence
from typing import ClassVar

from actors.runtime.actor import Actor, hears, store_fact
from actors.runtime.context import Context
from actors.runtime.decision import Decision, intents_by_key
from actors.services import desired
from actors.services.cache import ServedCache
from actors.services.desired import ServiceFacts
from actors.services.healthchecks import HealthChecks
from schemas.facts import (
    BgpConfiguration,
    EndpointSlice,
    IpPool,
    Node,
    PodInterface,
    Service,
    Uplink,
)


class ServicesManager(Actor):
    """Stores facts; keeps the health checks' listeners."""

    name: ClassVar[str] = "services"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        config = context.config
        self.facts = ServiceFacts(config.node, config.service_prefixes, config.debug.servicesEnabled)
        self.cache = ServedCache()
        self.checks = HealthChecks(context)
        self.edges = {"health-checks": self.checks}

    @hears(Service)
    def service(self, key: str, service: Service | None) -> None:
        store_fact(self.facts.services, key, service)
        self.cache.service_changed(key, service)

    @hears(EndpointSlice)
    def endpoint_slice(self, key: str, endpoint_slice: EndpointSlice | None) -> None:
        store_fact(self.facts.slices, key, endpoint_slice)
        self.cache.slice_changed(key, endpoint_slice)

    @hears(Node)
    def node(self, key: str, node: Node | None) -> None:
        store_fact(self.facts.nodes, key, node)

    @hears(IpPool)
    def pool(self, key: str, pool: IpPool | None) -> None:
        store_fact(self.facts.pools, key, pool)

    @hears(BgpConfiguration)
    def bgp(self, key: str, configuration: BgpConfiguration | None) -> None:
        store_fact(self.facts.bgp, key, configuration)

    @hears(Uplink)
    def uplink(self, key: str, uplink: Uplink | None) -> None:
        store_fact(self.facts.uplinks, key, uplink)

    @hears(PodInterface)
    def pod(self, key: str, pod: PodInterface | None) -> None:
        store_fact(self.facts.pods, key, pod)

    def decide(self) -> Decision:
        served = desired.resolve_address_conflicts(self.facts, self.cache.served(self.facts))
        statuses = desired.with_unanswered_checks(served.statuses, served.checks, self.checks.errors)
        return Decision(
            intents=intents_by_key(desired.service_intents(self.facts, served)),
            facts={"service-status": statuses, "service-address": served.addresses},
            edges={"health-checks": served.checks},
        )

    def unwell(self) -> Sequence[str]:
        return (*desired.health_problems(self.facts), *self.checks.unwell())

    async def on_start(self) -> None:
        self.context.spawn(self.checks.run())

    async def on_stop(self) -> None:
        await self.checks.stop()
