"""What cnat remembers of flows: one session for each, found by the flow and, once there is one, by its answers.

VPP: cnat_session.c, cnat_inline.h. A session exists for every TCP, UDP, SCTP and ICMP echo flow, translated or not, and
carries everything that was decided for its first packet. It ends when no packet came for its lifetime, or when its
backend was taken away; either is only noticed by the scanner.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tools.vppsim.cnat.five_tuple import FiveTuple
from tools.vppsim.cnat.translations import Tracker

IS_RETURN = 16
"""Flag of an entry in cnat_session_details."""
Key = tuple[FiveTuple, int]
"""A flow and the table that its packets come in by."""


@dataclass(slots=True)
class Session:
    """`first` is the flow as it came. The others are what its packets, and those of its answers, are turned into when
    they come in and when they leave; None: they stay as they are. `no_nat`: chosen, but carried as it is.

    `drop_input`, `drop_output`: the decision was to drop. `port`: source NAT's, to be given back. `last_seen` is in
    whole seconds as in VPP, `lifetime` in seconds.
    """

    index: int
    first: FiveTuple
    last_seen: int
    lifetime: int
    keys: list[Key]
    tracker: Tracker | None = None
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
    def answer(self) -> FiveTuple:
        """The flow of the answers, as they come in."""
        return (self.output or self.input or self.first).turned()


class Limits(NamedTuple):
    """How many sessions there may be, and how many of one family in one table."""

    all: int
    table: int


class Sessions:
    """The table. `lost(session)` is told of each that ended."""

    def __init__(self, limits: Limits, max_age_s: int, lost: Callable[[Session], None]) -> None:
        self._limits, self._max_age_s, self._lost = limits, max_age_s, lost
        self._by_table: Counter[tuple[int, int]] = Counter()
        self._entries: dict[Key, tuple[Session, bool]] = {}
        self._free: list[int] = []
        self._highest = 0
        self.count = 0

    def find(self, key: Key, now: int) -> tuple[Session, bool] | None:
        """The session of a packet and whether the packet answers it; it lives on from now."""
        found = self._entries.get(key)
        if found is not None:
            found[0].last_seen = now
        return found

    def open(self, key: Key, now: int) -> Session | None:
        """A session for the first packet of a flow; None: there are too many."""
        budget = _budget(key)
        if self.count >= self._limits.all or self._by_table[budget] >= self._limits.table:
            return None
        self.count += 1
        self._by_table[budget] += 1
        session = Session(self._index(), key[0], now, self._max_age_s, [key])
        self._entries[key] = session, False
        return session

    def answer(self, session: Session, table_id: int) -> bool:
        """Answers will come from table `table_id`. Whatever was known of that flow is forgotten, as VPP does it.

        False: the session has ended meanwhile.
        """
        if not session.keys:
            return False
        key = (session.answer, table_id)
        session.keys.append(key)
        self._entries[key] = session, True
        return True

    def scan(self, now: float) -> None:
        """End the stale ones."""
        for session in {id(session): session for session, _ in self._entries.values() if session.stale(now)}.values():
            self._end(session)

    def purge(self) -> None:
        """End all."""
        for session in {id(session): session for session, _ in self._entries.values()}.values():
            self._end(session)

    def listed(self) -> Iterator[tuple[Key, Session, bool]]:
        """Every entry: where it is found, the session, whether it is the one for answers."""
        return ((key, session, answers) for key, (session, answers) in list(self._entries.items()))

    def __len__(self) -> int:
        return len(self._entries)

    def _end(self, session: Session) -> None:
        for key in session.keys:
            known = self._entries.get(key)
            if known is not None and known[0] is session:
                del self._entries[key]
        self._by_table[_budget(session.keys[0])] -= 1
        session.keys.clear()
        self.count -= 1
        self._free.append(session.index)
        self._lost(session)

    def _index(self) -> int:
        if self._free:
            return self._free.pop()
        self._highest += 1
        return self._highest


def _budget(key: Key) -> tuple[int, int]:
    """Family and table, by which VPP counts."""
    five, table_id = key
    return 4 if len(five.ends) == 12 else 6, table_id
