"""Neighbours: which MAC answers for an address on a link (VPP: vnet/ip-neighbor/ip_neighbor.c).

Static entries come from the API and are never overwritten by what is heard. Learnt ones age if the API set an age: they
are probed, and removed after three probes without answer. Packets for an address that is being resolved wait here, at
most WAITING_MAX of them for WAIT_S_MAX seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.vppsim.packets.headers import family_of
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state.packet import IpPacket

WAITING_MAX = 16
WAIT_S_MAX = 3.0
ASK_INTERVAL_S = 0.5
PROBES_MAX = 3

NeighbourKey = tuple[int, bytes]
"""Interface and address."""


@dataclass(slots=True)
class NeighbourEntry:
    """What answers for an address; `heard_at` in seconds, `probes` since then."""

    mac: bytes
    static: bool
    heard_at: float
    probes: int = 0


@dataclass(slots=True)
class NeighbourConfig:
    """The API's ip_neighbor_config of one family: entries, seconds (0: no ageing), whether old ones make room."""

    number: int = 50000
    age_s: int = 0
    recycle: bool = False


@dataclass(slots=True)
class NeighbourResolution:
    """An address being resolved."""

    since: float
    asked_at: float
    packets: list[IpPacket] = field(default_factory=list)


class NeighbourTable:
    """`solicit(if_index, address)` asks the link; `on_added(key)`, `on_removed(key)` follow each change."""

    def __init__(
        self,
        solicit: Callable[[int, bytes], None],
        on_added: Callable[[NeighbourKey], None],
        on_removed: Callable[[NeighbourKey], None],
    ) -> None:
        self.config = {4: NeighbourConfig(), 6: NeighbourConfig()}
        self._entries: dict[NeighbourKey, NeighbourEntry] = {}
        self._resolutions: dict[NeighbourKey, NeighbourResolution] = {}
        self._solicit, self._on_added, self._on_removed = solicit, on_added, on_removed

    def mac(self, if_index: int, address: bytes) -> bytes | None:
        neighbour = self._entries.get((if_index, address))
        return neighbour.mac if neighbour else None

    def entries(self, family: int, if_index: int = INDEX_INVALID) -> list[tuple[NeighbourKey, NeighbourEntry]]:
        """All of a family, on one interface or all."""
        size = 4 if family == 4 else 16
        return [
            (key, value)
            for key, value in self._entries.items()
            if len(key[1]) == size and if_index in (INDEX_INVALID, key[0])
        ]

    def add(self, key: NeighbourKey, mac: bytes, now: float, static: bool, in_fib: bool = True) -> list[IpPacket]:
        """Set an entry; returns the packets that waited for it. Raises VppRefused as VPP's API does."""
        entry = self._entries.get(key)
        if entry is not None and entry.static and not static:
            if entry.mac != mac:
                raise VppRefused(-2)
            return []
        if entry is None and self._full(key):
            raise VppRefused(VnetError.LIMIT_EXCEEDED)
        self._entries[key] = NeighbourEntry(mac, static or (entry is not None and entry.static), now)
        if in_fib:
            self._on_added(key)
        resolution = self._resolutions.pop(key, None)
        return resolution.packets if resolution else []

    def learn(self, key: NeighbourKey, mac: bytes, now: float) -> list[IpPacket]:
        """Heard on the wire; a static entry or a full table wins."""
        try:
            return self.add(key, mac, now, static=False)
        except VppRefused:
            return []

    def remove(self, key: NeighbourKey) -> None:
        """Raises VppRefused(NO_SUCH_ENTRY)."""
        if self._entries.pop(key, None) is None:
            raise VppRefused(VnetError.NO_SUCH_ENTRY)
        self._on_removed(key)

    def flush(self, if_index: int, keep_static: bool) -> None:
        """The interface went down (static entries stay) or away."""
        for key in [k for k, n in self._entries.items() if k[0] == if_index and not (keep_static and n.static)]:
            self.remove(key)
        for key in [k for k in self._resolutions if k[0] == if_index]:
            del self._resolutions[key]

    def resolve(self, key: NeighbourKey, packet: IpPacket, now: float) -> None:
        """Keep `packet` until `key` is resolved, and ask for it, not too often."""
        resolution = self._resolutions.get(key)
        if resolution is None:
            resolution = self._resolutions[key] = NeighbourResolution(now, now)
            self._solicit(*key)
        elif now - resolution.asked_at >= ASK_INTERVAL_S:
            resolution.asked_at = now
            self._solicit(*key)
        if len(resolution.packets) < WAITING_MAX:
            resolution.packets.append(packet)

    def tick(self, now: float) -> None:
        """Once a second: solicit again, give up, age."""
        for key, resolution in list(self._resolutions.items()):
            if now - resolution.since > WAIT_S_MAX:
                del self._resolutions[key]
            else:
                self._solicit(*key)
        for key, neighbour in list(self._entries.items()):
            self._age(key, neighbour, now)

    def _age(self, key: NeighbourKey, neighbour: NeighbourEntry, now: float) -> None:
        age_max = self.config[family_of(key[1])].age_s
        if neighbour.static or not age_max or now - neighbour.heard_at < age_max:
            return
        if neighbour.probes >= PROBES_MAX:
            self.remove(key)
        else:
            neighbour.probes += 1
            self._solicit(*key)

    def _full(self, key: NeighbourKey) -> bool:
        family = family_of(key[1])
        config, entries = self.config[family], self.entries(family) if len(self._entries) >= 1000 else []
        if config.number == 0 or len(entries) < config.number:
            return False
        learnt = [(entry.heard_at, k) for k, entry in entries if not entry.static]
        if not config.recycle or not learnt:
            return True
        self.remove(min(learnt)[1])
        return False
