"""One session for each flow, found by the flow and, once it is known, by the flow of its answers.

VPP: cnat_session.c, cnat_inline.h. A session exists for every TCP, UDP, SCTP and ICMP echo flow, translated or not, and
holds all decisions for its first packet. It ends when no packet came for its lifetime, or when its backend was removed;
only the scanner notices.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tools.vppsim.cnat.five_tuple import FiveTuple
from tools.vppsim.cnat.translations import EndpointTracker

IS_RETURN = 16
"""Flag of an entry in cnat_session_details."""
SessionKey = tuple[FiveTuple, int]
"""A flow and the table that its packets come in by."""


@dataclass(slots=True)
class CnatSession:
    """`first` is the flow as it came in.

    `input`, `output`: what its packets are rewritten to when they come in and when they leave; `return_input`,
    `return_output`: what those of its answers are rewritten to; None: they stay as they are. `no_nat`: the backend is
    chosen, but packets reach it as they are. `drop_input`, `drop_output`: the decision was to drop. `port`: source
    NAT's, to be given back. `last_seen` is in whole seconds as in VPP, `lifetime` in seconds.
    """

    index: int
    first: FiveTuple
    last_seen: int
    lifetime: int
    keys: list[SessionKey]
    tracker: EndpointTracker | None = None
    no_nat: bool = False
    input: FiveTuple | None = None
    output: FiveTuple | None = None
    return_input: FiveTuple | None = None
    return_output: FiveTuple | None = None
    drop_input: bool = False
    drop_output: bool = False
    port: int | None = None

    def stale(self, now: float) -> bool:
        return now > self.last_seen + self.lifetime or (self.tracker is not None and self.tracker.doomed)

    @property
    def answer_flow(self) -> FiveTuple:
        """The flow of the answers, as they come in."""
        return (self.output or self.input or self.first).reversed()


class SessionLimits(NamedTuple):
    """How many sessions there may be, and how many for one family in one table."""

    total: int
    per_table: int


class CnatSessions:
    """All sessions. `on_end(session)` is called for each that ends."""

    def __init__(self, limits: SessionLimits, max_age_s: int, on_end: Callable[[CnatSession], None]) -> None:
        self._limits, self._max_age_s, self._on_end = limits, max_age_s, on_end
        self._by_table: Counter[tuple[int, int]] = Counter()
        self._entries: dict[SessionKey, tuple[CnatSession, bool]] = {}
        self._free: list[int] = []
        self._highest = 0
        self.count = 0

    def find(self, key: SessionKey, now: int) -> tuple[CnatSession, bool] | None:
        """The session of a packet, and whether the packet is an answer; its lifetime begins anew."""
        match = self._entries.get(key)
        if match is not None:
            match[0].last_seen = now
        return match

    def begin(self, key: SessionKey, now: int) -> CnatSession | None:
        """Begin a session for the first packet of a flow; None: there are too many."""
        budget = _budget(key)
        if self.count >= self._limits.total or self._by_table[budget] >= self._limits.per_table:
            return None
        self.count += 1
        self._by_table[budget] += 1
        session = CnatSession(self._index(), key[0], now, self._max_age_s, [key])
        self._entries[key] = session, False
        return session

    def expect_answers(self, session: CnatSession, table_id: int) -> bool:
        """Expect answers in table `table_id`. An older session of that flow is no longer found, as in VPP.

        False: the session has ended meanwhile.
        """
        if not session.keys:
            return False
        key = (session.answer_flow, table_id)
        session.keys.append(key)
        self._entries[key] = session, True
        return True

    def scan(self, now: float) -> None:
        """End stale sessions."""
        for session in {id(session): session for session, _ in self._entries.values() if session.stale(now)}.values():
            self._end(session)

    def purge(self) -> None:
        """End all sessions."""
        for session in {id(session): session for session, _ in self._entries.values()}.values():
            self._end(session)

    def entries(self) -> Iterator[tuple[SessionKey, CnatSession, bool]]:
        """Every entry: its key, the session, whether the key is that of answers."""
        return ((key, session, answers) for key, (session, answers) in list(self._entries.items()))

    def __len__(self) -> int:
        return len(self._entries)

    def _end(self, session: CnatSession) -> None:
        for key in session.keys:
            match = self._entries.get(key)
            if match is not None and match[0] is session:
                del self._entries[key]
        self._by_table[_budget(session.keys[0])] -= 1
        session.keys.clear()
        self.count -= 1
        self._free.append(session.index)
        self._on_end(session)

    def _index(self) -> int:
        if self._free:
            return self._free.pop()
        self._highest += 1
        return self._highest


def _budget(key: SessionKey) -> tuple[int, int]:
    """Family and table: VPP bounds sessions by these."""
    five, table_id = key
    return five.family, table_id
