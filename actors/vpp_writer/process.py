"""The writer's process: hears intents, connects to VPP, lets the writer turn, says statuses.

Connects whenever VPP's API socket answers; starts in any order with everything else.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.journal import WriterJournal, WriterJournalContents
from actors.vpp_writer.apply.meeting import identify_vpp_life
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.apply.writer import VppObjectWriter
from actors.vpp_writer.kinds import INTENT_KINDS, vpp_request_names
from actors.vpp_writer.kinds.call import NoVppAnswer
from actors.vpp_writer.reconcile.livelock import LivelockDetector
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reports import WriterReports
from actors.vpp_writer.vpp.client import VppApiClient, VppApiGone
from actors.vpp_writer.vpp.definitions import UnfitVppApi, VppApiDefinitions
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.subscriptions import StreamChange, StreamSynced
from bus.watched_task import start_watched_task
from schemas.config import NodeConfig
from schemas.facts import VppEpochFact
from schemas.words import INTENT_OWNERS, INTENT_WORD

_CONNECT_EVERY_S = 0.05
_IDLE_TURN_S = 0.5
_CHANGES_MAX = 1000  # changes between two plans
_RETRY_TURN_S = 0.1
_DRIFT_TURN_S = 0.05
_WATCH_EVERY_S = 0.25
_PUBLISH_AFTER_S = 2.0  # without VPP for so long after the start, the statuses of an earlier life are replaced


class WriterProcess:
    """The loop: hear, connect, turn, speak."""

    def __init__(self, config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> None:
        self.config, self.peer, self.log, self.stop = config, peer, log, stop
        directory = config.run / "writer"
        self.messages = VppApiDefinitions(vpp_request_names(), directory)
        self.objects = ManagedObjects()
        self.journal = WriterJournal(directory / "journal")
        self.contents = WriterJournalContents()  # what an earlier life has left
        self.synced: set[str] = set()
        self.takeovers: dict[str, Iterator[list[str]]] = {}  # owners whose first complete streams are being taken over
        self.livelock = LivelockDetector()
        self.reports = WriterReports(self.objects, self.journal, peer, log)
        self.why = "VPP: not reached yet"
        # Keys of what was heard since all were said to wait; None: it is to be said of all.
        self.unreported: set[str] | None = None
        self.api: VppApiClient | None = None
        self.started_at = time.monotonic()

    async def run(self) -> int:
        """Until it is stopped."""
        self._recall_journal()
        for owner in INTENT_OWNERS:
            self.peer.subscribe(INTENT_WORD, owner)
        stopping = start_watched_task(self._nudge_when(self.stop))
        while not self.stop.is_set():
            try:
                api = await VppApiClient.connect(self.config.vpp_api, self.messages, self.config.vpp_window)
            except (VppApiGone, UnfitVppApi, NoVppAnswer) as error:
                self._report_away(str(error))
                await self._receive(0 if self.takeovers else _CONNECT_EVERY_S)
                continue
            await self._connected(api)
        stopping.cancel()
        self.journal.close()
        return 0

    def _recall_journal(self) -> None:
        """What the journal tells is what its owners want, until they speak."""
        self.contents = self.journal.recall()
        for key, held_object in self.contents.objects.items():
            self.objects.hold(key, held_object)
            self.objects.claims.set(held_object.owner, key, held_object.intent)
        life = self.contents.life
        self.log.info("journal", objects=len(self.contents.objects), epoch=life.epoch if life else 0)
        self.reports.report_journal()

    async def _connected(self, api: VppApiClient) -> None:
        watching = start_watched_task(self._watch(api))
        drift = DriftCheck(self.config.readback_s, time.monotonic())
        writer = VppObjectWriter(api, self.objects, self.journal, self.peer)
        self.contents.objects = self.objects.held
        try:
            life = await identify_vpp_life(api)
            await writer.meet(life, self.contents)
            version = str((await api.request("show_version")).version)
            self.contents.life = VppLifeRecord(writer.epoch, life.pid, life.started, self.objects.suspects)
            unavailable = tuple(
                sorted(kind.name for kind in INTENT_KINDS.values() if not all(map(api.supports, kind.messages)))
            )
            fact = VppEpochFact(
                connected=True, epoch=writer.epoch, pid=life.pid, version=version, unavailable=unavailable
            )
            self.reports.publish_epoch(fact)
            for name in unavailable:
                self.log.warning("unavailable", kind=name, why="VPP lacks messages of it")
            self.log.info("connected", pid=life.pid, epoch=writer.epoch, version=version)
            self.why, self.unreported, self.api = "", None, api
            self.livelock.renew(len(self.objects.queue))
            while not self.stop.is_set() and not api.closed.is_set():
                await self.turn(writer, drift)
        except (VppApiGone, NoVppAnswer) as error:
            self._report_away(str(error))
        finally:
            self.contents.unfinished = dict(writer.unfinished)
            self.api = None
            watching.cancel()
            await api.close()

    async def turn(self, writer: VppObjectWriter, drift: DriftCheck) -> None:
        """One step of the writer, what it says, and what is heard before the next."""
        writes, was_open = self.peer.counters["vpp_writes_total"], self.objects.gate.is_open
        more = await writer.step()
        if self.objects.gate.is_open and not was_open:
            self.reports.log_open_gate()
        if not more:
            self.livelock.renew(len(self.objects.queue))
        self.contents.life = self.contents.life and VppLifeRecord(
            writer.epoch, self.contents.life.pid, self.contents.life.started, self.objects.suspects
        )
        self.reports.log_turn(
            self.peer.counters["vpp_writes_total"] - writes, self.reports.publish_statuses(), more=more
        )
        if not more and drift.due(time.monotonic()) and (missing := await writer.check_drift(drift)):
            self.log.warning("drift", lost=len(missing), first=min(missing))
            self.livelock.renew(len(self.objects.queue))
            more = True
        if self.takeovers or self.journal.compacting or (more and self._may_go_on()):
            await self._receive(0)
        elif drift.in_pass:
            await self._receive(_DRIFT_TURN_S)
        else:
            soon = more or self.objects.failing or self.objects.gate.waiting
            await self._receive(_RETRY_TURN_S if soon else _IDLE_TURN_S)

    def _may_go_on(self) -> bool:
        """Another step at once? Not for ever without anything new: then some a second."""
        detected_before = self.livelock.detected
        if not self.livelock.may_follow() and not detected_before:
            self.log.error("our bug", error="objects undo one another", first=next(iter(self.objects.queue), "-"))
        return not self.livelock.detected

    async def _receive(self, wait_s: float) -> None:
        """Takes in what owners say; an owner counts from its first complete stream on."""
        events = await self.peer.changes(wait_s, _CHANGES_MAX)
        self.peer.progress += 1
        keys = []
        for event in events:
            if event.word != INTENT_WORD:
                continue
            if isinstance(event, StreamSynced):
                self.synced.add(event.owner)
                rows = self.peer.view(INTENT_WORD, event.owner)
                self.takeovers[event.owner] = self.objects.claims.replacing(event.owner, rows)
            elif event.owner in self.synced and self._accept(event):
                keys.append(event.key)
        self._enqueue(keys)
        self._continue_takeovers()
        self.reports.report_journal()
        self.reports.report_health(self.why, self.api)

    def _continue_takeovers(self) -> None:
        """A slice of each owner's first complete stream: what is urgent does not wait for a long one's end."""
        for owner, slices in list(self.takeovers.items()):
            if (keys := next(slices, None)) is None:
                del self.takeovers[owner]
                continue
            self._enqueue(keys)

    def _enqueue(self, keys: list[str]) -> None:
        """These are to be planned, because somebody says so."""
        self.objects.queue.add(keys)
        if keys:
            self.livelock.renew(len(self.objects.queue))
        if self.unreported is not None:
            self.unreported.update(keys)

    def _accept(self, change: StreamChange) -> bool:
        """Takes in what an owner says; False: it is not what it says it is."""
        if change.value is not None and change.value.key != change.key:
            self.peer.counters["malformed_messages"] += 1
            self.log.warning("malformed", why=f"intent {change.key} of {change.owner}: key: is {change.value.key}")
            return False
        self.objects.claims.set(change.owner, change.key, change.value)
        if change.cause:
            self.objects.causes[change.key] = change.cause
        elif self.objects.causes:
            self.objects.causes.pop(change.key, None)
        return True

    def _report_away(self, why: str) -> None:
        if why != self.why:
            self.log.info("no VPP", why=why)
        if not self.why:
            self.reports.publish_epoch(
                VppEpochFact(connected=False, epoch=self.contents.life.epoch if self.contents.life else 0)
            )
        self.why = why
        if self.reports.has_published or time.monotonic() - self.started_at > _PUBLISH_AFTER_S:
            self.objects.status_review.set_pending("VPP", self.unreported)
            self.objects.status_review.forget_unwanted(self.objects.held)
            self.unreported = set()
            self.reports.publish_statuses()

    async def _watch(self, api: VppApiClient) -> None:
        """While calls wait for a VPP that does not answer, our loop is not stuck, and says what it waits for."""
        silent = False
        while not api.closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_EVERY_S):
                    await api.closed.wait()
            if silent == api.answers:
                silent = not api.answers
                self.log.warning("VPP does not answer") if silent else self.log.info("VPP answers again")
                self.reports.report_health(self.why, self.api)
            if silent:
                self.peer.progress += 1
                if self.stop.is_set():
                    await api.close()
        self.peer.interrupt()

    async def _nudge_when(self, event: asyncio.Event) -> None:
        await event.wait()
        self.peer.interrupt()
