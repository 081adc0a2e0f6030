"""Walks the table of `life.py`: runs the action of each state, and tells bus, log and disk what came of it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from bus.log import Log
from bus.peer import Peer
from schemas.config import NodeConfig
from schemas.facts import VppProcess
from schemas.words import status_word
from vppd_guard.life import (
    GuardEvent,
    GuardLife,
    GuardState,
    advance,
    rest_s,
    retry_s,
)
from vppd_guard.report.history import History, HistoryLine
from vppd_guard.states import (
    captured,
    configured,
    lost,
    preflight,
    resting,
    restoring,
    retrying,
    running,
    start,
    taken,
    up,
)
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import DeviceGone, NotForwarding
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.uplink.uplinks import uplink_fact
from vppd_guard.vpp.log_tail import LogTail

HEARTBEAT_S = 0.5
TAKING = (GuardState.CAPTURED, GuardState.TAKEN, GuardState.UP, GuardState.CONFIGURED)
WAITS = {GuardState.RESTING: rest_s, GuardState.RETRYING: retry_s}
NEVER_CUT_SHORT = (GuardState.START, GuardState.RESTORING)  # both are quick, and half of either is worse than none
EVENTS = {DeviceGone: GuardEvent.GONE, NotForwarding: GuardEvent.SILENT, TimeoutError: GuardEvent.LATE}


class Guard:
    """The uplinks of a node, and its VPP."""

    def __init__(self, config: NodeConfig, peer: Peer, log: Log) -> None:
        directory = config.state / "guard"
        self.scene = GuardContext(config, peer, log, UndoJournal(directory), History(directory))
        self.life = GuardLife()
        self.trouble = ""  # of the state that has just ended
        self.reason = ""  # why Linux has the uplinks
        self._changed_at = time.monotonic()
        self._actions: dict[GuardState, Callable[[], Awaitable[GuardEvent]]] = {
            GuardState.START: partial(start.start, self.scene),
            GuardState.PREFLIGHT: partial(preflight.check, self.scene),
            GuardState.CAPTURED: partial(captured.take, self.scene),
            GuardState.TAKEN: partial(taken.start_vpp, self.scene),
            GuardState.UP: partial(up.configure, self.scene),
            GuardState.CONFIGURED: partial(configured.give_host, self.scene),
            GuardState.RUNNING: partial(running.run, self.scene),
            GuardState.RESTORING: lambda: restoring.restore(self.scene, self.life),
            GuardState.RETRYING: lambda: retrying.retry(self.scene, self.life),
            GuardState.LOST: lambda: lost.await_return(self.scene, self.life),
            GuardState.RESTING: lambda: resting.rest(self.scene, self.life),
        }

    async def live(self, stop: asyncio.Event) -> int:
        """Until stopped. Returns the exit code: 0 if Linux has everything back."""
        self.scene.peer.subscribe(status_word("guard"))
        self.scene.history.add(HistoryLine(at=time.time(), pid=os.getpid(), what="the guard starts"))
        tail = LogTail(self.scene.config.vpp_run / "vpp.log", self.scene.log)
        beating = [asyncio.create_task(self._beat()), asyncio.create_task(tail.follow())]
        self._report()
        while self.life.state is not GuardState.STOPPED:
            event = await self._act(stop)
            self._enter(advance(self.life, event, time.monotonic()), event)
        for task in beating:
            task.cancel()
        tail.read_new()
        return 1 if self.scene.journal.read() else 0

    def forward(self, number: int) -> None:
        """A signal that is VPP's business."""
        if self.scene.process is not None:
            self.scene.process.signal(number)

    async def _act(self, stop: asyncio.Event) -> GuardEvent:
        """Runs the state's action; VPP's end and the order to stop cut it short."""
        action: asyncio.Future[Any] = asyncio.ensure_future(self._actions[self.life.state]())
        watched: dict[asyncio.Future[Any], GuardEvent] = {}
        if self.life.state not in NEVER_CUT_SHORT:
            watched[asyncio.ensure_future(stop.wait())] = GuardEvent.STOP
            if self.scene.process is not None:
                watched[asyncio.ensure_future(self.scene.process.ended.wait())] = GuardEvent.VPP_ENDED
        await asyncio.wait([action, *watched], return_when=asyncio.FIRST_COMPLETED)
        first = next((event for future, event in watched.items() if future.done()), None)
        for future in (*watched, *([action] if first else [])):
            future.cancel()
        results = await asyncio.gather(action, *watched, return_exceptions=True)
        if first is not None:
            process = self.scene.process
            self.trouble = f"VPP {process.reason}" if first is GuardEvent.VPP_ENDED and process else ""
            return first
        return self._outcome(results[0])

    def _outcome(self, result: object) -> GuardEvent:
        self.trouble = ""
        if isinstance(result, GuardEvent):
            return result
        if isinstance(result, TimeoutError) and not str(result):
            self.trouble = f"not done in time: {', '.join(self.scene.peer.waiting) or self.life.state.value}"
        else:
            self.trouble = str(result) or type(result).__name__
        if not isinstance(result, OSError) and type(result).__module__ == "builtins":
            self.trouble = f"{type(result).__name__}: {result}"  # a bug of ours: its name helps
        return next((event for kind, event in EVENTS.items() if isinstance(result, kind)), GuardEvent.FAILED)

    def _enter(self, life: GuardLife, event: GuardEvent) -> None:
        moment = time.monotonic()
        took_ms = (moment - self._changed_at) * 1000
        was, self.life, self._changed_at = self.life, life, moment
        if self.trouble and life.state is not GuardState.LOST:
            self.reason = self.trouble
        if life.state is GuardState.RUNNING or event is GuardEvent.STOP:
            self.reason = ""
        if was.state in TAKING and life.failures > was.failures:
            self._blame_drivers()
        good = event in (GuardEvent.DONE, GuardEvent.STOP, GuardEvent.ADOPTS)
        write = self.scene.log.info if good else self.scene.log.warning
        why = {"why": self.trouble} if self.trouble else {}
        write("state", was=was.state.value, by=event.value, now=life.state.value, took_ms=took_ms, **why)
        self.scene.history.add(
            HistoryLine(
                at=time.time(),
                state=was.state.value,
                event=event.value,
                to=life.state.value,
                why=self.trouble,
                took_ms=took_ms,
                wait_s=WAITS[life.state](life) if life.state in WAITS else 0.0,
                uplinks=self.scene.names,
                failures=life.failures,
            )
        )
        self._report()

    def _blame_drivers(self) -> None:
        """A driver that was chosen by itself and did not get there makes way for the next."""
        for each in self.scene.uplinks:
            if not each.target.spec.vppDriver:
                self.scene.failed_drivers.setdefault(each.name, set()).add(each.driver.name)

    def _report(self) -> None:
        """The facts, and our own readiness."""
        scene, state = self.scene, self.life.state
        running = state is GuardState.RUNNING
        waiting = () if running else (f"{state.value}: {self.reason}" if self.reason else state.value,)
        scene.peer.ready, scene.peer.waiting = running, waiting
        up = scene.vpp_runs
        process = VppProcess(
            state="up" if up else "down",
            pid=scene.process.pid if scene.process and up else 0,
            reason="" if up else scene.ended,
            last_words=scene.last_words,
        )
        scene.peer.publish("vpp", {"vpp": process})
        word = "running" if running else "taking" if state in TAKING[1:] else "linux"
        rows = {
            each.name: uplink_fact(each, word, self.reason, main=each is scene.uplinks[0]) for each in scene.uplinks
        }
        if rows:
            scene.peer.publish("uplink", rows)

    async def _beat(self) -> None:
        while True:
            self.scene.peer.progress += 1
            await asyncio.sleep(HEARTBEAT_S)
