"""Who wants what. One object has one owner; a second claim is refused by name. Pure.

An owner that has spoken before keeps what it holds until it speaks again: after a restart of this process its
objects are those of the journal until its stream is in sync.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from schemas.intents import Intent

SLICE = 1000  # keys of one owner that are taken over before others have their turn


class Claim(Struct, frozen=True, gc=False):
    """The intent that counts for a key, and whose it is."""

    owner: str
    intent: Intent


class Claims:
    """Intents by key and owner."""

    def __init__(self) -> None:
        self.effective: dict[str, Claim] = {}  # the claims that count, by key
        self.others: dict[str, dict[str, Intent]] = {}  # claims that do not count, by key and owner

    def put(self, owner: str, key: str, intent: Intent | None) -> None:
        """An owner says or withdraws an intent."""
        counts = self.effective.get(key)
        if intent is not None:
            if counts is None or counts.owner == owner:
                self.effective[key] = Claim(owner, intent)
            else:
                self.others.setdefault(key, {})[owner] = intent
            return
        if counts is not None and counts.owner == owner:
            del self.effective[key]
            if others := self.others.get(key):
                heir = min(others)
                self.effective[key] = Claim(heir, others[heir])
                owner = heir
        if (others := self.others.get(key)) is not None:
            others.pop(owner, None)
            if not others:
                del self.others[key]

    def replace(self, owner: str, rows: Mapping[str, Intent]) -> list[str]:
        """An owner says everything anew. Returns the keys that may have changed."""
        return [key for some in self.replacing(owner, rows) for key in some]

    def replacing(self, owner: str, rows: Mapping[str, Intent]) -> Iterator[list[str]]:
        """The same, some at a time: yields the keys that may have changed, what is said no more before all others.

        `rows` is looked at as it is then: it may change between two slices, if what changed is `put` as well.
        """
        gone = [key for key, claim in self.effective.items() if claim.owner == owner and key not in rows]
        gone += [key for key, others in self.others.items() if owner in others and key not in rows]
        keys = [*gone, *rows]
        for first in range(0, len(keys), SLICE):
            some = keys[first : first + SLICE]
            for key in some:
                self.put(owner, key, rows.get(key))
            yield some

    def get(self, key: str) -> Claim | None:
        """The claim that counts: the first owner to claim keeps it, then the first by name of those that wait."""
        return self.effective.get(key)

    def refused(self, key: str) -> Sequence[tuple[str, Intent, str]]:
        """(owner, intent, winner) of the claims that do not count."""
        others = self.others.get(key)
        if others is None:
            return ()
        winner = self.effective[key].owner
        return [(owner, intent, winner) for owner, intent in sorted(others.items())]

    @property
    def contested(self) -> bool:
        """Is any key claimed twice?"""
        return bool(self.others)
