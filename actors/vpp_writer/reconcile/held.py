"""What VPP holds, which of it depends on what, and what VPP may have died of. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from actors.vpp_writer.kinds import INTENT_KINDS
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.kinds.kind import SharedIntentPart
from schemas.intents import Intent


class HeldObject(Struct, frozen=True, gc=False):
    """An object that VPP holds: its owner, its intent as written, its details."""

    owner: str
    intent: Intent
    details: Mapping[str, int | str] = NO_OBJECT_DETAILS


class SuspectIntent(Struct, frozen=True):
    """A value of an object: so many lives of VPP in a row ended while it was being written."""

    generation: int
    lives: int


class _Dependants:
    """Which held objects need a key, or must be made again when it comes or goes."""

    def __init__(self) -> None:
        self._needing: defaultdict[str, set[str]] = defaultdict(set)
        self._after: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, key: str, intent: Intent) -> None:
        """An object is held now."""
        self._add(key, *INTENT_KINDS[type(intent)].ties(intent))

    def _add(self, key: str, needs: Iterable[str], after: Iterable[str]) -> None:
        for need in needs:
            self._needing[need].add(key)
        for before in after:
            self._after[before].add(key)

    def add_alike(self, keys: Iterable[str], parts: Collection[SharedIntentPart]) -> None:
        """Objects are held now; `parts`: what each has in common with others."""
        if tied := {part for part in {*parts} if part.needs or part.after}:
            for key, part in zip(keys, parts, strict=True):
                if part in tied:
                    self._add(key, part.needs, part.after)

    def remove(self, key: str, intent: Intent) -> None:
        """An object is not held any more."""
        needs, after = INTENT_KINDS[type(intent)].ties(intent)
        for need in needs:
            self._needing[need].discard(key)
        for before in after:
            self._after[before].discard(key)

    def is_needed(self, key: str) -> bool:
        """Does a held object need it?"""
        return bool(self._needing.get(key))

    def closure(self, going: Iterable[str], coming: Iterable[str]) -> set[str]:
        """All that must go when `going` go and `coming` come, directly or through others; `going` included."""
        affected = set(going)
        todo = list(affected)
        for key in coming:
            todo += self._after.get(key, ())
        affected |= set(todo)
        while todo:
            key = todo.pop()
            further = (self._needing.get(key, set()) | self._after.get(key, set())) - affected
            affected |= further
            todo += further
        return affected

    def must_follow(self, keys: Iterable[str]) -> bool:
        """Must any held object be made again when these come?"""
        return any(self._after.get(key) for key in keys)


class HeldInventory:
    """What VPP holds, by key, and who waits for what it does not hold.

    `unconfirmed`: objects that it holds perhaps, to be written again or deleted.
    """

    def __init__(self) -> None:
        self.objects: dict[str, HeldObject] = {}
        self.unconfirmed: set[str] = set()
        self.dependants = _Dependants()
        self._waiters: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, key: str, held_object: HeldObject) -> Collection[str]:
        """VPP holds the object now. Returns the keys of those that waited for it."""
        before = self.objects.get(key)
        if before is not None:
            self.dependants.remove(key, before.intent)
        self.objects[key] = held_object
        self.dependants.add(key, held_object.intent)
        self.unconfirmed.discard(key)
        return self.release_waiters(key) if before is None else ()

    def add_all(self, objects: Mapping[str, HeldObject], parts: Collection[SharedIntentPart]) -> list[str]:
        """VPP holds all these now; `parts`: what each has in common with others. Returns who waited for them."""
        waiters: list[str] = []
        if self.objects.keys().isdisjoint(objects):
            self.objects.update(objects)
            self.dependants.add_alike(objects, parts)
            for key in self._waiters.keys() & objects.keys():
                waiters += self._waiters.pop(key)
        else:
            for key, held_object in objects.items():
                waiters += self.add(key, held_object)
        if self.unconfirmed:
            self.unconfirmed -= objects.keys()
        return waiters

    def remove(self, key: str) -> None:
        """VPP does not hold the object any more."""
        held_object = self.objects.pop(key, None)
        self.unconfirmed.discard(key)
        if held_object is not None:
            self.dependants.remove(key, held_object.intent)

    def needing(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that are held, and what is held and needs them."""
        return self.dependants.closure({*keys} & self.objects.keys(), ()) & self.objects.keys()

    def missing(self, needs: Iterable[str]) -> list[str]:
        """Those of the needs that VPP does not hold."""
        return [need for need in needs if need not in self.objects]

    def release_waiters(self, key: str) -> Collection[str]:
        """Those that waited for the object."""
        return self._waiters.pop(key, ())

    def wait(self, key: str, needs: Iterable[str]) -> None:
        """The object waits for these."""
        for need in needs:
            self._waiters[need].add(key)
