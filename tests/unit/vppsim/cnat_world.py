"""A node with cnat on three links: pods behind the first two, the network behind the third."""

from ipaddress import ip_address

import pytest

from tests.unit.vppsim.bench import Bench, Port, packed, udp
from tools.vppsim.cnat import snat
from tools.vppsim.cnat.settings import parse
from tools.vppsim.cnat.snat import SnatPolicy
from tools.vppsim.cnat.translations import CnatEndpoint, EndpointTuple
from tools.vppsim.fib.paths import FibPath
from tools.vppsim.packets.checksum import checksum, pseudo_header
from tools.vppsim.packets.crc32c import crc32c
from tools.vppsim.packets.headers import ICMP, ICMP6, TCP, UDP, icmp4, icmp6, ip4_header, ip6_header
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.startup import parse_stanzas

SYN, SYN_ACK, ACK, FIN, RST = 0x02, 0x12, 0x10, 0x11, 0x04
NO_SOURCE = CnatEndpoint(bytes(16), 0)
SCTP = 132
FAMILIES = pytest.mark.parametrize(
    ("client", "vip", "backend", "outside", "node"),
    [
        ("10.0.0.9", "10.96.0.10", "10.0.1.9", "99.0.0.1", "10.0.2.1"),
        ("fd00::9", "fd96::10", "fd01::9", "2001::1", "fd02::1"),
    ],
)


class World(Bench):
    """Link n has 10.0.n.0/24 and fd0n::/64, neighbours .9 and ::9; beyond link 2 are 99.0.0.0/8 and 2001::/16."""

    def __init__(self, cnat: str = "") -> None:
        super().__init__(cnat=parse(parse_stanzas(f"cnat {{ {cnat} }}")["cnat"]))
        self.links = [self._link(n) for n in range(3)]
        for prefix, hop in (("99.0.0.0/8", "10.0.2.9"), ("2001::/16", "fd02::9")):
            version = ip_address(hop).version
            self.route(prefix, FibPath(if_index=self.links[2].index, next_hop=packed(hop), proto=version))

    def _link(self, n: int) -> Port:
        link = self.wire(f"10.0.{n}.1/24", f"fd0{n}::1/64", mac=bytes([2, 0, 0, 0, 1, n]))
        link.add_neighbour(f"10.0.{n}.9")
        link.add_neighbour(f"fd0{n}::9")
        self.cnat.enable(link.index, True)
        return link

    def serve(
        self, vip: str, port: int, *backends: tuple[str, int], protocol: int = TCP, flags: int = 9, **more: int
    ) -> int:
        """A translation; a backend is (address, port). `more`: lb_type, mask, path_flags. Returns its id."""
        paths = [(EndpointTuple(CnatEndpoint(packed(a), n), NO_SOURCE), more.get("path_flags", 0)) for a, n in backends]
        lb_type, mask = more.get("lb_type", 0), more.get("mask", 0)
        return self.cnat.translations.update(
            CnatEndpoint(packed(vip), port), protocol, paths, flags, lb_type, mask
        ).index

    def masquerade(self) -> None:
        """Kubernetes' source NAT: pods on links 0 and 1, of which 0 is masqueraded except to 10.0.0.0/15, fd00::/12."""
        self.cnat.snat.set_addresses(packed("10.0.2.1"), packed("fd02::1"), INDEX_INVALID, snat.USE_AS_DEFAULT)
        self.cnat.snat.set_policy(SnatPolicy.K8S)
        for prefix, length in (("10.0.0.0", 15), ("fd00::", 12)):
            self.cnat.snat.set_excluded(packed(prefix), length, True)
        for table in (snat.INCLUDE_V4, snat.INCLUDE_V6, snat.POD):
            self.cnat.snat.set_interface(self.links[0].index, table, True)
        self.cnat.snat.set_interface(self.links[1].index, snat.POD, True)

    def carry(self, link: int, packet: bytes) -> dict[int, list[bytes]]:
        """Let a packet come in by a link; returns the IP packets that leave, by link."""
        self.links[link].receives(packet)
        by_link = {n: [frame[14:] for frame in port.transmitted] for n, port in enumerate(self.links)}
        return {n: packets for n, packets in by_link.items() if packets}

    def later(self, seconds: float) -> None:
        """Let time pass; the scanner runs at its end."""
        self.time += seconds
        self.tick()


