"""The bytes that the routes of a way have in common, made once for a connection."""

from collections.abc import Iterable

from actors.vpp_writer.kinds.call import UNPACKABLE, Later
from actors.vpp_writer.kinds.indices import Names
from actors.vpp_writer.kinds.routes import MESSAGE, Way
from actors.vpp_writer.kinds.wire import Stamp
from actors.vpp_writer.vpp.client import VppApi

STAMPS_MAX = 10_000  # then all are made anew


class Stamps:
    """The bytes that the routes of a way have in common, for one connection; they hang on the numbers that VPP gave."""

    def __init__(self, api: VppApi) -> None:
        self._api = api
        self._made: dict[tuple[Way, tuple[int, ...]], Stamp] = {}

    def of(self, ways: Iterable[Way], names: Names) -> dict[Way, Stamp]:
        """By way, of those whose routes can be written now; the writer of single objects says what keeps the others."""
        found: dict[Way, Stamp] = {}
        if self._api.has(MESSAGE):
            for way in ways:
                try:
                    found[way] = self._of(way, names)
                except (Later, *UNPACKABLE):
                    continue
        return found

    def _of(self, way: Way, names: Names) -> Stamp:
        what = way, way.numbers(names)
        stamp = self._made.get(what)
        if stamp is None:
            if len(self._made) >= STAMPS_MAX:
                self._made.clear()
            stamp = self._made[what] = self._api.stamp(MESSAGE, way.shared(True, names))
        return stamp
