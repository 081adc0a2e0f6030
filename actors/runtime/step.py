"""One turn of an actor: events in, what is to be published out. Does no I/O, reads no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from actors.runtime.actor import Actor
from bus.subscriptions import StreamEvent, StreamSynced
from schemas.facts import Fact
from schemas.intents import Intent


@dataclass
class Said:
    """What one turn says: streams as wholes; nothing if None."""

    intents: dict[str, Intent] | None = None
    facts: Mapping[str, Mapping[str, Fact]] = field(default_factory=dict)


class Step:
    """The state between turns: which streams are in sync, and whether something is dirty."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._missing = set(actor.streams())
        self.dirty = True

    def hear(self, events: Iterable[StreamEvent]) -> int:
        """Feeds the actor's handlers. Returns the number of changes that were for it."""
        heard = 0
        for event in events:
            if event.word not in self.actor.handlers:
                continue
            self.dirty = True
            if isinstance(event, StreamSynced):
                self._missing.discard((event.word, event.owner))
            else:
                self.actor.hear(event.word, event.key, event.value)
                heard += 1
        return heard

    @property
    def heard_all(self) -> bool:
        """Have the handlers been told every stream's first complete load?"""
        return not self._missing

    def waiting(self) -> tuple[str, ...]:
        """Named reasons why nothing may be said yet."""
        return (*(f"{owner}: {word}" for word, owner in sorted(self._missing)), *self.actor.waits_for())

    def decide(self) -> Said | None:
        """What the actor says now; None: nothing new, or too early."""
        if not self.dirty or self.waiting():
            return None
        self.dirty = False
        desired = self.actor.desired()
        intents = None if desired is None else {intent.key: intent for intent in desired}
        return Said(intents, self.actor.facts())
