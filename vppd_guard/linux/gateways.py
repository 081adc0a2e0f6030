"""Edge: gateways that no route leads to any more, for as long as routes by them are put back.

Linux asks for a route to a gateway when it takes a route by it, and never again: the first may be gone since.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

from vppd_guard.linux import route_codec
from vppd_guard.linux.captured import LinuxRoute
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkRequest, NetlinkSocket

_SCOPE_LINK = 253  # rtnetlink(7); IPv6 has no scopes


@contextmanager
def reachable_gateways(netlink: NetlinkSocket, index: int, gateways: Collection[str]) -> Iterator[None]:
    """Until the end the link `index` leads to each of the gateways; a route to one that is there already stays."""
    bodies = [route_codec.encode_linux_route(_direct(gateway), index, {}) for gateway in sorted(set(gateways))]
    errors = netlink.execute_all(
        [NetlinkRequest(route_codec.RTM_NEWROUTE, body, NLM_F_CREATE | NLM_F_EXCL) for body in bodies]
    )
    try:
        yield
    finally:
        ours = [body for body, error in zip(bodies, errors, strict=True) if error is None]
        netlink.execute_all([NetlinkRequest(route_codec.RTM_DELROUTE, body) for body in ours])


def _direct(gateway: str) -> LinuxRoute:
    network = ip_network(gateway)
    return LinuxRoute(str(network), scope=_SCOPE_LINK if network.version == 4 else 0)
