"""Between events and decisions: what an actor has heard, and whether it may decide. Does no I/O, reads no clock."""

from collections.abc import Iterable, Mapping

from actors.runtime.actor import Actor
from actors.runtime.decision import ActorDecision, reuse_equal_objects
from bus.subscriptions import StreamEvent, StreamSynced
from schemas.intents import Intent


class ActorTurns:
    """The state between an actor's turns: which streams are in sync, and whether something has changed."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.dirty = True
        self._missing = actor.awaited_streams()
        self._may_recall = actor.recalls
        self._decision = ActorDecision()

    def hear(self, events: Iterable[StreamEvent]) -> int:
        """Feeds the actor's handlers. Returns the number of changes that were for it."""
        changes = 0
        for event in events:
            if event.word not in self.actor.handlers:
                continue
            self.dirty = True
            if isinstance(event, StreamSynced):
                self._missing.discard((event.word, event.owner))
            else:
                self.actor.hear(event.word, event.key, event.value)
                changes += 1
        return changes

    def recall(self, intents: Mapping[str, Intent]) -> None:
        """Hands over what an earlier life had said, once; after the first decision it would be what this life said."""
        if self._may_recall:
            self._may_recall = False
            self.actor.recall(intents)

    @property
    def heard_all(self) -> bool:
        """Have the handlers been given every stream's first complete load?"""
        return not self._missing

    def waiting(self, waited_s: float = 0.0) -> tuple[str, ...]:
        """Named reasons why nothing may be decided yet. `waited_s`: as of `Actor.awaits_recall`."""
        missing = (f"{owner}: {word}" for word, owner in sorted(self._missing))
        recall = self.actor.awaits_recall(waited_s) if self._may_recall else ""
        return (*missing, *([recall] if recall else []), *self.actor.waits_for())

    def decide(self, waited_s: float = 0.0) -> ActorDecision | None:
        """The actor's decision; None: nothing has changed, or it is too early. Equal values are the same objects."""
        if not self.dirty or self.waiting(waited_s):
            return None
        self.dirty = self._may_recall = False
        before, now = self._decision, self.actor.decide()
        intents = None if now.intents is None else reuse_equal_objects(before.intents or {}, now.intents)
        facts = {word: reuse_equal_objects(before.facts.get(word, {}), rows) for word, rows in now.facts.items()}
        self._decision = ActorDecision(intents, facts, now.edges)
        return self._decision
