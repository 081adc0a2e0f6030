"""vppsim without devices: tests put frames in, and read the frames that come out."""

import io
from ipaddress import ip_address
from typing import Any, cast

from bus.log import ProcessLog
from tools.vppsim.cnat.settings import DEFAULTS, CnatSettings
from tools.vppsim.devices.maker import DeviceMaker
from tools.vppsim.fib.paths import FibEntryFlag, FibPath, FibSource
from tools.vppsim.packets.checksum import checksum, pseudo_header
from tools.vppsim.packets.headers import ETHERTYPES, ip4_header, ip6_header
from tools.vppsim.packets.offload import Offload
from tools.vppsim.state import addressing, lifecycle
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.vpp import Vpp

VPP_MAC, NEIGHBOUR_MAC, STRANGER_MAC = (bytes.fromhex(f"0200000000{end}") for end in ("01", "99", "77"))


class Wire:
    """A device that records the frames transmitted through it."""

    def __init__(self) -> None:
        self.frames: list[tuple[Offload | None, bytes]] = []

    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None:
        self.frames.append((offload, header + bytes(payload)))

    def close(self) -> None:
        return None


class Bench(Vpp):
    """VPP with a clock that tests move."""

    def __init__(self, answers_ping: bool = True, cnat: CnatSettings = DEFAULTS) -> None:
        self.time = 1000.0
        log = ProcessLog("test", stream=io.StringIO())
        super().__init__(cast(DeviceMaker, None), log, answers_ping, cnat, now=lambda: self.time)

    def wire(self, *addresses: str, mac: bytes = VPP_MAC, **settings: Any) -> "Port":
        """An Ethernet interface that is up, with addresses."""
        return self._plug(Interface(f"eth{len(list(self.interfaces))}", "tap", mac, **settings), addresses)

    def tun(self, *addresses: str, **settings: Any) -> "Port":
        """A tun that is up."""
        return self._plug(Interface(f"tun{len(list(self.interfaces))}", "tap", **settings), addresses)

    def _plug(self, interface: Interface, addresses: tuple[str, ...]) -> "Port":
        interface.device = Wire()
        lifecycle.add(self, interface)
        lifecycle.set_admin(self, interface, True)
        for text in addresses:
            address, _, length = text.partition("/")
            packed = ip_address(address).packed
            addressing.add(self, interface, 4 if len(packed) == 4 else 6, packed, int(length))
        return Port(self, interface)

    def route(self, prefix: str, *paths: FibPath, table: int = 0) -> None:
        """An API route."""
        address, _, length = prefix.partition("/")
        packed = ip_address(address).packed
        attached = any(path.if_index != 0xFFFFFFFF and path.next_hop in (b"", packed) for path in paths)
        flags = FibEntryFlag.ATTACHED if attached else FibEntryFlag.NONE
        family = 4 if len(packed) == 4 else 6
        self.tables.unicast[family, table].set_source(packed, int(length), FibSource.API, paths, flags)
        self.invalidate_forwarding()


class Port:
    """An interface of a Bench, and the wire behind it."""

    def __init__(self, bench: Bench, interface: Interface) -> None:
        self.bench, self.interface, self.index = bench, interface, interface.index

    def receives(
        self, packet: bytes, offload: Offload | None = None, to: bytes = b"", source: bytes = NEIGHBOUR_MAC
    ) -> None:
        """An IP packet (with a link header put before it on Ethernet) comes in."""
        link = (to or self.interface.mac) + source + ETHERTYPES[packet[0] >> 4] if self.interface.ethernet else b""
        self.bench.device_input.receive(self.index, link + packet, offload)

    def frame(self, frame: bytes) -> None:
        self.bench.device_input.receive(self.index, frame)

    @property
    def transmitted(self) -> list[bytes]:
        """Frames transmitted since the last call."""
        return [frame for _, frame in self.transmitted_with_offloads]

    @property
    def transmitted_with_offloads(self) -> list[tuple[Offload | None, bytes]]:
        device = cast(Wire, self.interface.device)
        frames, device.frames = device.frames, []
        return frames

    def add_neighbour(self, address: str, mac: bytes = NEIGHBOUR_MAC) -> None:
        """Add a static neighbour."""
        self.bench.neighbours.add((self.index, ip_address(address).packed), mac, self.bench.time, static=True)


def packed(text: str) -> bytes:
    return ip_address(text).packed


def udp(
    source: str, to: str, size: int = 8, ttl: int = 64, ports: tuple[int, int] = (1000, 2000), df: bool = False
) -> bytes:
    """A UDP packet with a good checksum and `size` bytes of payload."""
    a, b, family = packed(source), packed(to), ip_address(source).version
    body = (
        ports[0].to_bytes(2)
        + ports[1].to_bytes(2)
        + (8 + size).to_bytes(2)
        + bytes(2)
        + bytes(range(256)) * (size // 256 + 1)
    )
    body = body[: 8 + size]
    total = checksum(pseudo_header(family, a, b, 17, len(body)) + body) or 0xFFFF
    body = body[:6] + total.to_bytes(2) + body[8:]
    if family == 6:
        return ip6_header(a, b, 17, len(body), ttl) + body
    header = bytearray(ip4_header(a, b, 17, len(body), ttl))
    if df:
        header[6] |= 0x40
        header[10:12] = bytes(2)
        header[10:12] = checksum(header).to_bytes(2)
    return bytes(header) + body


def tcp(source: str, to: str, payload: bytes, flags: int = 0x18) -> tuple[bytes, int]:
    """A TCP packet whose checksum is left to do, as Linux hands it over; and where TCP begins."""
    a, b, family = packed(source), packed(to), ip_address(source).version
    head = (
        (1000).to_bytes(2)
        + (2000).to_bytes(2)
        + (5000).to_bytes(4)
        + bytes(4)
        + bytes([0x50, flags])
        + (512).to_bytes(2)
    )
    length = 20 + len(payload)
    partial = ~checksum(pseudo_header(family, a, b, 6, length)) & 0xFFFF
    body = head + partial.to_bytes(2) + bytes(2) + payload
    header = ip4_header(a, b, 6, length) if family == 4 else ip6_header(a, b, 6, length)
    return header + body, len(header)


def transport_sum_is_right(packet: bytes) -> bool:
    """Does the packet's TCP, UDP or ICMPv6 checksum hold?"""
    family = packet[0] >> 4
    start = (packet[0] & 15) * 4 if family == 4 else 40
    ends = (packet[12:16], packet[16:20]) if family == 4 else (packet[8:24], packet[24:40])
    protocol = packet[9] if family == 4 else packet[6]
    return checksum(pseudo_header(family, *ends, protocol, len(packet) - start) + packet[start:]) == 0
