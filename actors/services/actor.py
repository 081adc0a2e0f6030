"""Services manager: what kube-proxy does, with VPP's cnat.

Hears    Service, EndpointSlice, Node, IpPool, BgpConfiguration    from the Kubernetes watcher
          Uplink, PodInterface                                     for source NAT
Says      ServiceStatus, ServiceAddress
Intents   Translation, SnatAddresses, SnatExclusion, SnatMember, Route

Everything is decided in `desired.py`; only what a change touches is worked out again (`cache.py`).
"""

from collections.abc import Sequence
from typing import ClassVar

from actors.runtime.actor import Actor, hears, store
from actors.runtime.context import Context
from actors.runtime.decision import Decision, by_key
from actors.services import desired
from actors.services.cache import Cache
from actors.services.desired import World
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
    """Remembers facts."""

    name: ClassVar[str] = "services"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        config = context.config
        self.world = World(config.node, config.service_prefixes, config.debug.servicesEnabled)
        self.cache = Cache()
        self.checks = HealthChecks(context)
        self.edges = {"health-checks": self.checks}

    @hears(Service)
    def service(self, key: str, service: Service | None) -> None:
        store(self.world.services, key, service)
        self.cache.service(key, service)

    @hears(EndpointSlice)
    def slice(self, key: str, each: EndpointSlice | None) -> None:
        store(self.world.slices, key, each)
        self.cache.slice(key, each)

    @hears(Node)
    def node(self, key: str, node: Node | None) -> None:
        store(self.world.nodes, key, node)

    @hears(IpPool)
    def pool(self, key: str, pool: IpPool | None) -> None:
        store(self.world.pools, key, pool)

    @hears(BgpConfiguration)
    def bgp(self, key: str, configuration: BgpConfiguration | None) -> None:
        store(self.world.bgp, key, configuration)

    @hears(Uplink)
    def uplink(self, key: str, uplink: Uplink | None) -> None:
        store(self.world.uplinks, key, uplink)

    @hears(PodInterface)
    def pod(self, key: str, pod: PodInterface | None) -> None:
        store(self.world.pods, key, pod)

    def decide(self) -> Decision:
        outcome = desired.outcome(self.world, self.cache.all(self.world))
        statuses = desired.with_trouble(outcome.statuses, outcome.checks, self.checks.trouble)
        return Decision(
            intents=by_key(desired.intents(self.world, outcome)),
            facts={"service-status": statuses, "service-address": outcome.addresses},
            edges={"health-checks": outcome.checks},
        )

    def unwell(self) -> Sequence[str]:
        return (*desired.unwell(self.world), *self.checks.unwell())

    async def on_start(self) -> None:
        self.context.spawn(self.checks.run())

    async def on_stop(self) -> None:
        await self.checks.stop()
