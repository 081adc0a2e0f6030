"""Objects that would wait for one another for ever. Pure.

Needs lead to lower ranks, so that no kind of today can make a cycle; this is for kinds whose needs people say.
"""

from collections.abc import Callable

from actors.vpp_writer.kinds import kind_of_intent
from schemas.intents import Intent


def find_needs_cycle(key: str, intent: Intent, intent_of: Callable[[str], Intent | None]) -> list[str]:
    """The keys by which the needs of `intent` lead back to its own `key`, which begins and ends them; empty: none.

    `intent_of` gives the intents that are wanted or held, by key.
    """
    came_from: dict[str, str] = {}
    todo = [(key, intent)]
    while todo:
        at, value = todo.pop()
        for need in sorted(kind_of_intent(value).needs(value)):
            if need == key:
                return _cycle(key, at, came_from)
            if need not in came_from and (needed := intent_of(need)) is not None:
                came_from[need] = at
                todo.append((need, needed))
    return []


def _cycle(key: str, last: str, came_from: dict[str, str]) -> list[str]:
    backwards = [key]
    while last != key:
        backwards.append(last)
        last = came_from[last]
    return [key, *reversed(backwards)]
