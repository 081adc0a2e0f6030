"""What VPP holds, which of it depends on what, and what VPP may have died of. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from actors.vpp_writer.kinds import KINDS
from actors.vpp_writer.kinds.indices import NO_DETAILS
from actors.vpp_writer.kinds.routes import PathList
from schemas.intents import Intent


class HeldObject(Struct, frozen=True, gc=False):
    """An object that VPP holds: its intent as written, its owner, what was learnt."""

    owner: str
    intent: Intent
    details: Mapping[str, int | str] = NO_DETAILS


class Dependants:
    """Which held objects need a key, or must be made again when it comes or goes."""

    def __init__(self) -> None:
        self._needing: defaultdict[str, set[str]] = defaultdict(set)
        self._after: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, key: str, intent: Intent) -> None:
        """An object is held now."""
        self._add(key, *KINDS[type(intent)].ties(intent))

    def _add(self, key: str, needs: Iterable[str], after: Iterable[str]) -> None:
        for need in needs:
            self._needing[need].add(key)
        for other in after:
            self._after[other].add(key)

    def add_routes(self, keys: Iterable[str], path_lists: Iterable[PathList]) -> None:
        """Routes are held now."""
        for key, path_list in zip(keys, path_lists, strict=True):
            if path_list.tied:
                self._add(key, path_list.needs, path_list.after)

    def remove(self, key: str, intent: Intent) -> None:
        """An object is not held any more."""
        needs, after = KINDS[type(intent)].ties(intent)
        for need in needs:
            self._needing[need].discard(key)
        for other in after:
            self._after[other].discard(key)

    def needed(self, key: str) -> bool:
        """Does a held object need it?"""
        return bool(self._needing.get(key))

    def of(self, keys: Iterable[str], coming: Iterable[str]) -> set[str]:
        """All that must go when `keys` go and `coming` come, directly or through others; `keys` included."""
        found = set(keys)
        todo = list(found)
        for key in coming:
            todo += self._after.get(key, ())
        found |= set(todo)
        while todo:
            key = todo.pop()
            more = (self._needing.get(key, set()) | self._after.get(key, set())) - found
            found |= more
            todo += more
        return found

    def heard(self, keys: Iterable[str]) -> bool:
        """Must any held object be made again when these come?"""
        return any(self._after.get(key) for key in keys)


class Suspect(Struct, frozen=True):
    """A value of an object: so many lives of VPP in a row ended while it was being written."""

    generation: int
    lives: int
