"""The writer's turn: plan, calls to VPP, statuses.

Ranks are written one after another (`apply/ranks.py`). One object's failure never stops its neighbours; the end of
VPP stops everything until there is a new one.
"""

import time
from collections.abc import Mapping

from actors.vpp_writer.apply import meeting, orphans
from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.journal import WriterJournal, WriterJournalContents
from actors.vpp_writer.apply.outcomes import WriteOutcomes
from actors.vpp_writer.apply.ranks import RankWriter
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.livelock import LivelockDetector
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.plan import WritePlan
from actors.vpp_writer.vpp.client import VppApiClient
from bus.peer import BusPeer


class VppObjectWriter:
    """One connection's work, over objects that outlive it."""

    def __init__(self, api: VppApiClient, objects: ManagedObjects, journal: WriterJournal, peer: BusPeer) -> None:
        self._api, self._objects, self._journal, self._peer = api, objects, journal, peer
        self._outcomes = WriteOutcomes(objects, journal, peer.counters)
        self._ranks = RankWriter(api, objects, self._outcomes, peer)

    @property
    def epoch(self) -> int:
        """The life of VPP that is being written to."""
        return self._outcomes.epoch

    @property
    def unfinished(self) -> Mapping[str, HeldObject]:
        """Objects whose calls have begun and not ended."""
        return self._outcomes.unfinished

    async def meet(self, life: VppLifeRecord, contents: WriterJournalContents) -> None:
        """Begins with what VPP and the journal tell. Raises VppApiGone, NoVppAnswer."""
        self._ranks.observed = await meeting.meet_vpp(self._api, self._objects, self._outcomes, life, contents)
        objects = self._objects
        objects.close_gate(time.monotonic())
        life = VppLifeRecord(self.epoch, life.pid, life.started, objects.suspects)
        self._journal.start(life, objects.held, objects.inventory.unconfirmed)
        self._peer.counters["vpp_reads_total"] += 1

    # --- the turn

    async def turn(self) -> None:
        """Brings VPP to what is wanted, as far as it can be now. Raises VppApiGone."""
        livelock = LivelockDetector()
        livelock.renew(len(self._objects.queue))
        while await self.step() and livelock.may_follow():
            pass

    async def step(self) -> bool:
        """Makes one plan and carries it out; False: there was nothing to do. Raises VppApiGone.

        A plan is bounded, so that what is urgent waits for no more than that.
        """
        objects = self._objects
        objects.open_gate(time.monotonic())
        worked = objects.has_work(time.monotonic())
        if worked:
            await self._carry_out(objects.plan(time.monotonic()))
        if not objects.has_work(time.monotonic()):
            await self._remove_orphans()
        objects.confirm_statuses(self.epoch)
        await self._keep_journal_short()
        return worked

    async def _keep_journal_short(self) -> None:
        objects = self._objects
        if self._journal.wants_rewrite(len(objects.held)):
            life = await meeting.identify_vpp_life(self._api)
            life = VppLifeRecord(self.epoch, life.pid, life.started, objects.suspects)
            self._journal.compact(life, objects.held, objects.inventory.unconfirmed & objects.held.keys())
        self._journal.write_some()

    async def check_drift(self, drift: DriftCheck) -> set[str]:
        """Looks at some of what VPP should hold; what it lacks is written again. Raises VppApiGone, NoVppAnswer."""
        missing = await drift.step(self._api, self._objects.held, time.monotonic())
        self._peer.counters["vpp_reads_total"] += 1
        self._outcomes.count_drift(missing)
        return self._outcomes.lose(missing)

    async def _carry_out(self, plan: WritePlan) -> None:
        objects, ranks = self._objects, self._ranks
        for group in plan.deletes:
            await ranks.delete(group)
        ranks.undeleted = {key for group in plan.deletes for key in group if key in objects.held}
        suspects = []
        for group in plan.writes:
            suspects += [key for key in group if key in objects.suspects]
            await ranks.write(ranks.claimed(key for key in group if key not in objects.suspects))
        await ranks.write(plan.singles)
        for bulk in plan.bulks:
            await ranks.write_bulk(bulk)
        for key in suspects:  # alone: if VPP dies again, it is known of what
            await ranks.write(ranks.claimed([key]))
        for group in plan.final_deletes:
            await ranks.delete([key for key in group if not objects.keep_if_needed(key)])

    async def _remove_orphans(self) -> None:
        """Deletes what a life that ended in the middle, or without a journal, has left in VPP."""
        outcomes, claims, held = self._outcomes, self._objects.claims, self._objects.held
        # Without a journal no policy is wanted before its manager has spoken.
        policies_known = "policy" in claims.whole or not outcomes.journal_lost
        if outcomes.may_have_orphans and policies_known and orphans.are_wanted_policies_held(claims, held):
            await self._ranks.call_each(await orphans.npol_deleting_calls(self._api, held))
            outcomes.may_have_orphans = False
        if outcomes.may_have_lost_translations and "services" in claims.whole:
            await self._ranks.call_each(await orphans.translation_deleting_calls(self._api, claims, held))
            outcomes.may_have_lost_translations = False
