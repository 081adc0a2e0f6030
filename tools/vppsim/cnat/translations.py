"""Virtual addresses and the backends behind them (VPP: cnat_translation.c, cnat_client.c).

Each backend of a translation has a tracker. An update keeps the trackers of backends that stay, with their flags, and
dooms those of removed backends: the scanner then ends their sessions. How a translation balances is decided when it is
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
class CnatEndpoint:
    """An address (4 or 16 bytes) and a port."""

    address: bytes
    port: int


@dataclass(frozen=True, slots=True)
class EndpointTuple:
    """A backend. `source` is part of its identity, and has no effect on packets."""

    destination: CnatEndpoint
    source: CnatEndpoint


@dataclass(slots=True)
class EndpointTracker:
    """A backend of a translation. `flags` are those that VPP keeps and dumps."""

    backend: EndpointTuple
    flags: int

    @property
    def doomed(self) -> bool:
        return bool(self.flags & DOOMED)


@dataclass(slots=True)
class CnatTranslation:
    """A virtual address, port and protocol with its backends. `buckets` is the Maglev table."""

    index: int
    vip: CnatEndpoint
    protocol: int
    lb_type: int
    hash_mask: int
    flags: int = 0
    trackers: list[EndpointTracker] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)

    def choose(self, packet: bytearray) -> EndpointTracker | None:
        """The backend for a flow, by the hash of its first packet; None: no backend is active."""
        active = [tracker for tracker in self.trackers if tracker.flags & ACTIVE]
        if not active:
            return None
        number = flow_hash.flow_hash(packet, self.hash_mask or flow_hash.DEFAULT)
        if self.lb_type != LB_MAGLEV:
            return active[number % len(active)]
        position = self.buckets[number % len(self.buckets)]
        return active[position] if 0 <= position < len(active) else None


@dataclass(slots=True)
class CnatClient:
    """VPP's record of a virtual address: translations that use it now, sessions that ever used it."""

    translations: int = 0
    sessions: int = 0


class CnatTranslations:
    """All translations. `maglev_length`: buckets of each Maglev table."""

    def __init__(self, maglev_length: int) -> None:
        self._maglev_length = maglev_length
        self.by_index: dict[int, CnatTranslation] = {}
        self.clients: dict[bytes, CnatClient] = {}
        self._by_vip: dict[tuple[bytes, int, int], CnatTranslation] = {}
        self._free: list[int] = []

    def find(self, vip: bytes, port: int, protocol: int) -> CnatTranslation | None:
        return self._by_vip.get((vip, port, protocol))

    def update(
        self,
        vip: CnatEndpoint,
        protocol: int,
        paths: Sequence[tuple[EndpointTuple, int]],
        flags: int,
        lb_type: int,
        mask: int,
    ) -> CnatTranslation:
        """Create or change a translation. A path is a backend and its flags; `lb_type` and `mask` count at creation."""
        translation = self.find(vip.address, vip.port, protocol) or self._create(vip, protocol, lb_type, mask)
        translation.flags = flags
        translation.trackers = _tracked(translation.trackers, paths)
        if translation.lb_type == LB_MAGLEV and translation.trackers:
            translation.buckets = maglev.fill_buckets(_in_maglev(translation.trackers), self._maglev_length)
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

    def _create(self, vip: CnatEndpoint, protocol: int, lb_type: int, mask: int) -> CnatTranslation:
        index = self._free.pop() if self._free else len(self.by_index)
        translation = CnatTranslation(index, vip, protocol, lb_type, mask)
        self.by_index[index] = translation
        self._by_vip[vip.address, vip.port, protocol] = translation
        self.clients.setdefault(vip.address, CnatClient()).translations += 1
        return translation


def _tracked(trackers: Sequence[EndpointTracker], paths: Sequence[tuple[EndpointTuple, int]]) -> list[EndpointTracker]:
    """Trackers in the order of the paths, old ones where the backend stays; those without a path are doomed.

    A backend that occurs twice keeps its tracker for its first path.
    """
    places = {backend: place for place, (backend, _) in reversed(list(enumerate(paths)))}
    by_place: dict[int, EndpointTracker] = {}
    for tracker in trackers:
        place = places.get(tracker.backend)
        if place is None:
            tracker.flags |= DOOMED
        else:
            by_place[place] = tracker
    return [
        by_place.get(place) or EndpointTracker(backend, flags | ACTIVE) for place, (backend, flags) in enumerate(paths)
    ]


def _in_maglev(trackers: Sequence[EndpointTracker]) -> list[tuple[bytes, int] | None]:
    ends = [(tracker.backend.destination, tracker.flags) for tracker in trackers]
    return [None if flags & NOT_IN_MAGLEV else (end.address, end.port) for end, flags in ends]
