"""Which of the node's addresses Calico has to be told: annotations of its Node, where nobody else writes them. Pure.

Calico's datastore for Kubernetes keeps a node's BGP addresses in `projectcalico.org/IPv4Address` and `.../IPv6Address`.
calico-node writes what it detects; with several NICs, or without detection, that may be nothing, and then what the main
uplink has is it. What is there stays, unless it was the uplink's address before and is not any more.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface, ip_network

IPV4_ANNOTATION, IPV6_ANNOTATION = "projectcalico.org/IPv4Address", "projectcalico.org/IPv6Address"


def addresses_to_write(
    uplink_addresses: Iterable[str], annotations: Mapping[str, str], pools: Iterable[str], earlier: Iterable[str]
) -> dict[str, str]:
    """Annotation -> interface address, of those that are to be written.

    `uplink_addresses`: interface addresses of the main uplink now; `annotations`: the Node's; `pools`: prefixes of the
    IP pools, as only their families are written; `earlier`: interface addresses that the uplink had before.
    """
    present = [ip_interface(text) for text in uplink_addresses]
    earlier_addresses = {ip_interface(text).ip for text in earlier}
    families = {ip_network(pool, strict=False).version for pool in pools}
    wanted: dict[str, str] = {}
    for name, family in ((IPV4_ANNOTATION, 4), (IPV6_ANNOTATION, 6)):
        usable = [address for address in present if address.version == family and not address.is_link_local]
        if family not in families or not usable:
            continue
        written = _address(annotations.get(name, ""))
        if written is None or (written in earlier_addresses and written not in {address.ip for address in present}):
            wanted[name] = str(usable[0])
    return wanted


def _address(text: str) -> object:
    """The address of an interface address, or of an address; None: it is neither."""
    try:
        return ip_interface(text).ip
    except ValueError:
        return None
