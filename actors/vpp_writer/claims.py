"""Who wants what. One object has one owner; a second claim is refused by name. Pure.

An owner that has spoken before keeps what it holds until it speaks again: after a restart of this process its
objects are those of the journal until its stream is in sync.
"""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.intents import Intent


class Claim(NamedTuple):
    """The intent that counts for a key, and whose it is."""

    owner: str
    intent: Intent


class Claims:
    """Intents by key and owner."""

    def __init__(self) -> None:
        self._wanted: dict[str, dict[str, Intent]] = {}
        self._winner: dict[str, str] = {}

    def put(self, owner: str, key: str, intent: Intent | None) -> None:
        """An owner says or withdraws an intent."""
        owners = self._wanted.setdefault(key, {})
        if intent is None:
            owners.pop(owner, None)
        else:
            owners[owner] = intent
        if not owners:
            del self._wanted[key]
            self._winner.pop(key, None)
        elif self._winner.get(key) not in owners:
            self._winner[key] = min(owners)

    def replace(self, owner: str, rows: Mapping[str, Intent]) -> set[str]:
        """An owner says everything anew. Returns the keys that may have changed."""
        before = {key for key, owners in self._wanted.items() if owner in owners}
        for key in before - rows.keys():
            self.put(owner, key, None)
        for key, intent in rows.items():
            self.put(owner, key, intent)
        return before | rows.keys()

    def get(self, key: str) -> Claim | None:
        """The claim that counts: the first owner to claim keeps it, at once claimed the first by name."""
        owner = self._winner.get(key)
        return Claim(owner, self._wanted[key][owner]) if owner is not None else None

    def refused(self, key: str) -> list[tuple[str, Intent, str]]:
        """(owner, intent, winner) of the claims that do not count."""
        winner = self._winner.get(key, "")
        return [(o, intent, winner) for o, intent in sorted(self._wanted.get(key, {}).items()) if o != winner]

    def keys(self) -> set[str]:
        """All keys that somebody wants."""
        return set(self._wanted)
