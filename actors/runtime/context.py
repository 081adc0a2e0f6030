"""What an actor may use of its process: configuration, log, counters, tasks, and what VPP holds of its intents.

A context is built before its actor, which is given it. It knows no actor: an edge (a server, a watch) that is given a
context can tell its process everything, and nothing else of it. `loop.py` keeps a context up to date.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from actors.runtime.realised import IntentRealisation, IntentsNotRealised
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.subscriptions import StreamChange
from schemas.config import NodeConfig
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, IntentStatus

T = TypeVar("T")


class ActorContext:
    """One process, as its actor sees it."""

    def __init__(self, config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> None:
        self.config, self.log = config, log
        self.counters: Counter[str] = peer.counters
        self.heard_all = False  # have the actor's handlers been given every stream's first complete load?
        self.failed = False  # is the process ending because of our own bug?
        self.stop = stop
        self._peer = peer
        self._woken = False
        self._cause = ""
        self._waiting: tuple[str, ...] = ()  # why the actor may not decide yet
        self._may_decide = asyncio.Event()
        self._statuses: dict[str, IntentStatus] = {}
        self._status_changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- for actors and their edges

    def wake(self, cause: str = "") -> str:
        """Something that an edge stored has changed: decide again. `cause`: what. Returns the name of the event."""
        self._woken = True
        self._cause = self._peer.new_cause(cause) if cause else self._cause
        self._peer.interrupt()
        return self._cause

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the process; an exception that it does not handle is our bug and ends the process."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.fail(task.exception())

    def fail(self, error: BaseException | None) -> None:
        """Ends the process because of our own bug; supervisord brings it back with fresh snapshots."""
        trace = "".join(traceback.format_exception(error)) if error else ""
        self.log.error("our bug", error=error, trace=trace)
        self.failed = True
        self.stop.set()
        self._peer.interrupt()

    def trace(self, event: str, key: str = "", cause: str = "", took_s: float = 0.0) -> None:
        """Tells taps of something that has just ended. Costs nothing while nobody listens."""
        self._peer.trace(event, key, cause, took_s)

    def status_of(self, key: str) -> IntentStatus | None:
        """What became of an intent of ours, as far as the writer has said."""
        return self._statuses.get(key)

    async def in_sync(self, within_s: float) -> None:
        """Waits until the actor may decide: all it hears is in sync. Raises IntentsNotRealised: what is missing."""
        try:
            async with asyncio.timeout(within_s):
                await self._may_decide.wait()
        except TimeoutError:
            raise IntentsNotRealised(f"not heard yet: {', '.join(self._waiting)}") from None

    async def realised(self, intents: Iterable[Intent], within_s: float) -> dict[str, AppliedStatus]:
        """Waits until VPP holds these very values. Raises IntentsNotRealised, naming key and reason."""
        realisation = IntentRealisation(intents)
        try:
            async with asyncio.timeout(within_s), self._status_changed:
                return await self._wait(lambda: realisation.applied(self._statuses))
        except TimeoutError:
            raise IntentsNotRealised(realisation.missing(self._statuses)) from None

    async def withdrawn(self, keys: Iterable[str], within_s: float) -> None:
        """Waits until VPP holds none of these objects any more. Raises IntentsNotRealised."""
        withdrawn = set(keys)
        try:
            async with asyncio.timeout(within_s), self._status_changed:
                await self._wait(lambda: None if withdrawn & self._statuses.keys() else True)
        except TimeoutError:
            present = sorted(withdrawn & self._statuses.keys())
            raise IntentsNotRealised(f"{present[0]}: still in VPP (and {len(present) - 1} more)") from None

    async def _wait(self, ready: Callable[[], T | None]) -> T:
        while (result := ready()) is None:
            await self._status_changed.wait()
        return result

    # --- for the loop

    def take_wakeup(self) -> bool:
        """Has the actor been woken since the last call?"""
        woken, self._woken = self._woken, False
        return woken

    @property
    def cause(self) -> str:
        """The name of the event that the actor was woken by last, until a decision has been published for it."""
        return self._cause

    def forget_cause(self) -> None:
        """A decision has been published."""
        self._cause = ""

    def set_waiting(self, reasons: Sequence[str], *, heard_all: bool) -> None:
        """Why the actor may not decide yet; once nothing is left to wait for, `in_sync` never waits again."""
        self._waiting, self.heard_all = tuple(reasons), heard_all
        if not reasons:
            self._may_decide.set()

    async def take_statuses(self, changes: Iterable[StreamChange]) -> None:
        """Stores statuses of our intents, and lets those look again that wait for them."""
        async with self._status_changed:
            for change in changes:
                if change.value is None:
                    self._statuses.pop(change.key, None)
                else:
                    self._statuses[change.key] = change.value
            self._status_changed.notify_all()

    async def cancel_tasks(self) -> None:
        """Ends all tasks, whatever they are at."""
        for task in list(self._tasks):
            task.remove_done_callback(self._task_ended)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def offline_actor_context(name: str, config: NodeConfig) -> ActorContext:
    """A context without a bus, for replays and tests: nobody listens, and no status ever comes. Logs errors only."""
    return ActorContext(config, BusPeer(name, config.bus), ProcessLog(name, "error"), asyncio.Event())
