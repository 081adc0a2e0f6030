"""The shape of a manager: handlers remember facts, `desired()` and `facts()` decide.

Same facts, in any order and any number of times: same intents. Handlers are plain functions that
store; they never wait, never send.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from schemas.facts import Fact
from schemas.intents import Intent
from schemas.topics import WORD_OF, owner_of

if TYPE_CHECKING:
    from actors.runtime.loop import Runtime

F = TypeVar("F", bound=Fact)
Handler = Callable[[Any, str, F | None], None]


def hears(fact: type[F]) -> Callable[[Handler[F]], Handler[F]]:
    """Marks a method as the handler of a fact: called with (key, value); value None: gone."""

    def mark(handler: Handler[F]) -> Handler[F]:
        handler.__dict__["hears"] = WORD_OF[fact]
        return handler

    return mark


class Actor:
    """A manager. Subclasses name themselves, mark handlers, and override what they need."""

    name: ClassVar[str]
    handlers: ClassVar[dict[str, str]] = {}  # word -> method name
    node_source: str = "kubernetes"  # who says nodes and pools: VPPD_NODE_SOURCE
    runtime: "Runtime"

    def __init_subclass__(cls) -> None:
        own = {m.hears: name for name, m in vars(cls).items() if hasattr(m, "hears")}
        cls.handlers = {**cls.handlers, **own}

    def hear(self, word: str, key: str, value: Any | None) -> None:
        """Hands one change to its handler."""
        getattr(self, self.handlers[word])(key, value)

    def streams(self) -> Iterable[tuple[str, str]]:
        """(word, owner) of all that this actor hears and must have heard whole before it speaks."""
        for word in self.handlers:
            owner = owner_of(word, self.node_source)
            if owner is not None:
                yield word, owner

    def desired(self) -> Iterable[Intent] | None:
        """All that VPP should hold for this owner; None: this actor has no intents."""
        return None

    def facts(self) -> Mapping[str, Mapping[str, Fact]]:
        """All facts of this owner: word -> key -> fact."""
        return {}

    def waits_for(self) -> Sequence[str]:
        """Named reasons why nothing may be said yet; empty: go."""
        return ()

    def unwell(self) -> Sequence[str]:
        """Named reasons for being not ready that do not keep it from speaking."""
        return ()

    def answered(self) -> None:
        """Statuses of this owner's intents have changed."""

    async def on_start(self) -> None:
        """Opens edges: servers, clients, watches."""

    async def on_stop(self) -> None:
        """Closes edges."""
