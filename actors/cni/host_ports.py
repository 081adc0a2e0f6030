"""Host ports: ports of the node at which a pod is reached. Pure.

VPP translates them as it translates a Service's node port, with the pod as the one backend (Calico/VPP:
cni/network_vpp_hostports.go). What a port asks for and VPP cannot give is a problem of the pod's, and no reason to
refuse the pod.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

from msgspec import Struct

from schemas.addresses import parse_ip_address
from schemas.cnat import TranslationBackend
from schemas.intents import TranslationIntent
from schemas.proto.cnibackend_pb2 import Port

_PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
_PROTOCOL_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_SCTP = _PROTOCOLS["SCTP"]
_PORT_MAX = 65535


class BadHostPort(ValueError):
    """A host port that can never be had; `field` of the port, and why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


class PodHostPort(Struct, frozen=True, omit_defaults=True):
    """A port of the node that leads to one of the pod's."""

    protocol: int  # 6 TCP | 17 UDP | 132 SCTP
    host_port: int
    port: int  # the container's
    host_ip: str = ""  # address of the node; "": all of them

    def __str__(self) -> str:
        return f"{self.host_port}/{_PROTOCOL_NAMES[self.protocol]}"

    def overlaps(self, other: "PodHostPort") -> bool:
        """Would a packet belong to both?"""
        same_port = (self.protocol, self.host_port) == (other.protocol, other.host_port)
        return same_port and (not self.host_ip or not other.host_ip or self.host_ip == other.host_ip)


def parse_host_ports(ports: Iterable[Port]) -> tuple[PodHostPort, ...]:
    """Those of a pod's ports that have a host port, each once. Raises BadHostPort."""
    return tuple(dict.fromkeys(_parse_host_port(port) for port in ports if port.host_port))


def host_port_problems(host_ports: Iterable[PodHostPort], addresses: Sequence[str]) -> tuple[str, ...]:
    """A text for each host port that cannot be had, or not by each family of the pod; `addresses`: the pod's."""
    return tuple(problem for host_port in host_ports for problem in _problems(host_port, addresses))


def host_port_translations(
    host_ports: Iterable[PodHostPort], addresses: Sequence[str], node_addresses: Iterable[str]
) -> Iterator[TranslationIntent]:
    """What VPP translates for a pod with these addresses on a node with those; the pod's first of a family counts."""
    backends = {ip_address(address).version: address for address in reversed(addresses)}
    node_addresses, keys = tuple(node_addresses), set[str]()
    for host_port in host_ports:
        for vip in (host_port.host_ip,) if host_port.host_ip else node_addresses:
            version = ip_address(vip).version
            if version not in backends or ip_address(vip).is_loopback or (host_port.protocol, version) == (_SCTP, 6):
                continue
            backend = TranslationBackend(backends[version], host_port.port)
            translation = TranslationIntent(vip, host_port.host_port, host_port.protocol, (backend,), real_ip=True)
            if translation.key not in keys:  # the pod's first port counts
                keys.add(translation.key)
                yield translation


def _parse_host_port(port: Port) -> PodHostPort:
    protocol = _PROTOCOLS.get((port.protocol or "TCP").upper())
    if protocol is None:
        raise BadHostPort("protocol", f"{port.protocol[:80]!r} is not TCP, UDP or SCTP")
    for field, number in (("host_port", port.host_port), ("port", port.port)):
        if not 1 <= number <= _PORT_MAX:
            raise BadHostPort(field, f"{number} outside 1 to {_PORT_MAX}")
    return PodHostPort(protocol, port.host_port, port.port, _host_ip(port.host_ip))


def _host_ip(text: str) -> str:
    """The address in canonical form; "" for all addresses, which an unspecified one means too."""
    try:
        address = parse_ip_address(text) if text else None
    except ValueError:
        raise BadHostPort("host_ip", f"{text[:80]!r} is not an address") from None
    return "" if address is None or address.is_unspecified else str(address)


def _problems(host_port: PodHostPort, addresses: Sequence[str]) -> Iterator[str]:
    versions = {ip_address(address).version for address in addresses}
    if not host_port.host_ip:
        if host_port.protocol == _SCTP and 6 in versions:
            yield f"host port {host_port}: not by IPv6: VPP does not translate SCTP over IPv6"
        return
    address = ip_address(host_port.host_ip)
    if address.is_loopback:
        yield f"host port {host_port}: host_ip {address}: has no effect: VPP does not see the host's own loopback"
    elif address.version not in versions:
        yield f"host port {host_port}: host_ip {address}: has no effect: the pod has no IPv{address.version} address"
    elif host_port.protocol == _SCTP and address.version == 6:
        yield f"host port {host_port}: host_ip {address}: has no effect: VPP does not translate SCTP over IPv6"
