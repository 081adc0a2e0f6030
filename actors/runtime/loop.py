"""Runs an actor: take what waits, hand it to the handlers, decide once, say what differs.

One process, one loop, one thread, no locks.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NoReturn

from actors.runtime import health
from actors.runtime.actor import Actor
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision
from actors.runtime.turns import ActorTurns
from bus.lock import LockFileHeld
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process import run_bus_process
from bus.subscriptions import StreamChange, StreamEvent
from schemas.config import NodeConfig
from schemas.words import INTENT_OWNERS, INTENT_WORD, intent_status_word

_IDLE_TURN_S = 0.5  # a turn at least so often, so that progress shows the loop alive
_STOP_S_MAX = 1.5
_EXIT_FAILED = 1


class _ActorLoop:
    """An actor on the bus, until its process is told to stop."""

    def __init__(self, actor: Actor, context: ActorContext, peer: BusPeer) -> None:
        self._actor, self._context, self._peer, self._log = actor, context, peer, context.log
        self._turns = ActorTurns(actor)
        self._status_word = intent_status_word(actor.name)
        self._started_at = time.monotonic()
        self._malformed = ""
        self._set_waiting()

    async def live(self) -> int:
        """Runs the actor until it is told to stop. Returns the exit code."""
        self._subscribe()
        stopping = asyncio.create_task(self._interrupt_at_stop())
        try:
            await self._actor.on_start()
        except (LockFileHeld, OSError) as error:
            self._log.error("cannot start", why=error)
            stopping.cancel()
            await self._close()
            return _EXIT_FAILED
        try:
            while not self._context.stop.is_set():
                await self._turn()
        except Exception as error:  # any exception here is our bug: log, exit, come back by supervisord
            self._context.fail(error)
        stopping.cancel()
        await self._close()
        return _EXIT_FAILED if self._context.failed else 0

    def _subscribe(self) -> None:
        for word, owner in self._actor.streams():
            self._peer.subscribe(word, owner)
        if self._actor.name in INTENT_OWNERS:
            self._peer.subscribe(self._status_word)
        if self._actor.recalls:
            self._peer.subscribe(INTENT_WORD, self._actor.name)

    async def _turn(self) -> None:
        events = await self._peer.changes(_IDLE_TURN_S)
        started = time.monotonic()
        await self._hear_statuses(events)
        change_count = self._turns.hear(events)
        self._recall()
        self._turns.dirty |= self._context.take_wakeup()
        self._peer.progress += 1
        cause = self._context.cause or next((e.cause for e in events if isinstance(e, StreamChange) and e.cause), "")
        decision = self._turns.decide(self._waited_s())
        published = "" if decision is None else self._carry_out(decision, cause)
        self._report_health()
        if change_count or published:
            took_ms = (time.monotonic() - started) * 1000
            self._log.info("turn", cause=cause or "-", heard=change_count, said=published or "-", took_ms=took_ms)

    async def _hear_statuses(self, events: list[StreamEvent]) -> None:
        changes = [e for e in events if isinstance(e, StreamChange) and e.word == self._status_word]
        if changes:
            await self._context.take_statuses(changes)
            self._turns.dirty |= self._actor.decides_by_statuses

    def _recall(self) -> None:
        """Hands over what an earlier life of this process had said, once the bus has told it."""
        if self._actor.recalls and self._peer.in_sync(INTENT_WORD, self._actor.name):
            self._turns.recall(self._peer.rows(INTENT_WORD, self._actor.name))

    def _waited_s(self) -> float:
        """For how long a bus could have told of an earlier life; 0 while there is none."""
        return 0.0 if self._peer.broker_session is None else time.monotonic() - self._started_at

    def _carry_out(self, decision: ActorDecision, cause: str) -> str:
        """Publishes intents and facts, applies the edges' states. Returns what has changed on the bus, for the log."""
        self._context.forget_cause()
        streams: list[tuple[str, Any]] = list(decision.facts.items())
        if decision.intents is not None:
            streams.append((INTENT_WORD, decision.intents))
        counts = [(word, *self._peer.publish(word, rows, cause)) for word, rows in streams]
        for name, state in decision.edges.items():
            self._actor.edges[name].apply(state)
        return ",".join(f"{word}+{new}-{gone}" for word, new, gone in counts if new or gone)

    def _set_waiting(self) -> tuple[str, ...]:
        waiting = self._turns.waiting(self._waited_s())
        self._context.set_waiting(waiting, heard_all=self._turns.heard_all)
        return waiting

    def _report_health(self) -> None:
        if health.report_process_health(self._peer, (*self._set_waiting(), *self._actor.unwell())):
            self._log.info("ready" if self._peer.ready else "waiting", reasons=self._peer.waiting or "-")
        if self._peer.last_malformed != self._malformed:
            self._malformed = self._peer.last_malformed
            total = self._peer.counters["malformed_messages"]
            self._log.warning("malformed", why=self._malformed, total=total)

    async def _interrupt_at_stop(self) -> None:
        await self._context.stop.wait()
        self._peer.interrupt()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(_STOP_S_MAX):
                await self._actor.on_stop()
        except TimeoutError:
            self._log.warning("edges did not close in time", seconds=_STOP_S_MAX)
        await self._context.cancel_tasks()


def run_actor(make: Callable[[ActorContext], Actor], name: str, command: str, description: str) -> NoReturn:
    """The process of an actor: `run_actor(CniManager, "cni", "actors.cni", __doc__)`."""

    async def main(config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> int:
        context = ActorContext(config, peer, log, stop)
        return await _ActorLoop(make(context), context, peer).live()

    run_bus_process(name, command, description, main)
