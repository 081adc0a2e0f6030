"""Addresses of this node's blocks that no pod has: what is sent there is denied. Pure.

VPP asks policies of a flow's first packet alone. A flow that began while its address had no pod would pass the
policies of the pod that gets the address later (decision 24). So each own block has a route to an interface where all
is denied: a flow that meets it has a verdict, which stays with it. The pods' own routes, and those of addresses that
other nodes have borrowed from the block, are longer.

Only what leaves by an interface is asked about, so the route does not simply drop. The interface is a loopback without
addresses: what policies are not asked about comes out of it again, where VPP takes no IP packet in.
"""

from collections.abc import Iterable, Iterator

from schemas.addresses import IpNetwork
from schemas.intents import (
    DEFAULT_TABLE,
    EVERY_STATION,
    AdminUpIntent,
    CnatFeatureIntent,
    Intent,
    LoopbackIntent,
    MtuIntent,
    RouteIntent,
    RoutePath,
)

CLOSED_INTERFACE = "closed/own-blocks"
_MAC, _TAG = "02:00:00:00:00:02", "closed-own-blocks"
_MTU = 9216  # bytes, as that of pods: too long a packet would be answered instead of denied
_TO_CLOSED = (RoutePath(next_hop=EVERY_STATION, interface=CLOSED_INTERFACE),)


def closed_block_intents(blocks: Iterable[IpNetwork]) -> Iterator[Intent]:
    """The routes of this node's blocks and the interface they lead to; nothing without blocks.

    Nobody says policies of the interface, and without any the writer denies everything there. A block of one address
    is left out: its route is that of its pod.
    """
    routes = [RouteIntent(DEFAULT_TABLE, str(b), _TO_CLOSED) for b in blocks if b.prefixlen < b.max_prefixlen]
    if not routes:
        return
    yield LoopbackIntent(CLOSED_INTERFACE, _MAC, _TAG)
    yield MtuIntent(CLOSED_INTERFACE, _MTU)
    yield CnatFeatureIntent(CLOSED_INTERFACE)
    yield AdminUpIntent(CLOSED_INTERFACE, when_policed=True)
    yield from routes
