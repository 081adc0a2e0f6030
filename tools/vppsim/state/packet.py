"""One IP packet on its way through."""

from dataclasses import dataclass
from typing import Any

from tools.vppsim.cnat.sessions import Session
from tools.vppsim.packets.vnet import Vnet


@dataclass(slots=True)
class Passage:
    """What cnat, which sees a packet twice, remembers of it in between.

    `rx`: the interface it came in by, as source NAT sees it. `is_new`: the first of its flow, not all is decided.
    `is_return`: it is an answer. `no_return`: no session shall be made for answers.
    """

    session: Session
    rx: int
    is_new: bool = False
    is_return: bool = False
    no_return: bool = False


class Packet:
    """`data` starts at the IP header and is ours to change. `rx` is the interface it came in by.

    `local`: made or handed on by VPP itself, so its TTL is not counted down. `link_source`: the sender's MAC, empty
    if there is none. `nat`: what cnat knows of it, None if cnat has not seen it.
    """

    __slots__ = ("data", "family", "link_source", "local", "nat", "rx", "vnet")

    def __init__(
        self, data: bytes | bytearray, rx: int, vnet: Vnet | None = None, local: bool = False, link_source: bytes = b""
    ) -> None:
        self.data = data if isinstance(data, bytearray) else bytearray(data)
        self.rx = rx
        self.vnet = vnet
        self.local = local
        self.link_source = link_source
        self.nat: Passage | None = None
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

    def copy(self) -> "Packet":
        copy = Packet(bytearray(self.data), self.rx, self.vnet, self.local, self.link_source)
        copy.nat = self.nat
        return copy

    def __repr__(self) -> str:
        ends: Any = (self.source.hex(), self.destination.hex())
        return f"Packet({ends[0]} -> {ends[1]}, protocol {self.protocol}, {len(self.data)} bytes)"
