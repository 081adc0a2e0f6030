"""Objects that would wait for one another for ever. Pure.

Needs lead to lower ranks, so that no kind of now can make a circle; this is for kinds whose needs are told by people.
"""

from collections.abc import Callable

from actors.vpp_writer.kinds import kind_of
from schemas.intents import Intent


def find_cycle(key: str, intent: Intent, others: Callable[[str], Intent | None]) -> list[str]:
    """The way on which the needs of `intent` lead back to its own `key`, which begins and ends it; empty: none.

    `others` gives the intents that are wanted or held, by key.
    """
    came_from: dict[str, str] = {}
    todo = [(key, intent)]
    while todo:
        at, value = todo.pop()
        for need in sorted(kind_of(value).needs(value)):
            if need == key:
                return _way(key, at, came_from)
            if need not in came_from and (other := others(need)) is not None:
                came_from[need] = at
                todo.append((need, other))
    return []


def _way(key: str, last: str, came_from: dict[str, str]) -> list[str]:
    way = [key]
    while last != key:
        way.append(last)
        last = came_from[last]
    return [key, *reversed(way)]
