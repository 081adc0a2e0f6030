"""IP sets: content, id, members. Pure.

Source: Calico's felix/calc: selectors and sourced services are NET sets of prefixes, named ports and
destination services are IP_AND_PORT sets of `<ip>,<protocol>:<port>`. An id tells what the set is of, so that two
rules that mean the same endpoints share a set; its form (`s:`, `n:`, `svc:` and a hash) is Calico's.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.lab.felix.selector import Selector, matcher, to_text

NET, IP_AND_PORT = "NET", "IP_AND_PORT"
ID_CHARACTERS_MAX = 40


@dataclass(frozen=True)
class NamedPort:
    """A named port of an endpoint; `protocol` is tcp, udp or sctp."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Labelled:
    """Something with labels (inherited ones too) that sets can hold: a workload, a host endpoint, a network set."""

    labels: Mapping[str, str]
    nets: tuple[str, ...]
    ports: tuple[NamedPort, ...] = ()


@dataclass(frozen=True)
class ServicePorts:
    """The addresses behind a service, and the ports there as (protocol, number)."""

    ips: tuple[str, ...]
    ports: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SelectorSet:
    """The endpoints and network sets that a selector selects."""

    selector: Selector
    type = NET

    @property
    def id(self) -> str:
        return hashed_id("s", to_text(self.selector))

    def members(self, world: Iterable[Labelled]) -> Iterator[str]:
        """Prefixes."""
        selects = matcher(self.selector)
        for thing in world:
            if selects(thing.labels):
                yield from thing.nets


@dataclass(frozen=True)
class PortSet:
    """A named port of everything that a selector selects."""

    selector: Selector
    protocol: str
    port: str
    type = IP_AND_PORT

    @property
    def id(self) -> str:
        return hashed_id("n", f"{to_text(self.selector)},{self.protocol},{self.port}")

    def members(self, world: Iterable[Labelled]) -> Iterator[str]:
        """Addresses with the number that the port has there."""
        selects = matcher(self.selector)
        for thing in world:
            numbers = [p.number for p in thing.ports if (p.name, p.protocol) == (self.port, self.protocol)]
            if numbers and selects(thing.labels):
                ips = [net.partition("/")[0] for net in thing.nets]
                yield from (f"{ip},{self.protocol}:{number}" for ip in ips for number in numbers)


@dataclass(frozen=True)
class ServiceSet:
    """The endpoints of a service (`<namespace>/<name>`), with their ports or without."""

    service: str
    with_ports: bool

    @property
    def type(self) -> str:
        return IP_AND_PORT if self.with_ports else NET

    @property
    def id(self) -> str:
        return hashed_id("svc" if self.with_ports else "svcnoport", self.service)

    def members(self, slices: Iterable[ServicePorts]) -> Iterator[str]:
        """Addresses with ports, or prefixes; `slices` are those of the service."""
        for piece in slices:
            for ip in piece.ips:
                if self.with_ports:
                    yield from (f"{ip},{protocol}:{number}" for protocol, number in piece.ports)
                else:
                    yield f"{ip}/{128 if ':' in ip else 32}"


AnySet = SelectorSet | PortSet | ServiceSet


def hashed_id(prefix: str, text: str) -> str:
    """`<prefix>:<hash>`."""
    digest = base64.urlsafe_b64encode(hashlib.sha224(text.encode()).digest()).decode().rstrip("=")
    return f"{prefix}:{digest}"[:ID_CHARACTERS_MAX]
