"""Services manager: what kube-proxy does, with VPP's cnat.

Hears    Service, EndpointSlice, Node, IpPool, BgpConfiguration    from the Kubernetes watcher
          Uplink, PodInterface                                     for source NAT
Says      ServiceStatus, ServiceAddress
Intents   Translation, SnatAddresses, SnatExclusion, SnatMember, Route

Everything is decided in `desired.py`; only what a change touches is worked out again (`cache.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

from actors.runtime.actor import Actor, hears
from actors.services import desired
from actors.services.cache import Cache
from actors.services.desired import Outcome, World
from actors.services.healthchecks import HealthChecks
from schemas.config import NodeConfig
from schemas.facts import (
    BgpConfiguration,
    EndpointSlice,
    Fact,
    IpPool,
    Node,
    PodInterface,
    Service,
    ServiceStatus,
    Uplink,
)
from schemas.intents import Intent

T = TypeVar("T")


class ServicesManager(Actor):
    """Remembers facts."""

    name: ClassVar[str] = "services"

    def __init__(self, config: NodeConfig) -> None:
        self.world = World(config.node, config.service_prefixes, config.debug.servicesEnabled)
        self.cache = Cache()
        self.checks = HealthChecks(self, config.health_check_address)
        self._outcome = Outcome()
        self._intents: dict[str, Intent] = {}  # as said last
        self._statuses: dict[str, ServiceStatus] = {}

    @hears(Service)
    def service(self, key: str, service: Service | None) -> None:
        put(self.world.services, key, service)
        self.cache.service(key, service)

    @hears(EndpointSlice)
    def slice(self, key: str, each: EndpointSlice | None) -> None:
        put(self.world.slices, key, each)
        self.cache.slice(key, each)

    @hears(Node)
    def node(self, key: str, node: Node | None) -> None:
        put(self.world.nodes, key, node)

    @hears(IpPool)
    def pool(self, key: str, pool: IpPool | None) -> None:
        put(self.world.pools, key, pool)

    @hears(BgpConfiguration)
    def bgp(self, key: str, configuration: BgpConfiguration | None) -> None:
        put(self.world.bgp, key, configuration)

    @hears(Uplink)
    def uplink(self, key: str, uplink: Uplink | None) -> None:
        put(self.world.uplinks, key, uplink)

    @hears(PodInterface)
    def pod(self, key: str, pod: PodInterface | None) -> None:
        put(self.world.pods, key, pod)

    def desired(self) -> Iterator[Intent]:
        self._outcome = desired.outcome(self.world, self.cache.all(self.world))
        self.checks.wanted(self._outcome.checks)
        before, self._intents = self._intents, {}
        for intent in desired.intents(self.world, self._outcome):
            self._intents[intent.key] = same(before.get(intent.key), intent)
        return iter(self._intents.values())

    def facts(self) -> Mapping[str, Mapping[str, Fact]]:
        before, self._statuses = self._statuses, {}
        for key, status in self._outcome.statuses.items():
            trouble = self.checks.trouble(key)
            problems = (*status.problems, trouble) if trouble else status.problems
            told = ServiceStatus(status.translations, status.backends, problems)
            self._statuses[key] = same(before.get(key), told)
        return {"service-status": self._statuses, "service-address": self._outcome.addresses}

    def unwell(self) -> Sequence[str]:
        return (*desired.unwell(self.world), *self.checks.troubles())

    async def on_start(self) -> None:
        self.runtime.spawn(self.checks.run())

    async def on_stop(self) -> None:
        await self.checks.stop()


def put(table: dict[str, T], key: str, value: T | None) -> None:
    """Stores a fact, or forgets it."""
    table.pop(key, None)
    if value is not None:
        table[key] = value


def same(before: T | None, now: T) -> T:
    """The very object of last time if the value is the same: what has not changed costs nothing to say again."""
    return before if before is not None and before == now else now
