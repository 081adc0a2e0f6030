"""Routing manager: gobgpd is configured from facts, learnt paths become routes in VPP.

Hears    Node, BgpConfiguration, IpPool, BlockAffinity    facts, from the Kubernetes watcher
          ServiceAddress                                  from the services manager
Says      BgpPeer
Intents   Route

What gobgpd should hold and which routes follow is decided in `desired.py`; `session.py` keeps one gobgpd in
that state. When gobgpd or this process restarts, the routes known before stay until all peers have told theirs
again (End-of-RIB) or the graceful restart time is over.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar

from actors.routing.desired import World, not_ready, routes, unsupported
from actors.routing.session import Session
from actors.runtime.actor import Actor, hears
from schemas.config import NodeConfig
from schemas.facts import BgpConfiguration, BgpPeer, BlockAffinity, Fact, IpPool, Node, ServiceAddress
from schemas.intents import DEFAULT_TABLE, Route
from schemas.topics import INTENT

T = TypeVar("T")


class RoutingManager(Actor):
    """Remembers facts; its session with gobgpd adds what was learnt."""

    name: ClassVar[str] = "routing"

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.world = World(me=config.node, restart_s=config.bgp_restart_s)
        self.session = Session(self)
        self._started_at = time.monotonic()
        self._spoken = False

    @hears(Node)
    def node(self, key: str, node: Node | None) -> None:
        put(self.world.nodes, key, node)

    @hears(BgpConfiguration)
    def configuration(self, key: str, configuration: BgpConfiguration | None) -> None:
        put(self.world.configurations, key, configuration)

    @hears(IpPool)
    def pool(self, key: str, pool: IpPool | None) -> None:
        put(self.world.pools, key, pool)

    @hears(BlockAffinity)
    def affinity(self, key: str, affinity: BlockAffinity | None) -> None:
        put(self.world.affinities, key, affinity)

    @hears(ServiceAddress)
    def service_address(self, key: str, address: ServiceAddress | None) -> None:
        put(self.world.service_addresses, key, address)

    def hear(self, word: str, key: str, value: Fact | None) -> None:
        """Every fact may change what gobgpd should hold."""
        super().hear(word, key, value)
        self.session.facts_changed()

    def desired(self) -> Iterator[Route]:
        self._spoken = True
        return routes(self.world)

    def facts(self) -> Mapping[str, Mapping[str, Fact]]:
        nodes = {
            str(address).partition("/")[0]: name
            for name, node in self.world.nodes.items()
            for address in (node.ip4, node.ip6)
            if address
        }
        peers = {
            address: BgpPeer(asn=seen.asn, state=seen.state, node=nodes.get(address, ""), routes=seen.received)
            for address, seen in self.session.peers.items()
        }
        return {"bgp-peer": peers}

    def waits_for(self) -> Sequence[str]:
        """Not before the routes of an earlier life are known: what is not said again would be removed."""
        if self._spoken or self._recall() or self.session.told:
            return ()
        if time.monotonic() - self._started_at > self.config.bgp_resync_s:
            return ()
        return ("routes of the peers, or of an earlier life",)

    def _recall(self) -> bool:
        """Takes over the routes that an earlier life of this process has said, if the bus has them."""
        peer = self.runtime.peer
        if not peer.in_sync(INTENT, self.name):
            return False
        for route in peer.rows(INTENT, self.name).values():
            if isinstance(route, Route) and route.table == DEFAULT_TABLE and route.paths[0].next_hop:
                self.world.kept.setdefault(route.prefix, route.paths[0].next_hop)
        return True

    def missing_facts(self) -> bool:
        """Is there a stream of facts that our world does not hold whole yet? Then BGP is left as it is."""
        return not self.runtime.heard_all

    def unwell(self) -> Sequence[str]:
        return (*not_ready(self.world), *self.session.trouble(), *unsupported(self.world))

    async def on_start(self) -> None:
        self.runtime.peer.subscribe(INTENT, self.name)
        self.runtime.spawn(self.session.run())


def put(table: dict[str, T], key: str, value: T | None) -> None:
    """Stores a fact, or forgets it."""
    table.pop(key, None)
    if value is not None:
        table[key] = value
