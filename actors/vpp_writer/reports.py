"""What the writer's process says: statuses and facts on the bus, its health, lines of its log."""

import time
from dataclasses import dataclass

from actors.runtime import health
from actors.vpp_writer.apply.journal import WriterJournal
from actors.vpp_writer.reconcile.ingress_gate import GATE_NEED
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp.client import VppApiClient
from bus.log import ProcessLog
from bus.peer import BusPeer
from schemas.facts import VppEpochFact
from schemas.requests import VPP_SILENT_REASON
from schemas.words import INTENT_OWNERS, intent_status_word

_LOG_EVERY_S = 1.0
_NAMED_MAX = 5  # objects of one line of the log


@dataclass
class _TurnBurst:
    """Turns that follow one another, for the log."""

    started_at: float = 0.0
    turns: int = 0
    writes: int = 0
    statuses: int = 0


class WriterReports:
    """What is said of objects, journal and VPP, as they are. `has_published`: have all statuses been said once?"""

    def __init__(self, objects: ManagedObjects, journal: WriterJournal, peer: BusPeer, log: ProcessLog) -> None:
        self._objects, self._journal, self._peer, self._log = objects, journal, peer, log
        self._journal_trouble = ""  # as it was said last
        self._burst = _TurnBurst()
        self.has_published = False

    def publish_epoch(self, fact: VppEpochFact) -> None:
        """Which VPP is connected, or that none is."""
        self._peer.publish("epoch", {"vpp": fact})
        self._peer.counters["vpp_epoch"] = fact.epoch

    def publish_statuses(self) -> int:
        """Says the statuses that have changed; the first time all of them. Returns how many."""
        statuses, causes = self._objects.statuses, self._objects.causes
        changes = statuses.take_changes()
        if not self.has_published:
            self.has_published = True
            for owner in INTENT_OWNERS:
                self._peer.publish(intent_status_word(owner), statuses.current.get(owner, {}))
            return len(statuses)
        for owner, rows in changes.items():
            self._peer.update_rows(intent_status_word(owner), rows, causes)
            for key in causes.keys() & rows.keys():
                if rows[key] is None:
                    del causes[key]
        return sum(map(len, changes.values()))

    def report_journal(self) -> None:
        """Without a journal a restart finds less of what VPP holds: whoever repairs the node has to know."""
        before, self._journal_trouble = self._journal_trouble, self._journal.trouble
        if before and not self._journal_trouble:
            self._log.info("journal written again")
        elif before != self._journal_trouble:
            self._log.error("journal dropped", why=self._journal_trouble)

    def report_health(self, why: str, api: VppApiClient | None) -> None:
        """What the process waits for: `why` there is no connection, or what its VPP or journal lacks."""
        waiting = (why,) if why else ()
        if api is not None and not api.answers:
            waiting = (VPP_SILENT_REASON,)
        elif api is not None and self._objects.gate.waiting:
            waiting = (f"{GATE_NEED}: {', '.join(self._objects.gate_obstacles(time.monotonic()))}",)
        if self._journal.trouble:
            waiting = (*waiting, f"journal: {self._journal.trouble}")
        health.report_process_health(self._peer, waiting)
        for name, number in self._objects.count().items():
            self._peer.counters[name] = number
        self._peer.counters["vpp_writes_total"] += 0

    def log_open_gate(self) -> None:
        """Packets are let in: after how long, and without what."""
        objects = self._objects
        self._log.info(
            "packets let in",
            after_ms=(time.monotonic() - objects.gate.closed_at) * 1000,
            queued=len(objects.queue),
            failing=sorted(objects.retries.keys)[:_NAMED_MAX],
            unheard=sorted({*INTENT_OWNERS} - objects.claims.whole),
        )

    def log_turn(self, writes: int, statuses: int, *, more: bool) -> None:
        """One line for all turns of a burst, or for each second of it."""
        now = time.monotonic()
        if not self._burst.turns:
            self._burst.started_at = now
        self._burst.turns += bool(writes or statuses)
        self._burst.writes += writes
        self._burst.statuses += statuses
        if self._burst.turns and (not more or now - self._burst.started_at > _LOG_EVERY_S):
            took_ms = (now - self._burst.started_at) * 1000
            self._log.info(
                "turn",
                turns=self._burst.turns,
                writes=self._burst.writes,
                statuses=self._burst.statuses,
                **self._objects.count(),
                took_ms=took_ms,
            )
            self._burst = _TurnBurst()
