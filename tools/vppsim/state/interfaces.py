"""Interfaces, their settings, and the pool that gives them their sw_if_index.

A freed index is given out again, the last freed first, as in VPP's pools. Index 0 is `local0`, which has no use.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tools.vppsim.packets.offload import Offload
from tools.vppsim.retvals import VnetError, VppRefused

ETHERNET_MTU_DEFAULT = 9000
TAG_LENGTH_MAX = 63
LOCAL0 = 0


class Device(Protocol):
    """The Linux end of an interface; the edge of the process."""

    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None:
        """Send one frame, `header` before `payload`; what cannot be sent is lost, as on a wire."""

    def close(self) -> None: ...


@dataclass
class Interface:
    """`mtu` is VPP's four (L3, IP4, IP6, MPLS), 0 = as L3. Addresses are (bytes, prefix length) by family.

    `mac` empty: no Ethernet (tun). `dev_type` is VPP's device class. `ip6_enable_count`: IPv6 is on while it is not 0;
    `link_local` is then the address. `link_follows_admin`: a link without a wire, up when VPP says so. `offload_*`: the
    device takes unfinished checksums, unsegmented packets. `rx_queues` are shown; packets come in by one.
    """

    name: str
    dev_type: str
    mac: bytes = b""
    index: int = 0
    device: Device | None = None
    tag: str = ""
    admin_up: bool = False
    link_up: bool = True
    link_follows_admin: bool = False
    link_mtu: int = ETHERNET_MTU_DEFAULT
    mtu: list[int] = field(default_factory=lambda: [ETHERNET_MTU_DEFAULT, 0, 0, 0])
    promiscuous: bool = False
    offload_checksum: bool = False
    offload_segmentation: bool = False
    gso_feature: bool = False
    rx_mode: int = 1
    rx_queues: int = 1
    tables: dict[int, int] = field(default_factory=lambda: {4: 0, 6: 0})
    addresses: dict[int, list[tuple[bytes, int]]] = field(default_factory=lambda: {4: [], 6: []})
    unnumbered: int | None = None
    ip6_enable_count: int = 0
    link_local: bytes = b""
    proxy_arp: bool = False
    nd_proxy: bool = False
    routes: list[tuple[int, int, bytes, int]] = field(default_factory=list)

    @property
    def ethernet(self) -> bool:
        return bool(self.mac)

    @property
    def usable(self) -> bool:
        return self.admin_up and self.link_up

    def ip_enabled(self, family: int) -> bool:
        """Is IPv4 or IPv6 on? Otherwise packets that come in are dropped."""
        if self.unnumbered is not None:
            return True
        return bool(self.addresses[4]) if family == 4 else self.ip6_enable_count > 0

    def mtu_of(self, family: int) -> int:
        """Bytes of an IP packet that fit; 0 means no limit."""
        return self.mtu[1 if family == 4 else 2] or self.mtu[0]


class InterfacePool:
    """Interfaces by sw_if_index."""

    def __init__(self) -> None:
        self._by_index: dict[int, Interface] = {}
        self._free: list[int] = []
        self.add(Interface("local0", "local", mtu=[0, 0, 0, 0], link_mtu=0, link_up=False))

    def add(self, interface: Interface) -> Interface:
        interface.index = self._free.pop() if self._free else len(self._by_index)
        self._by_index[interface.index] = interface
        return interface

    def remove(self, index: int) -> None:
        del self._by_index[index]
        self._free.append(index)

    def find(self, index: int, error: VnetError = VnetError.INVALID_SW_IF_INDEX) -> Interface:
        """Raises VppRefused(error) if there is none."""
        interface = self._by_index.get(index)
        if interface is None:
            raise VppRefused(error)
        return interface

    def get(self, index: int) -> Interface | None:
        return self._by_index.get(index)

    def usable(self, index: int) -> bool:
        interface = self._by_index.get(index)
        return interface is not None and interface.usable

    def __iter__(self) -> Iterator[Interface]:
        """By rising index."""
        return iter([self._by_index[index] for index in sorted(self._by_index)])
