"""Edge: a recording fed into one manager, offline: its intents now, beside those of the recording.

Only what decides by the bus alone can be replayed: the services manager. The others decide by what is not on the bus
(Calico's calls and the pods' namespaces, gobgpd's table, Felix's socket, Linux).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from actors.runtime.actor import Actor
from actors.runtime.context import ActorContext, offline_actor_context
from actors.runtime.turns import ActorTurns
from actors.services.actor import ServicesManager
from bus.subscriptions import StreamChange, StreamSynced
from schemas import codec
from schemas.codec import MalformedBusMessage
from schemas.config import NodeConfig
from schemas.intents import Intent
from schemas.words import INTENT_WORD
from tools.tap.observer import NOTE, Observer, TapEvent, decode_value
from tools.tap.recording import Frame

MANAGERS: dict[str, Callable[[ActorContext], Actor]] = {"services": ServicesManager}


class NotReplayable(Exception):
    """No such manager, or one that cannot be replayed."""


class Replay:
    """One manager and the part of a recording that it has heard."""

    def __init__(self, name: str, config: NodeConfig) -> None:
        """Raises NotReplayable."""
        if name not in MANAGERS:
            raise NotReplayable(f"{name}: cannot be replayed from the bus alone; these can: {', '.join(MANAGERS)}")
        self.name = name
        self.actor = MANAGERS[name](offline_actor_context(name, config))
        self.observer = Observer()
        self.intents: dict[str, Intent] = {}
        self.malformed: list[str] = []
        self._streams = set(self.actor.streams())
        self._in_sync: set[tuple[str, str]] = set()
        self._turns = ActorTurns(self.actor)

    def feed(self, frames: Iterable[Frame]) -> Iterator[TapEvent]:
        """Its intents as they change, frame by frame, at the times of the recording."""
        for time, data in frames:
            changes = list(self._events(self.observer.feed(data, time)))
            if changes:
                self._turns.hear(changes)
                yield from self._decided(time, next((e.cause for e in changes if isinstance(e, StreamChange)), ""))

    def _events(self, events: list[TapEvent]) -> Iterator[StreamChange | StreamSynced]:
        for event in events:
            if (event.word, event.process) in self._streams and event.word != NOTE:
                row = self.observer.mirrors[event.word, event.process].stream.rows.get(event.key)
                try:
                    value = (
                        codec.decode_row_value(event.word, event.key, row.value)
                        if row and row.value is not None
                        else None
                    )
                except MalformedBusMessage as error:
                    self.malformed.append(str(error))
                    continue
                yield StreamChange(event.word, event.process, event.key, value, event.cause)
        for name in self._streams - self._in_sync:
            if (mirror := self.observer.mirrors.get(name)) and mirror.in_sync:
                self._in_sync.add(name)
                yield StreamSynced(*name)

    def _decided(self, time: float, cause: str) -> Iterator[TapEvent]:
        decision = self._turns.decide()
        if decision is None or decision.intents is None:
            return
        before, self.intents = self.intents, dict(decision.intents)
        for key in [*(key for key in before if key not in self.intents), *self.intents]:
            old, new = before.get(key), self.intents.get(key)
            if old != new:
                yield TapEvent(time, self.name, INTENT_WORD, key, cause, _plain(old), _plain(new))

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The streams that the recording lacks and without which the manager decides nothing."""
        return self._turns.waiting()

    def differences(self) -> Iterator[TapEvent]:
        """The intents at the end that differ from the recorded ones; `before` of each is the recorded one."""
        mirror = self.observer.mirrors.get((INTENT_WORD, self.name))
        then: dict[str, Any] = {
            key: value for owner, key, value, _ in self.observer.rows(INTENT_WORD) if owner == self.name
        }
        if mirror is None or not mirror.in_sync:
            return
        for key in sorted({*then, *self.intents}):
            now = _plain(self.intents.get(key))
            if then.get(key) != now:
                yield TapEvent(0.0, self.name, INTENT_WORD, key, "", then.get(key), now)


def _plain(intent: Intent | None) -> Any:
    return None if intent is None else decode_value(codec.encode_row_value(intent))
