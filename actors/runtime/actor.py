"""The shape of a manager: handlers store facts, `decide()` says all that follows from them.

A decision depends on the last value of each fact, not on their order or repetition. Handlers are plain functions;
they never wait, never send.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision, ActorEdge
from schemas.facts import Fact
from schemas.intents import Intent
from schemas.words import WORD_OF_TYPE, owner_of_word

F = TypeVar("F", bound=Fact)
_FactHandler = Callable[[Any, str, F | None], None]


def hears_fact(fact: type[F]) -> Callable[[_FactHandler[F]], _FactHandler[F]]:
    """Marks a method as the handler of a fact: called with (key, value); value None: gone."""

    def mark(handler: _FactHandler[F]) -> _FactHandler[F]:
        handler.__dict__["hears"] = WORD_OF_TYPE[fact]
        return handler

    return mark


def store_fact(table: dict[str, F], key: str, fact: F | None) -> None:
    """Stores a fact in its table, as the newest row; None deletes the row."""
    table.pop(key, None)
    if fact is not None:
        table[key] = fact


class Actor:
    """A manager. Subclasses name themselves, mark handlers, and override what they need."""

    name: ClassVar[str]
    handlers: ClassVar[dict[str, str]] = {}  # word -> method name
    unawaited_words: ClassVar[frozenset[str]] = frozenset()  # heard, but decided without until they come
    recalls: ClassVar[bool] = False  # does it take over what an earlier life of its process had said?
    decides_by_statuses: ClassVar[bool] = False  # does its decision depend on what became of its intents?

    def __init__(self, context: ActorContext) -> None:
        self.context = context
        self.edges: dict[str, ActorEdge] = {}  # what a decision's `edges` are applied to

    def __init_subclass__(cls) -> None:
        handlers = {m.hears: name for name, m in vars(cls).items() if hasattr(m, "hears")}
        cls.handlers = {**cls.handlers, **handlers}

    def hear(self, word: str, key: str, value: Any | None) -> None:
        """Hands one change to its handler."""
        getattr(self, self.handlers[word])(key, value)

    def streams(self) -> Iterable[tuple[str, str]]:
        """(word, owner) of all that this actor hears."""
        for word in self.handlers:
            owner = owner_of_word(word, self.context.config.node_source)
            if owner is not None:
                yield word, owner

    def awaited_streams(self) -> set[tuple[str, str]]:
        """(word, owner) of all that must have been heard whole before it decides."""
        return {(word, owner) for word, owner in self.streams() if word not in self.unawaited_words}

    def decide(self) -> ActorDecision:
        """All that follows from what is stored. Changes nothing, reads no clock."""
        return ActorDecision()

    def recall(self, intents: Mapping[str, Intent]) -> None:
        """Stores what an earlier life had said: called at most once, before the first decision."""

    def awaits_recall(self, waited_s: float) -> str:
        """Why it does not decide before `recall`; "": it does. `waited_s`: how long a bus could have told it."""
        return ""

    def waits_for(self) -> Sequence[str]:
        """Named reasons why nothing may be decided yet; none: it may."""
        return ()

    def unwell(self) -> Sequence[str]:
        """Named reasons for being not ready that do not keep it from deciding."""
        return ()

    async def on_start(self) -> None:
        """Opens edges: servers, clients, watches."""

    async def on_stop(self) -> None:
        """Closes edges."""
