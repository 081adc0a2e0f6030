"""Routing manager: gobgpd is configured from facts, learnt paths become routes in VPP.

Hears     NodeFact, BgpConfigurationFact, IpPoolFact, BlockAffinityFact    from the Kubernetes watcher
          ServiceAddressFact                                               from the services manager
Says      BgpPeerFact
Intents   RouteIntent, and an interface where what is sent to no pod's address is denied

What gobgpd should hold and which routes follow is decided in `desired.py`; `reconciler.py` keeps one gobgpd in
that state. When gobgpd or this process restarts, the routes known before stay until all peers have sent theirs
again (End-of-RIB) or the graceful restart time is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from actors.routing.desired import (
    RoutingManagerFacts,
    bgp_obstacles,
    own_blocks,
    routes_of_bgp_paths,
    unusable_bgp_paths,
)
from actors.routing.reconciler import GobgpReconciler
from actors.routing.unassigned import closed_block_intents
from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision, intents_by_key
from schemas.facts import (
    BgpConfigurationFact,
    BgpPeerFact,
    BlockAffinityFact,
    Fact,
    IpPoolFact,
    NodeFact,
    ServiceAddressFact,
)
from schemas.intents import DEFAULT_TABLE, Intent, RouteIntent


class RoutingManager(Actor):
    """Stores facts; the reconciler stores beside them what gobgpd has learnt."""

    name: ClassVar[str] = "routing"
    recalls: ClassVar[bool] = True

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        self.facts = RoutingManagerFacts(me=context.config.node, restart_s=context.config.bgp_restart_s)
        self.gobgp = GobgpReconciler(context, self.facts)

    @hears_fact(NodeFact)
    def node(self, key: str, node: NodeFact | None) -> None:
        store_fact(self.facts.nodes, key, node)

    @hears_fact(BgpConfigurationFact)
    def configuration(self, key: str, configuration: BgpConfigurationFact | None) -> None:
        store_fact(self.facts.configurations, key, configuration)

    @hears_fact(IpPoolFact)
    def pool(self, key: str, pool: IpPoolFact | None) -> None:
        store_fact(self.facts.pools, key, pool)

    @hears_fact(BlockAffinityFact)
    def affinity(self, key: str, affinity: BlockAffinityFact | None) -> None:
        store_fact(self.facts.affinities, key, affinity)

    @hears_fact(ServiceAddressFact)
    def service_address(self, key: str, address: ServiceAddressFact | None) -> None:
        store_fact(self.facts.service_addresses, key, address)

    def hear(self, word: str, key: str, value: Fact | None) -> None:
        """Every fact may change what gobgpd should hold."""
        super().hear(word, key, value)
        self.gobgp.facts_changed()

    def recall(self, intents: Mapping[str, Intent]) -> None:
        """The routes that an earlier life had learnt stay, until the peers have sent theirs again."""
        for route in intents.values():
            if isinstance(route, RouteIntent) and route.table == DEFAULT_TABLE:
                path = route.paths[0]
                if path.next_hop and path.interface is None:  # those of own blocks are not learnt
                    self.facts.stale.setdefault(route.prefix, path.next_hop)

    def awaits_recall(self, waited_s: float) -> str:
        """Routes that an earlier life had learnt are removed if this life does not learn them, so it decides late."""
        if self.gobgp.end_of_rib or waited_s > self.context.config.bgp_resync_s:
            return ""
        return "routes of the peers, or of an earlier life"

    def decide(self) -> ActorDecision:
        return ActorDecision(intents_by_key(self._intents()), {"bgp-peer": self._peers()})

    def _intents(self) -> Iterator[Intent]:
        yield from routes_of_bgp_paths(self.facts)
        if self.context.config.policy_source != "none":
            yield from closed_block_intents(own_blocks(self.facts))

    def _peers(self) -> dict[str, BgpPeerFact]:
        nodes = {address: name for name, node in self.facts.nodes.items() for address in node.addresses}
        return {
            address: BgpPeerFact(asn=seen.asn, state=seen.state, node=nodes.get(address, ""), routes=seen.received)
            for address, seen in self.gobgp.peers.items()
        }

    def unwell(self) -> Sequence[str]:
        return (*bgp_obstacles(self.facts), *self.gobgp.unwell(), *unusable_bgp_paths(self.facts))

    async def on_start(self) -> None:
        self.context.spawn(self.gobgp.run())
