"""One IP packet on its way through VPP."""

from dataclasses import dataclass
from typing import Any

from tools.vppsim.cnat.sessions import CnatSession
from tools.vppsim.packets.offload import Offload


@dataclass(slots=True)
class CnatMetadata:
    """What cnat writes on a packet when it comes in, for when it leaves.

    `rx`: the interface it came in by, as source NAT sees it. `is_new`: the first packet of its flow, not decided yet.
    `is_return`: an answer. `no_return`: no session is made for answers.
    """

    session: CnatSession
    rx: int
    is_new: bool = False
    is_return: bool = False
    no_return: bool = False


class IpPacket:
    """`data` starts at the IP header and may be changed. `rx` is the interface it came in by.

    `locally_originated`: made or punted by VPP itself, so that its TTL is not counted down. `link_source`: the sender's
    MAC, empty if there is none. `cnat`: None if cnat has not seen it.
    """

    __slots__ = ("cnat", "data", "family", "link_source", "locally_originated", "offload", "rx")

    def __init__(
        self,
        data: bytes | bytearray,
        rx: int,
        offload: Offload | None = None,
        locally_originated: bool = False,
        link_source: bytes = b"",
    ) -> None:
        self.data = data if isinstance(data, bytearray) else bytearray(data)
        self.rx = rx
        self.offload = offload
        self.locally_originated = locally_originated
        self.link_source = link_source
        self.cnat: CnatMetadata | None = None
        self.family = self.data[0] >> 4 if self.data else 0

    @property
    def source(self) -> bytes:
        return bytes(self.data[12:16] if self.family == 4 else self.data[8:24])

    @property
    def destination(self) -> bytes:
        return bytes(self.data[16:20] if self.family == 4 else self.data[24:40])

    @property
    def protocol(self) -> int:
        return self.data[9] if self.family == 4 else self.data[6]

    @property
    def header_length(self) -> int:
        return (self.data[0] & 15) * 4 if self.family == 4 else 40

    @property
    def payload(self) -> memoryview:
        return memoryview(self.data)[self.header_length :]

    @property
    def is_later_fragment(self) -> bool:
        """An IPv4 fragment without the transport header."""
        return self.family == 4 and bool(int.from_bytes(self.data[6:8]) & 0x1FFF)

    @property
    def flow(self) -> int:
        """A number equal for all packets of one connection."""
        ports = b"" if self.is_later_fragment else bytes(self.payload[:4])
        return hash((self.source, self.destination, self.protocol, ports))

    def copy(self) -> "IpPacket":
        copy = IpPacket(bytearray(self.data), self.rx, self.offload, self.locally_originated, self.link_source)
        copy.cnat = self.cnat
        return copy

    def __repr__(self) -> str:
        ends: Any = (self.source.hex(), self.destination.hex())
        return f"IpPacket({ends[0]} -> {ends[1]}, protocol {self.protocol}, {len(self.data)} bytes)"
