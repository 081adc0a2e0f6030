"""What one event set off: all that names it as its cause, across processes, with the time of each hop."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

from tools.tap.seen import Seen


class Hop(Struct, frozen=True):
    """`after_s`: since the first of its chain; `hop_s`: since the one before."""

    seen: Seen
    after_s: float
    hop_s: float


class Chain:
    """All hops of the causes that fit a pattern, in the order in which they are heard."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._first: float | None = None
        self._last = 0.0

    def fits(self, seen: Seen) -> bool:
        """Does it belong to it? A name without its time (`cni-add/x/a/eth0`) stands for every such event."""
        name = seen.cause.partition("#")[0]
        return bool(seen.cause) and any(fnmatchcase(text, self._pattern) for text in (seen.cause, name))

    def hop(self, seen: Seen) -> Hop:
        """The next one. What is said to have been before the last counts as no time."""
        began = seen.time - seen.took_s if self._first is None else self._first
        last = began if self._first is None else self._last
        self._first, self._last = began, max(last, seen.time)
        return Hop(seen, max(0.0, seen.time - began), max(0.0, seen.time - last))


def hops(seen: Iterable[Seen], pattern: str) -> Iterator[Hop]:
    """The chain in a recording, by time."""
    chain = Chain(pattern)
    for each in sorted((one for one in seen if chain.fits(one) and not one.load), key=lambda one: one.time):
        yield chain.hop(each)
