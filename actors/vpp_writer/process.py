"""The writer's process: hears intents, connects to VPP, lets the writer turn, says statuses.

Connects whenever VPP's API socket answers; starts in any order with everything else.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from actors.runtime import health
from actors.vpp_writer.apply import journal
from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.journal import Journal, JournalContents
from actors.vpp_writer.apply.writer import Writer, identify
from actors.vpp_writer.kinds import ALL, requests
from actors.vpp_writer.kinds.call import NoAnswer
from actors.vpp_writer.reconcile.livelock import LivelockGuard
from actors.vpp_writer.reconcile.objects import Objects
from actors.vpp_writer.vpp.client import VppClient, VppGone
from actors.vpp_writer.vpp.definitions import Definitions, Unfit
from bus.log import Log
from bus.peer import Peer
from bus.subscriptions import StreamChange, StreamSynced
from schemas.config import NodeConfig
from schemas.facts import VppEpoch
from schemas.requests import VPP_SILENT
from schemas.words import INTENT, INTENT_OWNERS, status_word

CONNECT_EVERY_S = 0.05
IDLE_TURN_S = 0.5
HEARD_MAX = 1000  # changes between two plans
RETRY_TURN_S = 0.1
DRIFT_TURN_S = 0.05
WATCH_EVERY_S = 0.25
LOG_EVERY_S = 1.0
SPEAK_AFTER_S = 2.0  # without VPP for so long after the start, the statuses of an earlier life are replaced


@dataclass
class Burst:
    """Turns that follow one another, for the log."""

    began: float = 0.0
    turns: int = 0
    written: int = 0
    said: int = 0


class WriterProcess:
    """The loop: hear, connect, turn, speak."""

    def __init__(self, config: NodeConfig, peer: Peer, log: Log, stop: asyncio.Event) -> None:
        self.config, self.peer, self.log, self.stop = config, peer, log, stop
        directory = config.run / "writer"
        self.messages = Definitions(requests(), directory)
        self.ledger = Objects()
        self.journal = Journal(directory / "journal")
        self.recalled = JournalContents()
        self.synced: set[str] = set()
        self.joining: dict[str, Iterator[list[str]]] = {}  # owners whose first complete streams are being taken over
        self.spoken = False
        self.burst = Burst()
        self.livelock = LivelockGuard()
        self.why = "VPP: not reached yet"
        self.fresh: set[str] | None = None  # keys of what was heard since all were said to wait; None: say it of all
        self.api: VppClient | None = None
        self.started_at = time.monotonic()

    async def live(self) -> int:
        """Until told to stop."""
        self._recall()
        for owner in INTENT_OWNERS:
            self.peer.subscribe(INTENT, owner)
        stopping = asyncio.create_task(self._nudge_when(self.stop))
        while not self.stop.is_set():
            try:
                api = await VppClient.connect(self.config.vpp_api, self.messages, self.config.vpp_window)
            except (VppGone, Unfit, NoAnswer) as error:
                self._away(str(error))
                await self._hear(0 if self.joining else CONNECT_EVERY_S)
                continue
            await self._connected(api)
        stopping.cancel()
        self.journal.close()
        return 0

    def _recall(self) -> None:
        """What the journal tells is what its owners want, until they speak."""
        self.recalled = journal.read(self.journal.path)
        for key, held in self.recalled.held.items():
            self.ledger.hold(key, held)
            self.ledger.claims.put(held.owner, key, held.intent)
        life = self.recalled.life
        self.log.info("journal", objects=len(self.recalled.held), epoch=life.epoch if life else 0)

    async def _connected(self, api: VppClient) -> None:
        watching = asyncio.create_task(self._watch(api))
        drift = DriftCheck(self.config.readback_s, time.monotonic())
        writer = Writer(api, self.ledger, self.journal, self.peer)
        self.recalled.held = self.ledger.held
        try:
            life = await identify(api)
            await writer.meet(life, self.recalled)
            version = str((await api.request("show_version")).version)
            self.recalled.life = journal.VppLife(writer.epoch, life.pid, life.started, self.ledger.suspects)
            unavailable = tuple(sorted(kind.name for kind in ALL if not all(map(api.supports, kind.messages))))
            told = VppEpoch(connected=True, epoch=writer.epoch, pid=life.pid, version=version, unavailable=unavailable)
            self._say_epoch(told)
            for kind in unavailable:
                self.log.warning("unavailable", kind=kind, why="VPP lacks messages of it")
            self.log.info("connected", pid=life.pid, epoch=writer.epoch, version=version)
            self.why, self.fresh, self.api = "", None, api
            self.livelock.renew(self.ledger.dirty)
            while not self.stop.is_set() and not api.closed.is_set():
                await self._turn(writer, drift)
        except (VppGone, NoAnswer) as error:
            self._away(str(error))
        finally:
            self.recalled.unknown = dict(writer.unknown)
            self.api = None
            watching.cancel()
            await api.close()

    async def _turn(self, writer: Writer, drift: DriftCheck) -> None:
        writes = self.peer.counters["vpp_writes_total"]
        more = await writer.step()
        if not more:
            self.livelock.renew(self.ledger.dirty)
        self.recalled.life = self.recalled.life and journal.VppLife(
            writer.epoch, self.recalled.life.pid, self.recalled.life.started, self.ledger.suspects
        )
        self._log_turn(self.peer.counters["vpp_writes_total"] - writes, self._speak(), more=more)
        if not more and drift.due(time.monotonic()) and (lost := await writer.look(drift)):
            self.log.warning("drift", lost=len(lost), first=min(lost))
            self.livelock.renew(self.ledger.dirty)
            more = True
        if self.joining or self.journal.compacting or (more and self._may_go_on()):
            await self._hear(0)
        elif drift.in_pass:
            await self._hear(DRIFT_TURN_S)
        else:
            await self._hear(RETRY_TURN_S if more or self.ledger.failing else IDLE_TURN_S)

    def _may_go_on(self) -> bool:
        """Another step at once? Not for ever without anything new: then some a second."""
        spun = self.livelock.detected
        if not self.livelock.may_follow() and not spun:
            self.log.error("our bug", error="objects undo one another", first=next(self.ledger.waiting(), "-"))
        return not self.livelock.detected

    def _log_turn(self, written: int, said: int, *, more: bool) -> None:
        """One line for all turns of a burst, or for each second of it."""
        now = time.monotonic()
        if not self.burst.turns:
            self.burst.began = now
        self.burst.turns += bool(written or said)
        self.burst.written += written
        self.burst.said += said
        if self.burst.turns and (not more or now - self.burst.began > LOG_EVERY_S):
            took_ms = (now - self.burst.began) * 1000
            self.log.info(
                "turn",
                turns=self.burst.turns,
                writes=self.burst.written,
                statuses=self.burst.said,
                **self.ledger.count(),
                took_ms=took_ms,
            )
            self.burst = Burst()

    async def _hear(self, wait_s: float) -> None:
        """Takes in what owners say; an owner counts from its first complete stream on."""
        events = await self.peer.changes(wait_s, HEARD_MAX)
        self.peer.progress += 1
        heard = []
        for event in events:
            if event.word != INTENT:
                continue
            if isinstance(event, StreamSynced):
                self.synced.add(event.owner)
                rows = self.peer.view(INTENT, event.owner)
                self.joining[event.owner] = self.ledger.claims.replacing(event.owner, rows)
            elif event.owner in self.synced and self._take(event):
                heard.append(event.key)
        self._look_at(heard)
        self._join()
        self._report_health()

    def _join(self) -> None:
        """A slice of each owner's first complete stream: what is urgent does not wait for a long one's end."""
        for owner, slices in list(self.joining.items()):
            if (keys := next(slices, None)) is None:
                del self.joining[owner]
                continue
            self._look_at(keys)

    def _look_at(self, keys: list[str]) -> None:
        """These are to be planned, because somebody says so."""
        self.ledger.touch(keys)
        if keys:
            self.livelock.renew(self.ledger.dirty)
        if self.fresh is not None:
            self.fresh.update(keys)

    def _take(self, change: StreamChange) -> bool:
        """Takes in what an owner says; False: it is not what it says it is."""
        if change.value is not None and change.value.key != change.key:
            self.peer.counters["malformed_messages"] += 1
            self.log.warning("malformed", why=f"intent {change.key} of {change.owner}: key: is {change.value.key}")
            return False
        self.ledger.claims.put(change.owner, change.key, change.value)
        if change.cause:
            self.ledger.causes[change.key] = change.cause
        elif self.ledger.causes:
            self.ledger.causes.pop(change.key, None)
        return True

    def _away(self, why: str) -> None:
        if why != self.why:
            self.log.info("no VPP", why=why)
        if not self.why:
            self._say_epoch(VppEpoch(connected=False, epoch=self.recalled.life.epoch if self.recalled.life else 0))
        self.why = why
        if self.spoken or time.monotonic() - self.started_at > SPEAK_AFTER_S:
            self.ledger.say_away("VPP", self.fresh)
            self.ledger.forget_unwanted()
            self.fresh = set()
            self._speak()

    def _say_epoch(self, fact: VppEpoch) -> None:
        self.peer.publish("epoch", {"vpp": fact})
        self.peer.counters["vpp_epoch"] = fact.epoch

    def _speak(self) -> int:
        """Says the statuses that have changed; the first time all of them. Returns how many."""
        said, causes = self.ledger.statuses, self.ledger.causes
        changed = said.changed()
        if not self.spoken:
            self.spoken = True
            for owner in INTENT_OWNERS:
                self.peer.publish(status_word(owner), said.statuses.get(owner, {}))
            return len(said)
        for owner, statuses in changed.items():
            self.peer.update_rows(status_word(owner), statuses, causes)
            for key in causes.keys() & statuses.keys():
                if statuses[key] is None:
                    del causes[key]
        return sum(map(len, changed.values()))

    def _report_health(self) -> None:
        waiting = (self.why,) if self.why else ()
        if self.api is not None and not self.api.answers:
            waiting = (VPP_SILENT,)
        health.report(self.peer, waiting)
        for name, number in self.ledger.count().items():
            self.peer.counters[name] = number
        self.peer.counters["vpp_writes_total"] += 0

    async def _watch(self, api: VppClient) -> None:
        """While calls wait for a VPP that does not answer, our loop is not stuck, and says what it waits for."""
        silent = False
        while not api.closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_EVERY_S):
                    await api.closed.wait()
            if silent == api.answers:
                silent = not api.answers
                self.log.warning("VPP does not answer") if silent else self.log.info("VPP answers again")
                self._report_health()
            if silent:
                self.peer.progress += 1
                if self.stop.is_set():
                    await api.close()
        self.peer.interrupt()

    async def _nudge_when(self, event: asyncio.Event) -> None:
        await event.wait()
        self.peer.interrupt()
