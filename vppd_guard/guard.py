"""Walks the table of `life.py`: runs each state's action, and reports to bus, log and history."""

import asyncio
import os
import time
from collections.abc import Awaitable
from typing import Any

from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.shortage import is_shortage
from bus.watched_task import start_watched_task
from schemas.config import NodeConfig
from schemas.facts import VppProcessFact
from schemas.words import intent_status_word, owner_of_word
from vppd_guard.life import (
    GUARD_HANDOVER_STATES,
    TAKEOVER_STATES,
    GuardEvent,
    GuardLife,
    GuardState,
    advance_guard_life,
    guard_rest_s,
    guard_retry_s,
)
from vppd_guard.report.history_line import GuardHistoryLine
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
from vppd_guard.states.failures import UplinkDeviceGone, VppNotForwarding
from vppd_guard.states.holding import (
    GuardHolding,
    GuardHoldingAdopted,
    GuardHoldingCaptured,
    GuardHoldingTaken,
    GuardHoldingUp,
    GuardLeftovers,
)
from vppd_guard.uplink.uplinks import uplink_fact
from vppd_guard.vpp.log_tail import VppLogTail

_HEARTBEAT_S = 0.5
_TAKING = TAKEOVER_STATES[:-1]
_WAITS = {GuardState.RESTING: guard_rest_s, GuardState.RETRYING: guard_retry_s}
_OUTLAST_SHORTAGE = (GuardState.START, GuardState.RUNNING, GuardState.LOST)
_OUTLAST_SHORTAGE_IF_ADOPTED = (GuardState.UP, GuardState.CONFIGURED)
_SHORTAGE_PAUSE_S, _SHORTAGE_TOLD_EVERY_S = 1.0, 60.0
_NEVER_CUT_SHORT = (GuardState.START, GuardState.RESTORING)  # both are quick, and half of either is worse than none
# Class that an action has returned or raised -> event. Other returns are DONE, other exceptions FAILED.
_EVENTS: dict[type[object], GuardEvent] = {
    GuardHoldingAdopted: GuardEvent.ADOPTS,
    GuardLeftovers: GuardEvent.LEFTOVERS,
    UplinkDeviceGone: GuardEvent.GONE,
    VppNotForwarding: GuardEvent.SILENT,
    TimeoutError: GuardEvent.LATE,
}


