"""How text of Kubernetes and Calico names addresses: as Go's `net` package and its fork in Kubernetes read it. Pure.

`::ffff:192.0.2.7` is the IPv4 address 192.0.2.7, and so are its prefixes from /96 on; decimals may begin with zeros
(`ParseIPSloppy` of k8s.io/utils); an address with a zone is none. Each function raises ValueError.
"""

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

IpNetwork = IPv4Network | IPv6Network
_MAPPED_BITS = 96  # length of ::ffff:0:0/96, which holds IPv4's addresses


def parse_ip_address(text: str) -> IPv4Address | IPv6Address:
    """An address."""
    address = ip_address(_plain(text))
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def parse_interface_address(text: str) -> IPv4Interface | IPv6Interface:
    """An address with its mask, host bits kept; without a mask it is a host's own."""
    address, slash, mask = text.partition("/")
    interface = ip_interface(_plain(address) + slash + mask)
    bits = interface.network.prefixlen
    mapped = interface.ip.ipv4_mapped if isinstance(interface.ip, IPv6Address) else None
    return interface if mapped is None or bits < _MAPPED_BITS else IPv4Interface((mapped, bits - _MAPPED_BITS))


def parse_ip_prefix(text: str) -> IPv4Network | IPv6Network:
    """A prefix, host bits cleared."""
    address, slash, mask = text.partition("/")
    network = ip_network(_plain(address) + slash + mask, strict=False)
    is_mapped = isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None
    return parse_interface_address(text).network if is_mapped else network


def _plain(text: str) -> str:
    """The address as Python's `ipaddress` takes it: decimals without zeros in front."""
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    head, colon, tail = text.rpartition(":")
    if "." not in tail:
        return text
    return head + colon + ".".join(octet.lstrip("0") or octet[:1] for octet in tail.split("."))
