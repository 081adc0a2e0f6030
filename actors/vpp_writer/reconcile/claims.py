"""Who wants what. One object has one owner; a second claim is refused by name. Pure.

An owner that has spoken before keeps what it holds until it speaks again: after a restart of this process its
objects are those of the journal until its stream is in sync.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from schemas.intents import Intent

SLICE = 1000  # keys of one owner that are taken over before others have their turn


class IntentClaim(Struct, frozen=True, gc=False):
    """The intent that counts for a key, and whose it is."""

    owner: str
    intent: Intent


class IntentClaims:
    """Intents by key and owner."""

    def __init__(self) -> None:
        self.effective: dict[str, IntentClaim] = {}  # the claims that count, by key
        self.refused_intents: dict[str, dict[str, Intent]] = {}  # claims that do not count, by key and owner
        self.whole: set[str] = set()  # owners that have said all they want in this life of the process

    def set(self, owner: str, key: str, intent: Intent | None) -> None:
        """An owner says an intent; None: it withdraws it."""
        effective = self.effective.get(key)
        if intent is not None:
            if effective is None or effective.owner == owner:
                self.effective[key] = IntentClaim(owner, intent)
            else:
                self.refused_intents.setdefault(key, {})[owner] = intent
            return
        if effective is not None and effective.owner == owner:
            del self.effective[key]
            if refused := self.refused_intents.get(key):
                heir = min(refused)
                self.effective[key] = IntentClaim(heir, refused[heir])
                owner = heir
        if (refused := self.refused_intents.get(key)) is not None:
            refused.pop(owner, None)
            if not refused:
                del self.refused_intents[key]

    def replace(self, owner: str, rows: Mapping[str, Intent]) -> list[str]:
        """An owner says everything anew. Returns the keys that may have changed."""
        return [key for keys in self.replacing(owner, rows) for key in keys]

    def replacing(self, owner: str, rows: Mapping[str, Intent]) -> Iterator[list[str]]:
        """`replace` a slice at a time: yields keys that may have changed, what is said no more before all others.

        `rows` is looked at as it is then: it may change between two slices, if what changed is `set` as well.
        """
        withdrawn = [key for key, claim in self.effective.items() if claim.owner == owner and key not in rows]
        withdrawn += [key for key, refused in self.refused_intents.items() if owner in refused and key not in rows]
        keys = [*withdrawn, *rows]
        for start in range(0, len(keys), SLICE):
            slice_keys = keys[start : start + SLICE]
            for key in slice_keys:
                self.set(owner, key, rows.get(key))
            yield slice_keys
        self.whole.add(owner)

    def get(self, key: str) -> IntentClaim | None:
        """The claim that counts: the first owner to claim keeps it, then the first by name of those that wait."""
        return self.effective.get(key)

    def refused(self, key: str) -> Sequence[tuple[str, Intent, str]]:
        """(owner, intent, winner) of the claims that do not count."""
        refused = self.refused_intents.get(key)
        if refused is None:
            return ()
        winner = self.effective[key].owner
        return [(owner, intent, winner) for owner, intent in sorted(refused.items())]

    @property
    def contested(self) -> bool:
        """Is any key claimed twice?"""
        return bool(self.refused_intents)