class UplinkGuard:
    """One node's uplinks and VPP."""

    def __init__(self, config: NodeConfig, peer: BusPeer, log: ProcessLog) -> None:
        self.context = GuardContext(config, peer, log)
        self.life = GuardLife()
        self.holding = GuardHolding()  # of the last action that has succeeded
        self.trouble = ""  # of the state that has just ended
        self.reason = ""  # why Linux has the uplinks
        self.handed_over = False  # stopped, and everything is left to the next guard
        self._changed_at = time.monotonic()

    async def live(self, stop: asyncio.Event, handover: asyncio.Event) -> int:
        """Runs until told to stop or to hand over. Returns the exit code.

        0: Linux has everything back, or the next guard is to go on with what there is (`handed_over`).
        """
        context = self.context
        context.peer.subscribe(intent_status_word("guard"))
        # Never waited for: until they come, the tap has what earlier guards have placed.
        context.peer.subscribe("ip-pool", owner_of_word("ip-pool", context.config.node_source))
        context.history.add(GuardHistoryLine(at=time.time(), pid=os.getpid(), what="the guard starts"))
        tail = VppLogTail(context.vpp.log, context.log)
        background = [start_watched_task(self._beat()), start_watched_task(tail.follow())]
        context.peer.waiting = (self.life.state.value,)
        while self.life.state is not GuardState.STOPPED:
            event = await self._run_action(stop, handover)
            self._enter(advance_guard_life(self.life, event, time.monotonic()), event)
        for task in background:
            task.cancel()
        tail.read_new()
        return 1 if context.journal.read() and not self.handed_over else 0

    def forward(self, number: int) -> None:
        """Forwards a signal to VPP."""
        self.context.vpp.signal(number)

    async def _act(self) -> GuardHolding | None:
        """Runs the action of the present state.

        Where VPP may forward, want of descriptors, memory or threads in this process is no reason to give anything
        back: the action is run again until it can look.
        """
        told_at = -_SHORTAGE_TOLD_EVERY_S
        while True:
            try:
                return await self._action()
            except (OSError, RuntimeError, MemoryError) as error:
                if not is_shortage(error) or not self._outlasts_shortage():
                    raise
                self.context.peer.waiting = (f"{self.life.state.value}: cannot look, tries again: {error}",)
                if time.monotonic() - told_at >= _SHORTAGE_TOLD_EVERY_S:
                    told_at = time.monotonic()
                    self.context.log.warning("cannot look, tries again", state=self.life.state.value, why=error)
            await asyncio.sleep(_SHORTAGE_PAUSE_S)

    def _outlasts_shortage(self) -> bool:
        """Does the present state go on when its action fails for want of descriptors, memory or threads?"""
        adopted = isinstance(self.holding, GuardHoldingUp) and self.holding.taken_at is None
        return self.life.state in _OUTLAST_SHORTAGE or (adopted and self.life.state in _OUTLAST_SHORTAGE_IF_ADOPTED)

    def _action(self) -> Awaitable[GuardHolding | None]:
        """The action of the present state. An action that returns None leaves the holding as it is."""
        context, life = self.context, self.life
        match life.state, self.holding:
            case GuardState.START, _:
                return start.run_guard_state(context)
            case GuardState.PREFLIGHT, _:
                self.holding = GuardHolding()  # the uplinks are captured anew, whatever they were before
                return preflight.run_guard_state(context)
            case GuardState.CAPTURED, GuardHoldingCaptured() as holding:
                return captured.run_guard_state(context, holding)
            case GuardState.TAKEN, GuardHoldingTaken() as holding:
                return taken.run_guard_state(context, holding)
            case GuardState.UP, GuardHoldingUp() as holding:
                return up.run_guard_state(context, holding)
            case GuardState.CONFIGURED, GuardHoldingUp() as holding:
                return configured.run_guard_state(context, holding)
            case GuardState.RUNNING, GuardHoldingUp() as holding:
                return running.run_guard_state(context, holding, self._follow)
            case GuardState.RESTORING, holding:
                return restoring.run_guard_state(context, life, holding)
            case GuardState.RETRYING, _:
                return retrying.run_guard_state(life)
            case GuardState.LOST, _:
                return lost.run_guard_state(context)
            case GuardState.RESTING, _:
                return resting.run_guard_state(life)
        raise AssertionError(f"in state {life.state.value} the guard cannot hold {self.holding}")

    def _follow(self, holding: GuardHoldingUp) -> None:
        """The uplinks have changed while VPP carries them."""
        self.holding = holding
        self._publish()

    async def _run_action(self, stop: asyncio.Event, handover: asyncio.Event) -> GuardEvent:
        """Runs the state's action. VPP's end and the orders to stop and to hand over cut it short."""
        action: asyncio.Future[Any] = asyncio.ensure_future(self._act())
        watched: dict[asyncio.Future[Any], GuardEvent] = {}
        if self.life.state not in _NEVER_CUT_SHORT:
            watched[asyncio.ensure_future(stop.wait())] = GuardEvent.STOP
            if (ended := self.context.vpp.ended) is not None:
                watched[asyncio.ensure_future(ended.wait())] = GuardEvent.VPP_ENDED
        if self.life.state in GUARD_HANDOVER_STATES:
            watched[asyncio.ensure_future(handover.wait())] = GuardEvent.HANDOVER
        await asyncio.wait([action, *watched], return_when=asyncio.FIRST_COMPLETED)
        first = next((event for future, event in watched.items() if future.done()), None)
        for future in (*watched, *([action] if first else [])):
            future.cancel()
        results = await asyncio.gather(action, *watched, return_exceptions=True)
        if first is not None:
            vpp = self.context.vpp.instance
            self.trouble = f"VPP {vpp.reason}" if first is GuardEvent.VPP_ENDED and vpp else ""
            return first
        return self._event(results[0])

    def _event(self, result: object) -> GuardEvent:
        """The event for what an action has returned or raised."""
        self.trouble = self._trouble(result) if isinstance(result, BaseException) else ""
        if isinstance(result, GuardHolding):
            self.holding = result
        otherwise = GuardEvent.FAILED if self.trouble else GuardEvent.DONE
        return next((event for kind, event in _EVENTS.items() if isinstance(result, kind)), otherwise)

    def _trouble(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError) and not str(error):
            return f"not done in time: {', '.join(self.context.peer.waiting) or self.life.state.value}"
        if not isinstance(error, OSError) and type(error).__module__ == "builtins":
            return f"{type(error).__name__}: {error}"  # a bug of ours: its name helps
        return str(error) or type(error).__name__

    def _enter(self, life: GuardLife, event: GuardEvent) -> None:
        moment = time.monotonic()
        took_ms = (moment - self._changed_at) * 1000
        was, self.life, self._changed_at = self.life, life, moment
        if self.trouble and life.state is not GuardState.LOST:
            self.reason = self.trouble
        if life.state is GuardState.RUNNING or event is GuardEvent.STOP:
            self.reason = ""
        if life.state is GuardState.RUNNING:
            self.context.peer.counters["takeovers"] += 1
        self._keep_descriptors_back()
        self.handed_over = event is GuardEvent.HANDOVER
        if was.state in _TAKING and life.failures > was.failures:
            self._blame_drivers()
        good = event in (GuardEvent.DONE, GuardEvent.STOP, GuardEvent.ADOPTS, GuardEvent.HANDOVER)
        write = self.context.log.info if good else self.context.log.warning
        why = {"why": self.trouble} if self.trouble else {}
        write("state", was=was.state.value, by=event.value, now=life.state.value, took_ms=took_ms, **why)
        self.context.history.add(
            GuardHistoryLine(
                at=time.time(),
                state=was.state.value,
                event=event.value,
                to=life.state.value,
                why=self.trouble,
                took_ms=took_ms,
                wait_s=_WAITS[life.state](life) if life.state in _WAITS else 0.0,
                uplinks=self.holding.names,
                failures=life.failures,
            )
        )
        if not self.handed_over:  # what has been said holds until the next guard says something else
            self._publish()

    def _keep_descriptors_back(self) -> None:
        """A restore may use what has been kept back for it."""
        if self.life.state is GuardState.RESTORING:
            self.context.reserve.release()
        elif self.life.state in (GuardState.PREFLIGHT, GuardState.RUNNING):
            self.context.reserve.fill()

    def _blame_drivers(self) -> None:
        """An automatically chosen driver that did not get there makes way for the next."""
        for uplink in self.holding.uplinks:
            if not uplink.target.spec.vppDriver:
                self.context.failed_drivers.add(uplink.name, uplink.driver.name)

    def _publish(self) -> None:
        """Publishes the facts, and the guard's own readiness."""
        peer, vpp, state = self.context.peer, self.context.vpp, self.life.state
        running_now = state is GuardState.RUNNING
        waiting = () if running_now else (f"{state.value}: {self.reason}" if self.reason else state.value,)
        peer.ready, peer.waiting = running_now, waiting
        process = VppProcessFact(
            state="up" if vpp.runs else "down",
            pid=vpp.instance.pid if vpp.instance and vpp.runs else 0,
            reason="" if vpp.runs else vpp.end_reason,
            last_words=vpp.last_words,
        )
        peer.publish("vpp", {"vpp": process})
        word = "running" if running_now else "taking" if state in _TAKING[1:] else "linux"
        uplinks = self.holding.uplinks
        rows = {uplink.name: uplink_fact(uplink, word, self.reason, main=uplink is uplinks[0]) for uplink in uplinks}
        if rows:
            peer.publish("uplink", rows)

    async def _beat(self) -> None:
        while True:
            self.context.peer.progress += 1
            await asyncio.sleep(_HEARTBEAT_S)