def header(source: str, to: str, protocol: int, body: bytes) -> bytes:
    a, b = packed(source), packed(to)
    make = ip4_header if len(a) == 4 else ip6_header
    return make(a, b, protocol, len(body)) + body


def tcp_segment(source: str, to: str, ports: tuple[int, int], flags: int = SYN, payload: bytes = b"payload") -> bytes:
    """A TCP segment with a good checksum."""
    a, b = packed(source), packed(to)
    body = ports[0].to_bytes(2) + ports[1].to_bytes(2) + bytes(8) + bytes([0x50, flags, 2, 0]) + bytes(4) + payload
    total = checksum(pseudo_header(ip_address(source).version, a, b, TCP, len(body)) + body)
    return header(source, to, TCP, body[:16] + total.to_bytes(2) + body[18:])


def sctp_init(source: str, to: str, ports: tuple[int, int]) -> bytes:
    body = ports[0].to_bytes(2) + ports[1].to_bytes(2) + b"\1\2\3\4" + bytes(4) + b"\1\0\0\x14" + bytes(16)
    return header(source, to, SCTP, body[:8] + crc32c(body).to_bytes(4, "little") + body[12:])


def packet(protocol: int, source: str, to: str, ports: tuple[int, int], size: int = 8) -> bytes:
    """The first packet of a UDP, SCTP or TCP flow; `size`: payload bytes of UDP and TCP."""
    if protocol == UDP:
        return udp(source, to, ports=ports, size=size)
    return (
        sctp_init(source, to, ports)
        if protocol == SCTP
        else tcp_segment(source, to, ports, payload=bytes(range(1, size + 1)))
    )


def echo(source: str, to: str, identifier: int, reply: bool = False) -> bytes:
    content = identifier.to_bytes(2) + b"\0\1pingping"
    if ip_address(source).version == 4:
        return header(source, to, ICMP, icmp4(0 if reply else 8, 0, content))
    return header(source, to, ICMP6, icmp6(packed(source), packed(to), 129 if reply else 128, 0, content))


def unreachable(source: str, to: str, about: bytes, kind: int | None = None) -> bytes:
    """An ICMP error that quotes `about`."""
    content = bytes(4) + about
    if ip_address(source).version == 4:
        return header(source, to, ICMP, icmp4(3 if kind is None else kind, 3, content))
    return header(source, to, ICMP6, icmp6(packed(source), packed(to), 1 if kind is None else kind, 4, content))


def quoted(error: bytes) -> bytes:
    """The packet that an ICMP error is about."""
    return error[28:] if error[0] >> 4 == 4 else error[48:]


def ends(packet: bytes) -> tuple[str, int, str, int]:
    """Source, its port, destination, its port. An echo's identifier is both ports."""
    family = packet[0] >> 4
    start, at = (12, 20) if family == 4 else (8, 40)
    half = (at - start) // 2
    ports = packet[at + 4 : at + 6] * 2 if packet[9 if family == 4 else 6] in (ICMP, ICMP6) else packet[at : at + 4]
    source, to = (str(ip_address(packet[n : n + half])) for n in (start, start + half))
    return source, int.from_bytes(ports[:2]), to, int.from_bytes(ports[2:])


def sums_are_right(packet: bytes) -> bool:
    """IPv4's header checksum, and that of TCP, UDP, SCTP or ICMP."""
    family = packet[0] >> 4
    at, protocol = (20, packet[9]) if family == 4 else (40, packet[6])
    if family == 4 and checksum(packet[:20]):
        return False
    body = packet[at:]
    if protocol == SCTP:
        return crc32c(body[:8] + bytes(4) + body[12:]) == int.from_bytes(body[8:12], "little")
    start = 12 if family == 4 else 8
    half = (at - start) // 2
    pseudo = pseudo_header(family, packet[start : start + half], packet[start + half : at], protocol, len(body))
    return checksum(body if protocol == ICMP else pseudo + body) == 0
