"""Runs an actor: take what waits, hand it to the handlers, decide once, say what differs.

One process, one loop, one thread, no locks. This is the only file of the runtime that waits.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NoReturn, TypeVar

from actors.runtime.actor import Actor
from actors.runtime.realised import NotRealised, Realisation
from actors.runtime.step import Step
from bus.log import Log
from bus.peer import Peer
from bus.process import run_process
from bus.subscriptions import StreamChange, StreamEvent
from schemas.config import NodeConfig
from schemas.intents import Intent
from schemas.statuses import Applied, Status
from schemas.topics import INTENT, status_word

IDLE_TURN_S = 0.5  # a turn at least so often, so that progress shows the loop alive
STOP_S_MAX = 1.5
T = TypeVar("T")
EXIT_FAILED = 1


class Runtime:
    """What an actor may use of its process: configuration, bus, log, tasks, waiting for VPP."""

    def __init__(self, actor: Actor, config: NodeConfig, peer: Peer, log: Log, stop: asyncio.Event) -> None:
        self.config, self.peer, self.log = config, peer, log
        self._actor, self._stop = actor, stop
        self._step = Step(actor)
        self._cause = ""
        self._statuses: dict[str, Status] = {}
        self._status_changed = asyncio.Condition()
        self._in_sync = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed = False
        self._malformed = ""

    def wake(self, cause: str = "") -> str:
        """Something that an edge stored has changed: decide again. `cause`: what. Returns the name of the event."""
        self._step.dirty = True
        self._cause = self.peer.new_cause(cause) if cause else self._cause
        self.peer.interrupt()
        return self._cause

    @property
    def heard_all(self) -> bool:
        """Have the actor's handlers been told every stream's first complete load?"""
        return self._step.heard_all

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the process; an exception that it does not handle is our bug and ends the process."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        self.fail(task.exception())

    def fail(self, error: BaseException | None) -> None:
        """Ends the process because of our own bug; supervisord brings it back with fresh snapshots."""
        trace = "".join(traceback.format_exception(error)) if error else ""
        self.log.error("our bug", error=error, trace=trace)
        self._failed = True
        self._stop.set()
        self.peer.interrupt()

    def status_of(self, key: str) -> Status | None:
        """What became of an intent of ours, as far as it has been said."""
        return self._statuses.get(key)

    async def heard(self, within_s: float) -> None:
        """Waits until everything that the actor hears is in sync. Raises NotRealised, naming what is missing."""
        try:
            async with asyncio.timeout(within_s):
                await self._in_sync.wait()
        except TimeoutError:
            raise NotRealised(f"not heard yet: {', '.join(self._step.waiting())}") from None

    async def realised(self, intents: Iterable[Intent], within_s: float) -> dict[str, Applied]:
        """Waits until VPP holds these very values. Raises NotRealised, naming key and reason."""
        wish = Realisation(intents)
        try:
            async with asyncio.timeout(within_s), self._status_changed:
                return await self._wait(lambda: wish.done(self._statuses))
        except TimeoutError:
            raise NotRealised(wish.missing(self._statuses)) from None

    async def withdrawn(self, keys: Iterable[str], within_s: float) -> None:
        """Waits until VPP holds none of these objects any more. Raises NotRealised."""
        wish = set(keys)
        try:
            async with asyncio.timeout(within_s), self._status_changed:
                await self._wait(lambda: None if wish & self._statuses.keys() else True)
        except TimeoutError:
            left = sorted(wish & self._statuses.keys())
            raise NotRealised(f"{left[0]}: still in VPP (and {len(left) - 1} more)") from None

    async def _wait(self, ready: Callable[[], T | None]) -> T:
        while (result := ready()) is None:
            await self._status_changed.wait()
        return result

    # --- turns

    async def live(self) -> int:
        """Runs the actor until it is told to stop. Returns the exit code."""
        status = status_word(self._actor.name)
        for word, owner in self._actor.streams():
            self.peer.subscribe(word, owner)
        if self._actor.desired.__func__ is not Actor.desired:  # type: ignore[attr-defined]
            self.peer.subscribe(status)
        stopping = asyncio.create_task(self._nudge_at_stop())
        await self._actor.on_start()
        try:
            while not self._stop.is_set():
                await self._turn(status)
        except Exception as error:  # any exception here is our bug: log, exit, come back by supervisord
            self.fail(error)
        stopping.cancel()
        await self._close()
        return EXIT_FAILED if self._failed else 0

    async def _turn(self, status: str) -> None:
        events = await self.peer.changes(IDLE_TURN_S)
        started = time.monotonic()
        await self._hear_statuses(events, status)
        heard = self._step.hear(events)
        self.peer.progress += 1
        cause = self._cause or next((e.cause for e in events if isinstance(e, StreamChange) and e.cause), "")
        said = self._say(cause)
        self._report_health()
        if heard or said:
            took_ms = (time.monotonic() - started) * 1000
            self.log.info("turn", cause=cause or "-", heard=heard, said=said or "-", took_ms=took_ms)

    async def _hear_statuses(self, events: list[StreamEvent], word: str) -> None:
        changes = [e for e in events if isinstance(e, StreamChange) and e.word == word]
        if not changes:
            return
        async with self._status_changed:
            for change in changes:
                if change.value is None:
                    self._statuses.pop(change.key, None)
                else:
                    self._statuses[change.key] = change.value
            self._status_changed.notify_all()
        self._actor.answered()

    def _say(self, cause: str) -> str:
        said = self._step.decide()
        if said is None:
            return ""
        self._cause = ""
        streams: list[tuple[str, Any]] = list(said.facts.items())
        if said.intents is not None:
            streams.append((INTENT, said.intents))
        counts = [(word, *self.peer.publish(word, rows, cause)) for word, rows in streams]
        return ",".join(f"{word}+{new}-{gone}" for word, new, gone in counts if new or gone)

    def _report_health(self) -> None:
        if not self._step.waiting():
            self._in_sync.set()
        waiting = (*self._step.waiting(), *self._actor.unwell())
        if self.peer.broker_session is None:
            waiting = ("bus: no broker", *waiting)
        if waiting != self.peer.waiting:
            self.log.info("ready" if not waiting else "waiting", reasons=waiting or "-")
        self.peer.waiting, self.peer.ready = waiting, not waiting
        if self.peer.last_malformed != self._malformed:
            self._malformed = self.peer.last_malformed
            self.log.warning("malformed", why=self._malformed, total=self.peer.counters["malformed_messages"])

    async def _nudge_at_stop(self) -> None:
        await self._stop.wait()
        self.peer.interrupt()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._actor.on_stop()
        except TimeoutError:
            self.log.warning("edges did not close in time", seconds=STOP_S_MAX)
        for task in list(self._tasks):
            task.remove_done_callback(self._ended)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def run(make: Callable[[NodeConfig], Actor], name: str, command: str, description: str) -> NoReturn:
    """The process of an actor: `run(CniManager, "cni", "actors.cni", __doc__)`."""

    async def main(config: NodeConfig, peer: Peer, log: Log, stop: asyncio.Event) -> int:
        actor = make(config)
        actor.node_source = config.node_source
        actor.runtime = Runtime(actor, config, peer, log, stop)
        return await actor.runtime.live()

    run_process(name, command, description, main)
