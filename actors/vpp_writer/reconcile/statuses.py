"""The status of every intent, by owner, and which of them have changed since they were said. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from schemas.statuses import AppliedStatus, FailedStatus, IntentStatus, PendingStatus, RejectedStatus

_STATES = (PendingStatus, AppliedStatus, FailedStatus, RejectedStatus)
_Rows = dict[str, dict[str, IntentStatus | None]]  # by owner and key; None: nothing is said any more


class WriterStatuses:
    """Statuses as they are now, `current`: by owner and key."""

    def __init__(self) -> None:
        self.current: dict[str, dict[str, IntentStatus]] = {}
        self._changes: _Rows = {}  # in the order of the first change
        self._tally: Counter[type[IntentStatus]] = Counter()

    def get(self, owner: str, key: str) -> IntentStatus | None:
        """None: nothing is said."""
        return self.current.get(owner, {}).get(key)

    @property
    def owners(self) -> Collection[str]:
        """Those of whose intents anything has been said."""
        return self.current.keys()

    def set(self, owner: str, key: str, status: IntentStatus | None) -> None:
        """A status as it is now; None: the object is neither wanted nor held."""
        statuses = self.current.setdefault(owner, {})
        before = statuses.get(key)
        if before == status:
            return
        if before is not None:
            self._tally[type(before)] -= 1
        if status is None:
            del statuses[key]
        else:
            statuses[key] = status
            self._tally[type(status)] += 1
        self._changes.setdefault(owner, {})[key] = status

    def set_applied(self, owners: Sequence[str], keys: Collection[str], applied: Iterable[AppliedStatus]) -> None:
        """Many at once, as columns."""
        for owner, statuses in _by_owner(owners, keys, applied).items():
            current = self.current.setdefault(owner, {})
            if not current.keys().isdisjoint(statuses):
                for key, status in statuses.items():
                    self.set(owner, key, status)
                continue
            current.update(statuses)
            self._changes.setdefault(owner, {}).update(statuses)
            self._tally[AppliedStatus] += len(statuses)

    def take_changes(self) -> _Rows:
        """What has changed since the last call."""
        changes, self._changes = self._changes, {}
        return changes

    def count(self) -> dict[str, int]:
        """How many objects are in which state."""
        return {f"intents_{kind.__struct_config__.tag}": self._tally[kind] for kind in _STATES}

    def __len__(self) -> int:
        return sum(map(len, self.current.values()))


def _by_owner(
    owners: Sequence[str], keys: Collection[str], applied: Iterable[AppliedStatus]
) -> dict[str, dict[str, AppliedStatus]]:
    if len({*owners}) == 1:
        return {owners[0]: dict(zip(keys, applied, strict=True))}
    rows: dict[str, dict[str, AppliedStatus]] = {}
    for owner, key, status in zip(owners, keys, applied, strict=True):
        rows.setdefault(owner, {})[key] = status
    return rows


def held_object_status(generation: int, epoch: int, details: Mapping[str, int | str]) -> AppliedStatus:
    """The status of an object that VPP holds. It tells numbers alone: texts among the details are the writer's own."""
    if details is NO_OBJECT_DETAILS:
        return AppliedStatus(generation, epoch)
    return AppliedStatus(generation, epoch, {name: value for name, value in details.items() if isinstance(value, int)})
