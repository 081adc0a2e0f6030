"""A node's own addresses, as Kubernetes tells them and as its uplinks have them. Pure.

Kubernetes learns late, or never, that a node has another address: its object is written by somebody else. What the
uplinks have is what packets are sent to.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

import msgspec

from schemas.facts import NodeFact, UplinkFact

_VERSIONS = (4, 6)


def node_on_its_uplinks(node: NodeFact, uplinks: Iterable[UplinkFact]) -> NodeFact:
    """The node with an address of its main uplink where none of its uplinks has the one that Kubernetes tells.

    A family of which the uplinks have no address, and a node whose uplinks are not known, stay as Kubernetes has them.
    """
    moved = dict(_moved_addresses(node, list(uplinks)))
    return msgspec.structs.replace(node, **{f"ip{version}": address for version, address in moved.items()})


def moved_address_problems(name: str, node: NodeFact, uplinks: Iterable[UplinkFact]) -> list[str]:
    """What other nodes do not know of this one, in words."""
    return [
        f"Node {name}: no uplink has {node.address(version)}, but {address}: other nodes do not know until its "
        f"annotation projectcalico.org/IPv{version}Address says so"
        for version, address in _moved_addresses(node, list(uplinks))
    ]


def _moved_addresses(node: NodeFact, uplinks: list[UplinkFact]) -> Iterator[tuple[int, str]]:
    """Family -> interface address of the main uplink, where no uplink has the node's."""
    for version in _VERSIONS:
        carried = {str(ip_interface(a).ip): a for u in uplinks for a in u.addresses if _version(a) == version}
        main = [a for u in uplinks if u.is_main for a in u.addresses if _version(a) == version]
        if node.address(version) and node.address(version) not in carried and main:
            yield version, main[0]


def _version(address: str) -> int:
    return ip_interface(address).version
