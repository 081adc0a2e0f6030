"""What an actor decides. Pure data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from schemas.facts import Fact
from schemas.intents import Intent

K = TypeVar("K")
V = TypeVar("V")


class ActorEdge(Protocol):
    """What an actor keeps in a state outside the bus: listeners, a connection."""

    def apply(self, state: Any) -> None:
        """Stores the whole state that it should be in. The edge gets there in its own time; the call never waits."""


@dataclass(frozen=True)
class ActorDecision:
    """All that follows from an actor's memory. Each part is stated whole; the runtime finds what has changed.

    intents   what VPP should hold, by key; None: this actor has no intents
    facts     what is so: word -> key -> fact
    edges     what the actor's edges should be: name of the edge -> its state
    """

    intents: Mapping[str, Intent] | None = None
    facts: Mapping[str, Mapping[str, Fact]] = field(default_factory=dict)
    edges: Mapping[str, Any] = field(default_factory=dict)


def intents_by_key(intents: Iterable[Intent]) -> dict[str, Intent]:
    """The intents under their keys."""
    return {intent.key: intent for intent in intents}


def reuse_equal_objects(before: Mapping[K, V], now: Mapping[K, V]) -> dict[K, V]:
    """The mapping `now`, with the very objects of `before` for equal values: the bus does not encode those again."""
    return {key: _reused(before.get(key), value) for key, value in now.items()}


def _reused(before: V | None, now: V) -> V:
    return before if before is not None and (before is now or before == now) else now
