"""What is said of every intent: the statuses by owner, and which of them have changed since they were told. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from schemas.statuses import Applied, Failed, Pending, Rejected, Status

STATES = (Pending, Applied, Failed, Rejected)


class Statuses:
    """Statuses as they are now."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, Status]] = {}  # by owner and key
        self._changed: dict[
            str, dict[str, Status | None]
        ] = {}  # likewise, in the order of the first change; None: gone
        self._tally: Counter[type[Status]] = Counter()

    def of(self, owner: str, key: str) -> Status | None:
        """None: nothing is said."""
        return self.statuses.get(owner, {}).get(key)

    @property
    def owners(self) -> Collection[str]:
        """Those of whose intents anything has been said."""
        return self.statuses.keys()

    def say(self, owner: str, key: str, status: Status | None) -> None:
        """A status as it is now; None: the object is neither wanted nor held."""
        said = self.statuses.setdefault(owner, {})
        before = said.get(key)
        if before == status:
            return
        if before is not None:
            self._tally[type(before)] -= 1
        if status is None:
            del said[key]
        else:
            said[key] = status
            self._tally[type(status)] += 1
        self._changed.setdefault(owner, {})[key] = status

    def say_applied(self, owner: str, statuses: Mapping[str, Applied]) -> None:
        """Many at once."""
        said = self.statuses.setdefault(owner, {})
        if not said.keys().isdisjoint(statuses):
            for key, status in statuses.items():
                self.say(owner, key, status)
            return
        said.update(statuses)
        self._changed.setdefault(owner, {}).update(statuses)
        self._tally[Applied] += len(statuses)

    def changed(self) -> dict[str, dict[str, Status | None]]:
        """By owner and key what has changed since the last call; None: nothing is said any more."""
        changed, self._changed = self._changed, {}
        return changed

    def count(self) -> dict[str, int]:
        """How many objects are in which state."""
        return {f"intents_{kind.__name__.lower()}": self._tally[kind] for kind in STATES}

    def __len__(self) -> int:
        return sum(map(len, self.statuses.values()))


def by_owner(
    owners: Sequence[str], keys: Collection[str], statuses: Iterable[Applied]
) -> dict[str, dict[str, Applied]]:
    """Statuses of objects, as columns, by owner and key."""
    if len({*owners}) == 1:
        return {owners[0]: dict(zip(keys, statuses, strict=True))}
    found: dict[str, dict[str, Applied]] = {}
    for owner, key, status in zip(owners, keys, statuses, strict=True):
        found.setdefault(owner, {})[key] = status
    return found
