"""Services manager: what kube-proxy does, with VPP's cnat.

Hears     ServiceFact, EndpointSliceFact, NodeFact, IpPoolFact, BgpConfigurationFact    from the Kubernetes watcher
          UplinkFact, PodInterfaceFact                                                  for source NAT
Says      ServiceStatusFact, ServiceAddressFact
Intents   TranslationIntent, SnatAddressesIntent, SnatExclusionIntent, SnatMemberIntent, RouteIntent

Everything is decided in `desired.py`; only what a change touches is worked out again (`cache.py`).
"""

from collections.abc import Sequence
from typing import ClassVar

from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision, intents_by_key
from actors.services import desired
from actors.services.cache import ServedServiceCache
from actors.services.desired import ServicesManagerFacts
from actors.services.healthchecks import ServiceHealthChecks
from actors.services.http_answers import HttpAnswers
from actors.services.proxy_health import ProxyState, ServiceProxyHealth
from schemas.facts import (
    BgpConfigurationFact,
    EndpointSliceFact,
    IpPoolFact,
    NodeFact,
    PodInterfaceFact,
    ServiceFact,
    UplinkFact,
)


class ServicesManager(Actor):
    """Stores facts; keeps the health checks' listeners."""

    name: ClassVar[str] = "services"

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        config = context.config
        self.facts = ServicesManagerFacts(config.node, config.service_prefixes, config.debug.servicesEnabled)
        self.cache = ServedServiceCache()
        answers = HttpAnswers(context.counters)
        self.health = ServiceProxyHealth(context, answers)
        self.checks = ServiceHealthChecks(context, answers, self.health.is_serving)
        self.edges = {"health-checks": self.checks, "proxy-health": self.health}

    @hears_fact(ServiceFact)
    def service(self, key: str, service: ServiceFact | None) -> None:
        store_fact(self.facts.services, key, service)
        self.cache.service_changed(key, service)

    @hears_fact(EndpointSliceFact)
    def endpoint_slice(self, key: str, endpoint_slice: EndpointSliceFact | None) -> None:
        store_fact(self.facts.slices, key, endpoint_slice)
        self.cache.slice_changed(key, endpoint_slice)

    @hears_fact(NodeFact)
    def node(self, key: str, node: NodeFact | None) -> None:
        store_fact(self.facts.nodes, key, node)

    @hears_fact(IpPoolFact)
    def pool(self, key: str, pool: IpPoolFact | None) -> None:
        store_fact(self.facts.pools, key, pool)

    @hears_fact(BgpConfigurationFact)
    def bgp(self, key: str, configuration: BgpConfigurationFact | None) -> None:
        store_fact(self.facts.bgp, key, configuration)

    @hears_fact(UplinkFact)
    def uplink(self, key: str, uplink: UplinkFact | None) -> None:
        store_fact(self.facts.uplinks, key, uplink)

    @hears_fact(PodInterfaceFact)
    def pod(self, key: str, pod: PodInterfaceFact | None) -> None:
        store_fact(self.facts.pods, key, pod)

    def decide(self) -> ActorDecision:
        served = desired.resolve_service_conflicts(self.facts, self.cache.served(self.facts))
        statuses = desired.with_unanswered_health_checks(served.statuses, served.checks, self.checks.errors)
        return ActorDecision(
            intents=intents_by_key(desired.service_intents(self.facts, served)),
            facts={"service-status": statuses, "service-address": served.addresses},
            edges={
                "health-checks": served.checks,
                "proxy-health": ProxyState(served.translations.values(), desired.is_node_leaving(self.facts)),
            },
        )

    def unwell(self) -> Sequence[str]:
        return (*desired.services_health_problems(self.facts), *self.checks.unwell())

    async def on_start(self) -> None:
        self.context.spawn(self.checks.run())
        if self.facts.enabled:
            self.context.spawn(self.health.run())

    async def on_stop(self) -> None:
        await self.checks.stop()
        await self.health.stop()
