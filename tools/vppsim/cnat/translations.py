"""Virtual addresses and the backends behind them (VPP: cnat_translation.c, cnat_client.c).

Each backend of a translation has a tracker. An update keeps the trackers of the backends that stay, flags and all, and
dooms those of the ones that go: the scanner then ends their sessions. How a translation balances is decided when it is
created; updates do not change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.vppsim.cnat import flow_hash, maglev
from tools.vppsim.retvals import VnetError, VppRefused

NO_NAT, ACTIVE, DOOMED, NOT_IN_MAGLEV = 2, 4, 8, 128
NO_RETURN_SESSION = 4
LB_MAGLEV = 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address (4 or 16 bytes) and a port."""

    address: bytes
    port: int


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a path leads, and the source that comes with it: part of its identity, of no effect on packets."""

    destination: Endpoint
    source: Endpoint


@dataclass(slots=True)
class Tracker:
    """A backend in use. `flags` are as VPP keeps and dumps them."""

    backend: Backend
    flags: int

    @property
    def doomed(self) -> bool:
        return bool(self.flags & DOOMED)


@dataclass(slots=True)
class Translation:
    """One virtual address, port and protocol. `buckets` is the Maglev table."""

    index: int
    vip: Endpoint
    protocol: int
    lb_type: int
    hash_mask: int
    flags: int = 0
    trackers: list[Tracker] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)

    def choose(self, packet: bytearray) -> Tracker | None:
        """The backend for a flow, by the flow hash of its first packet; None: there is none."""
        active = [tracker for tracker in self.trackers if tracker.flags & ACTIVE]
        if not active:
            return None
        number = flow_hash.flow_hash(packet, self.hash_mask or flow_hash.DEFAULT)
        if self.lb_type != LB_MAGLEV:
            return active[number % len(active)]
        position = self.buckets[number % len(self.buckets)]
        return active[position] if 0 <= position < len(active) else None


@dataclass(slots=True)
class Client:
    """VPP's record of a virtual address: translations that use it and flows that ever did."""

    translations: int = 0
    sessions: int = 0


class Translations:
    """All of them. `maglev_length`: buckets of each Maglev table."""

    def __init__(self, maglev_length: int) -> None:
        self._maglev_length = maglev_length
        self.by_index: dict[int, Translation] = {}
        self.clients: dict[bytes, Client] = {}
        self._by_vip: dict[tuple[bytes, int, int], Translation] = {}
        self._free: list[int] = []

    def find(self, vip: bytes, port: int, protocol: int) -> Translation | None:
        return self._by_vip.get((vip, port, protocol))

    def update(
        self, vip: Endpoint, protocol: int, paths: Sequence[tuple[Backend, int]], flags: int, lb_type: int, mask: int
    ) -> Translation:
        """Create or change; a path is a backend and its flags. `lb_type` and `mask` count only at creation."""
        translation = self.find(vip.address, vip.port, protocol) or self._create(vip, protocol, lb_type, mask)
        translation.flags = flags
        translation.trackers = _tracked(translation.trackers, paths)
        if translation.lb_type == LB_MAGLEV and translation.trackers:
            translation.buckets = maglev.buckets(_in_maglev(translation.trackers), self._maglev_length)
        return translation

    def delete(self, index: int) -> None:
        """Raises VppRefused(NO_SUCH_ENTRY)."""
        translation = self.by_index.pop(index, None)
        if translation is None:
            raise VppRefused(VnetError.NO_SUCH_ENTRY)
        for tracker in translation.trackers:
            tracker.flags |= DOOMED
        del self._by_vip[translation.vip.address, translation.vip.port, translation.protocol]
        self._free.append(index)
        client = self.clients[translation.vip.address]
        client.translations -= 1
        if not client.translations and not client.sessions:
            del self.clients[translation.vip.address]

    def purge(self) -> None:
        for index in sorted(self.by_index):
            self.delete(index)

    def _create(self, vip: Endpoint, protocol: int, lb_type: int, mask: int) -> Translation:
        index = self._free.pop() if self._free else len(self.by_index)
        translation = Translation(index, vip, protocol, lb_type, mask)
        self.by_index[index] = translation
        self._by_vip[vip.address, vip.port, protocol] = translation
        self.clients.setdefault(vip.address, Client()).translations += 1
        return translation


def _tracked(known: Sequence[Tracker], paths: Sequence[tuple[Backend, int]]) -> list[Tracker]:
    """Trackers in the order of the paths: kept ones, and new ones for the rest; those without a path are doomed.

    A backend that is given twice keeps its tracker for the first of the two.
    """
    places = {backend: place for place, (backend, _) in reversed(list(enumerate(paths)))}
    kept: dict[int, Tracker] = {}
    for tracker in known:
        place = places.get(tracker.backend)
        if place is None:
            tracker.flags |= DOOMED
        else:
            kept[place] = tracker
    return [kept.get(place) or Tracker(backend, flags | ACTIVE) for place, (backend, flags) in enumerate(paths)]


def _in_maglev(trackers: Sequence[Tracker]) -> list[tuple[bytes, int] | None]:
    ends = [(tracker.backend.destination, tracker.flags) for tracker in trackers]
    return [None if flags & NOT_IN_MAGLEV else (end.address, end.port) for end, flags in ends]
