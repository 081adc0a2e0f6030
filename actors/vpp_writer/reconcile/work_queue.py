"""Which objects are to be looked at, and in which order: what is urgent first, the many a slice at a time. Pure."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from actors.vpp_writer.kinds import INTENT_KINDS

_BULK_PREFIXES = tuple(kind.bulk_prefix for kind in INTENT_KINDS.values() if kind.bulk_prefix)  # of keys
BULK_PLAN_MAX = 500  # of these in one plan: what is more urgent comes between
FEW = 50  # so many of these go along with what is urgent, whose statuses do not wait for more


class WriterWorkQueue:
    """Keys in the order in which they came: neighbours in memory are looked at together."""

    def __init__(self) -> None:
        self._urgent: dict[str, None] = {}
        self._backlog: dict[str, None] = {}  # keys of bulk kinds
        self._urgent_before = False  # was the last slice of what is urgent alone?

    def add(self, keys: Iterable[str]) -> None:
        """These are to be looked at."""
        urgent, backlog = self._urgent, self._backlog
        for key in keys:
            if key.startswith(_BULK_PREFIXES):
                backlog[key] = None
            else:
                urgent[key] = None

    def __len__(self) -> int:
        return len(self._urgent) + len(self._backlog)

    def __iter__(self) -> Iterator[str]:
        return chain(self._urgent, self._backlog)

    @property
    def urgent(self) -> list[str]:
        """What is urgent."""
        return [*self._urgent]

    def take(self) -> tuple[list[str], list[str]]:
        """All that is urgent; after it, or with it if they are few, some of the rest."""
        urgent, self._urgent = self._urgent, {}
        alone = bool(urgent) and len(self._backlog) > FEW and not self._urgent_before
        self._urgent_before = alone  # what comes all the time does not keep the rest waiting for ever
        bulk = list(islice(self._backlog, 0 if alone else BULK_PLAN_MAX))
        for key in bulk:
            del self._backlog[key]
        return [*urgent], bulk
