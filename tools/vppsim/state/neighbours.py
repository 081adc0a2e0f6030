"""Neighbours: which MAC answers for an address on a link (VPP: vnet/ip-neighbor/ip_neighbor.c).

Static entries come from the API and are never overwritten by what is heard. Learnt ones age when the API gave an age:
then they are asked again, and forgotten after three questions without answer. Packets for an address that is being
resolved wait here, a few and not for long.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state.packet import Packet

WAITING_MAX = 16
WAIT_S_MAX = 3.0
ASK_INTERVAL_S = 0.5
PROBES_MAX = 3

Key = tuple[int, bytes]
"""Interface and address."""


@dataclass(slots=True)
class Neighbour:
    mac: bytes
    static: bool
    heard_at: float
    probes: int = 0


@dataclass(slots=True)
class Limits:
    """The API's ip_neighbor_config of one family: entries, seconds (0: no ageing), whether old ones make room."""

    number: int = 50000
    age_s: int = 0
    recycle: bool = False


@dataclass(slots=True)
class Question:
    """An address being resolved."""

    since: float
    asked_at: float
    packets: list[Packet] = field(default_factory=list)


class Neighbours:
    """`ask(if_index, address)` sends a solicitation, `found(key)` / `lost(key)` tell of changes."""

    def __init__(
        self, ask: Callable[[int, bytes], None], found: Callable[[Key], None], lost: Callable[[Key], None]
    ) -> None:
        self.limits = {4: Limits(), 6: Limits()}
        self._known: dict[Key, Neighbour] = {}
        self._asked: dict[Key, Question] = {}
        self._ask, self._found, self._lost = ask, found, lost

    def mac(self, if_index: int, address: bytes) -> bytes | None:
        neighbour = self._known.get((if_index, address))
        return neighbour.mac if neighbour else None

    def listed(self, family: int, if_index: int = INDEX_INVALID) -> list[tuple[Key, Neighbour]]:
        """All of a family, on one interface or all."""
        size = 4 if family == 4 else 16
        return [
            (key, value)
            for key, value in self._known.items()
            if len(key[1]) == size and if_index in (INDEX_INVALID, key[0])
        ]

    def add(self, key: Key, mac: bytes, now: float, static: bool, in_fib: bool = True) -> list[Packet]:
        """Set an entry; returns the packets that waited for it. Raises VppRefused as VPP's API does."""
        known = self._known.get(key)
        if known is not None and known.static and not static:
            if known.mac != mac:
                raise VppRefused(-2)
            return []
        if known is None and self._full(key):
            raise VppRefused(VnetError.LIMIT_EXCEEDED)
        self._known[key] = Neighbour(mac, static or (known is not None and known.static), now)
        if in_fib:
            self._found(key)
        question = self._asked.pop(key, None)
        return question.packets if question else []

    def learn(self, key: Key, mac: bytes, now: float) -> list[Packet]:
        """Heard on the wire; a static entry or a full table wins."""
        try:
            return self.add(key, mac, now, static=False)
        except VppRefused:
            return []

    def remove(self, key: Key) -> None:
        """Raises VppRefused(NO_SUCH_ENTRY)."""
        if self._known.pop(key, None) is None:
            raise VppRefused(VnetError.NO_SUCH_ENTRY)
        self._lost(key)

    def flush(self, if_index: int, keep_static: bool) -> None:
        """The interface went down (static entries stay) or away."""
        for key in [k for k, n in self._known.items() if k[0] == if_index and not (keep_static and n.static)]:
            self.remove(key)
        for key in [k for k in self._asked if k[0] == if_index]:
            del self._asked[key]

    def resolve(self, key: Key, packet: Packet, now: float) -> None:
        """Keep `packet` until `key` is known, and ask for it, not too often."""
        question = self._asked.get(key)
        if question is None:
            question = self._asked[key] = Question(now, now)
            self._ask(*key)
        elif now - question.asked_at >= ASK_INTERVAL_S:
            question.asked_at = now
            self._ask(*key)
        if len(question.packets) < WAITING_MAX:
            question.packets.append(packet)

    def tick(self, now: float) -> None:
        """Once a second or so: ask again, give up, age."""
        for key, question in list(self._asked.items()):
            if now - question.since > WAIT_S_MAX:
                del self._asked[key]
            else:
                self._ask(*key)
        for key, neighbour in list(self._known.items()):
            self._age(key, neighbour, now)

    def _age(self, key: Key, neighbour: Neighbour, now: float) -> None:
        age_max = self.limits[4 if len(key[1]) == 4 else 6].age_s
        if neighbour.static or not age_max or now - neighbour.heard_at < age_max:
            return
        if neighbour.probes >= PROBES_MAX:
            self.remove(key)
        else:
            neighbour.probes += 1
            self._ask(*key)

    def _full(self, key: Key) -> bool:
        family = 4 if len(key[1]) == 4 else 6
        limits, entries = self.limits[family], self.listed(family) if len(self._known) >= 1000 else []
        if limits.number == 0 or len(entries) < limits.number:
            return False
        learnt = [(entry.heard_at, k) for k, entry in entries if not entry.static]
        if not limits.recycle or not learnt:
            return True
        self.remove(min(learnt)[1])
        return False
