"""Which flow a packet belongs to, as VPP reads it (VPP: cnat_make_buffer_5tuple).

Transport headers are read right behind the fixed IP header: IPv4 options, IPv6 extension headers and fragments are not
looked for: what stands there counts as ports.
"""

from typing import NamedTuple

from tools.vppsim.packets.flow import Flow
from tools.vppsim.packets.headers import ICMP, ICMP6, TCP, UDP

SCTP = 132
WITH_PORTS = frozenset((TCP, UDP, SCTP))
HEADER = {4: 20, 6: 40}
ADDRESSES = {4: 12, 6: 8}
"""Where the source address begins; the destination follows, and behind it, without options, the ports."""
ECHOES = {4: (8, 0), 6: (128, 129)}
ERRORS = {4: (3, 4, 5, 6, 11, 12), 6: (1, 3, 4)}
"""Types that VPP takes for errors about a flow; IPv6's "Packet too big" (2) is missing."""
ICMPS = {4: ICMP, 6: ICMP6}
QUOTE = 8
"""Where in an ICMP error the quoted packet begins."""


class FiveTuple(NamedTuple):
    """`ends` is source, destination, source port, destination port, as in a packet: 12 or 36 bytes."""

    ends: bytes
    protocol: int

    @property
    def family(self) -> int:
        return 4 if len(self.ends) == 12 else 6

    @property
    def addresses(self) -> bytes:
        return self.ends[:-4]

    @property
    def source(self) -> bytes:
        return self.ends[: len(self.ends) // 2 - 2]

    @property
    def destination(self) -> bytes:
        return self.ends[len(self.ends) // 2 - 2 : -4]

    @property
    def source_port(self) -> bytes:
        return self.ends[-4:-2]

    @property
    def destination_port(self) -> bytes:
        return self.ends[-2:]

    def reversed(self) -> "FiveTuple":
        """The flow of the answers."""
        half = len(self.ends) // 2 - 2
        ends = self.ends
        return FiveTuple(ends[half:-4] + ends[:half] + ends[-2:] + ends[-4:-2], self.protocol)

    def with_destination(self, destination: bytes, port: bytes) -> "FiveTuple":
        """This flow with another destination."""
        return FiveTuple(self.source + destination + self.source_port + port, self.protocol)

    def with_source(self, source: bytes, port: bytes) -> "FiveTuple":
        """This flow with another source."""
        return FiveTuple(source + self.destination + port + self.destination_port, self.protocol)

    def flow(self) -> Flow:
        """The flow as policies see it."""
        ports = int.from_bytes(self.source_port), int.from_bytes(self.destination_port)
        return Flow(self.family, self.protocol, self.source, self.destination, *ports)


def five_tuple_of(data: bytearray) -> FiveTuple | None:
    """The flow of an IP packet; None: it belongs to none, and cnat lets it pass."""
    family = data[0] >> 4
    protocol = data[9] if family == 4 else data[6]
    start, header = ADDRESSES[family], HEADER[family]
    if protocol in WITH_PORTS:
        ends = bytes(data[start : header + 4])
        return FiveTuple(ends, protocol) if len(ends) == header + 4 - start else None
    if protocol != ICMPS[family] or len(data) < header + 8:
        return None
    if data[header] in ECHOES[family]:
        identifier = bytes(data[header + 4 : header + 6])
        return FiveTuple(bytes(data[start:header]) + identifier * 2, protocol)
    return _quoted(data[header + QUOTE :], family) if data[header] in ERRORS[family] else None


def _quoted(inner: bytearray, family: int) -> FiveTuple | None:
    """The reversed flow of the packet that an ICMP error quotes; None for ICMP that is no echo."""
    start, header = ADDRESSES[family], HEADER[family]
    if len(inner) < header + 8:
        return None
    protocol = inner[9] if family == 4 else inner[6]
    if protocol != ICMPS[family]:
        return FiveTuple(bytes(inner[start : header + 4]), protocol).reversed()
    if inner[header] not in ECHOES[family]:
        return None
    return FiveTuple(bytes(inner[start:header]) + bytes(inner[header + 4 : header + 6]) * 2, protocol).reversed()
