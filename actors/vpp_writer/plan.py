"""What to delete and what to write, and in which order. Pure.

Deletes go in falling rank, then writes in rising rank. An object goes with what it needs: before an object is
deleted, those that need it are; if they are still wanted they are written again, or wait for it. Objects that linger
go last, and only if nothing needs them any more: what needed them has been changed in place.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from actors.vpp_writer.kinds import kind_of
from schemas.intents import Intent


@dataclass(frozen=True)
class Held:
    """An object that VPP holds: its intent as written, its owner, what was learnt."""

    owner: str
    intent: Intent
    details: Mapping[str, int | str] = field(default_factory=dict)


class Dependants:
    """Which held objects need a key, or must be made again when it comes or goes."""

    def __init__(self) -> None:
        self._needing: defaultdict[str, set[str]] = defaultdict(set)
        self._after: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, key: str, intent: Intent) -> None:
        """An object is held now."""
        for need in kind_of(intent).needs(intent):
            self._needing[need].add(key)
        for other in kind_of(intent).after(intent):
            self._after[other].add(key)

    def remove(self, key: str, intent: Intent) -> None:
        """An object is not held any more."""
        for need in kind_of(intent).needs(intent):
            self._needing[need].discard(key)
        for other in kind_of(intent).after(intent):
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


@dataclass(frozen=True)
class Plan:
    """Groups of keys of one rank: deletes in falling, writes (creates and updates) in rising rank.

    `late`, in falling rank: to be deleted at the end, if nothing needs them then.
    """

    deletes: list[list[str]]
    writes: list[list[str]]
    late: list[list[str]] = field(default_factory=list)


class State(Protocol):
    """What the plan looks at: what VPP holds, what of that is unsure, and what depends on what."""

    @property
    def held(self) -> Mapping[str, Held]: ...

    @property
    def unsure(self) -> Collection[str]: ...

    def dependants(self, going: Iterable[str], coming: Iterable[str]) -> set[str]: ...


def make_plan(
    dirty: Iterable[str],
    state: State,
    wanted: Callable[[str], Intent | None],
    in_place: Callable[[Intent, Intent], bool],
) -> Plan:
    """The plan for the keys in `dirty`. `wanted` gives what should be held now (None: nothing, or not yet)."""
    keys, held = set(dirty), state.held
    targets = {key: target for key in keys if (target := wanted(key)) is not None}
    coming = targets.keys() - held.keys()
    going, late = set(), set()
    for key in keys & held.keys():
        present, target = held[key].intent, targets.get(key)
        if target is None and kind_of(present).lingers:
            late.add(key)
        elif target is None or (target != present and not in_place(present, target)):
            going.add(key)
    going = state.dependants(going, _able(coming, targets, held)) & held.keys()
    again = {k for k in targets.keys() & held.keys() - going if targets[k] != held[k].intent or k in state.unsure}
    writes = {key: target for key in coming | going | again if (target := wanted(key)) is not None}
    return Plan(
        deletes=_groups({key: held[key].intent for key in going}, falling=True),
        writes=_groups(writes, falling=False),
        late=_groups({key: held[key].intent for key in late - going}, falling=True),
    )


def _able(coming: Iterable[str], targets: Mapping[str, Intent], held: Collection[str]) -> set[str]:
    """Those of `coming` that can be written now; one that waits for a need disturbs nobody yet."""
    able = set(coming)
    while unable := {key for key in able if kind_of(targets[key]).needs(targets[key]) - able - set(held)}:
        able -= unable
    return able


def _groups(intents: Mapping[str, Intent], *, falling: bool) -> list[list[str]]:
    def rank(key: str) -> int:
        return kind_of(intents[key]).rank

    ordered = sorted(intents, key=lambda key: (-rank(key) if falling else rank(key), key))
    return [list(keys) for _, keys in groupby(ordered, key=rank)]
