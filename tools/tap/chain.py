"""The chain of one cause: all events that name it, across processes, with the time of each hop. Pure."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

from tools.tap.observer import TapEvent


class Hop(Struct, frozen=True):
    """`after_s`: since the first of its chain; `hop_s`: since the one before."""

    event: TapEvent
    after_s: float
    hop_s: float


class Chain:
    """All hops of the causes that fit a pattern, in the order of arrival."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._first: float | None = None
        self._last = 0.0

    def fits(self, event: TapEvent) -> bool:
        """Does the event belong to it? A name without its time (`cni-add/x/a/eth0`) stands for every such cause."""
        name = event.cause.partition("#")[0]
        return bool(event.cause) and any(fnmatchcase(text, self._pattern) for text in (event.cause, name))

    def hop(self, event: TapEvent) -> Hop:
        """The next hop. An event older than the one before it counts as no time."""
        began = event.time - event.took_s if self._first is None else self._first
        last = began if self._first is None else self._last
        self._first, self._last = began, max(last, event.time)
        return Hop(event, max(0.0, event.time - began), max(0.0, event.time - last))


def hops(events: Iterable[TapEvent], pattern: str) -> Iterator[Hop]:
    """The chain in a recording, by time."""
    chain = Chain(pattern)
    fitting = (event for event in events if chain.fits(event) and not event.load)
    for event in sorted(fitting, key=lambda event: event.time):
        yield chain.hop(event)
