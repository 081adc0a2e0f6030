"""The writer's turn: intents in, calls to VPP, statuses out. Edge: the only user of `vpp/client.py`.

Objects of one rank are written together, ranks one after another. One object's failure never stops its
neighbours; the end of VPP stops everything until there is a new one.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from actors.vpp_writer.apply import journal, orphans, readback
from actors.vpp_writer.apply.batches import Batches, Holds, Note
from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.jobs import Jobs
from actors.vpp_writer.apply.journal import Journal, Record, Removed, SucceededBatch, VppLife
from actors.vpp_writer.apply.templates import Templates
from actors.vpp_writer.kinds import KINDS, kind_of
from actors.vpp_writer.kinds.call import Call, ExternalMissing, Later, Never, NoAnswer
from actors.vpp_writer.kinds.indices import NO_DETAILS, Indices
from actors.vpp_writer.kinds.kind import CallSequence, Details, Kind, Observed
from actors.vpp_writer.kinds.routes import PathList
from actors.vpp_writer.reconcile.bulk_routes import WRITE, BulkRoutes
from actors.vpp_writer.reconcile.claims import Claim
from actors.vpp_writer.reconcile.held import HeldObject, Suspect
from actors.vpp_writer.reconcile.livelock import LivelockGuard
from actors.vpp_writer.reconcile.objects import Objects, applied
from actors.vpp_writer.reconcile.plan import Plan
from actors.vpp_writer.vpp.client import TOGETHER, VppClient, VppGone
from bus.peer import Peer
from schemas.codec import encode, fingerprint, fingerprint_of
from schemas.intents import Intent
from schemas.statuses import Rejected

T = TypeVar("T")


class Writer:
    """One connection's work, over a ledger that outlives it."""

    def __init__(self, api: VppClient, ledger: Objects, book: Journal, peer: Peer) -> None:
        self._api, self._ledger, self._journal, self._peer = api, ledger, book, peer
        self._observed = Observed()
        self.epoch = 0
        self.unknown: dict[str, HeldObject] = {}  # objects whose calls have begun and not ended
        self._may_have_orphans = False  # may VPP hold objects that nobody knows of?
        self._unanswered = False  # is there one whose calls' outcome is unknown?
        self._ended: list[Record] = []  # to be noted
        self._available: set[Kind[Any]] = set()
        self._templates = Templates(api)

    @property
    def _names(self) -> Indices:
        return Indices(self._ledger.held)

    async def meet(self, life: VppLife, recalled: journal.JournalContents) -> None:
        """Decides whether this VPP is the one that the journal tells of, and reads back what it holds."""
        before, ledger = recalled.life, self._ledger
        if before is not None and (before.pid, before.started) == (life.pid, life.started):
            await self._meet_again(before, recalled.unknown)
        else:
            self.epoch = (before.epoch if before else 0) + 1
            times = before.suspects if before else {}
            ledger.suspects = {key: _suspect(held, times.get(key)) for key, held in recalled.unknown.items()}
            ledger.start_over()
            self._observed = await readback.look(self._api, ledger.held)
        self._journal.start(
            VppLife(self.epoch, life.pid, life.started, ledger.suspects), ledger.held, ledger.unconfirmed
        )
        self._peer.counters["vpp_reads_total"] += 1

    async def _meet_again(self, before: VppLife, unknown: Mapping[str, HeldObject]) -> None:
        """The same VPP as before: what it turned out to have lost is written again, what is unsure too."""
        ledger = self._ledger
        self._may_have_orphans = True
        self.epoch, ledger.suspects = before.epoch, dict(before.suspects)
        sure = {key: held for key, held in ledger.held.items() if key not in unknown}
        lost = ledger.lose(await readback.missing(self._api, sure))
        self._peer.counters["drift_total"] += len(lost)
        self._observed = await readback.look(self._api, sure)
        for key, begun in sorted(unknown.items(), key=lambda item: kind_of(item[1].intent).rank):
            kind = kind_of(begun.intent)
            details = kind.recognise(begun.intent, self._observed)
            if details is not None or not kind.has_indices:
                ledger.hold_unconfirmed(key, HeldObject(begun.owner, begun.intent, details or {}))
            else:
                ledger.lose([key])
                ledger.touch((key,))

    async def turn(self) -> None:
        """Brings VPP to what is wanted, as far as it can be now. Raises VppGone."""
        livelock = LivelockGuard()
        livelock.renew(self._ledger.dirty)
        while await self.step() and livelock.may_follow():
            pass

    async def step(self) -> bool:
        """Makes one plan and carries it out; False: there was nothing to do. Raises VppGone.

        A plan is bounded, so that what is urgent waits for no more than that.
        """
        ledger = self._ledger
        worked = ledger.has_work(time.time())
        if worked:
            await self._carry_out(ledger.plan(time.time(), self._in_place))
        if not ledger.has_work(time.time()):
            await self._remove_orphans()
        ledger.say_all(self.epoch)
        ledger.forget_unwanted()
        if self._journal.wants_compaction(len(ledger.held)):
            life = await identify(self._api)
            life = VppLife(self.epoch, life.pid, life.started, ledger.suspects)
            self._journal.compact(life, ledger.held, ledger.unconfirmed & ledger.held.keys())
        self._journal.write_some()
        return worked

    async def look(self, drift: DriftCheck) -> set[str]:
        """Looks at some of what VPP should hold; what it does not is to be written again. Raises VppGone, NoAnswer."""
        lost = await drift.step(self._api, self._ledger, time.monotonic())
        self._peer.counters["vpp_reads_total"] += 1
        self._peer.counters["drift_total"] += len(lost)
        return self._ledger.lose(lost)

    async def _carry_out(self, plan: Plan) -> None:
        ledger = self._ledger
        for group in plan.deletes:
            await self._delete(group)
        suspects = []
        for group in plan.writes:
            suspects += [key for key in group if key in ledger.suspects]
            await self._write(self._claimed(key for key in group if key not in ledger.suspects))
        await self._write(plan.leaves)
        await self._write_routes(plan.routes)
        for key in suspects:  # alone: if VPP dies again, it is known of what
            await self._write(self._claimed([key]))
        for group in plan.late:
            await self._delete([key for key in group if not ledger.needed(key)])

    async def _remove_orphans(self) -> None:
        """Takes away what a life that ended in the middle has left in VPP, and no dump would find."""
        if self._may_have_orphans and orphans.settled(self._ledger):
            jobs = self._jobs(lambda *_: None)
            for call in await orphans.calls(self._api, self._ledger.held):
                jobs.start("", _only(call))
            await jobs.end()
            self._may_have_orphans = False

    def _in_place(self, old: Intent, new: Intent) -> bool:
        return type(old) is type(new) and kind_of(new).in_place(old, new, self._names)

    def _batches(self, done: Holds) -> Batches:
        return Batches(self._api, self._peer.counters, self._noting, done)

    def _jobs(self, done: Holds) -> Jobs:
        def noted(key: str, result: Details | Exception) -> None:
            done(key, result)
            self._note_ended()

        return Jobs(self._api, self._peer.counters, self._noting, noted)

    @property
    def _noting(self) -> Note | None:
        """What tells taps of calls; None: nobody listens."""
        return self._note if self._peer.tapped else None

    def _note(self, key: str, call: Call, took_s: float, value: int) -> None:
        cause = self._ledger.causes.get(key, "")
        self._peer.trace("vpp-call", key, cause, took_s, message=call.message, retval=value)

    # --- objects of one rank

    def _claimed(self, keys: Iterable[str]) -> list[tuple[str, Claim]]:
        claims = self._ledger.claims.effective
        return [(key, claim) for key in keys if (claim := claims.get(key)) is not None]

    async def _write(self, claimed: Sequence[tuple[str, Claim]]) -> None:
        """Makes these objects, or changes them."""
        objects: dict[str, HeldObject] = {}
        generations: dict[str, int] = {}

        def done(key: str, result: Details | Exception) -> None:
            self._written(key, objects[key], generations[key], result)

        def all_done(keys: Sequence[str]) -> None:
            self._all_written({key: objects[key] for key in keys}, generations)

        if any(KINDS[type(claim.intent)].external for _, claim in claimed):
            self._observed = await readback.look(self._api, self._ledger.held)
        jobs, batches = self._jobs(done), self._batches(done)
        async with self._ending(batches, jobs):
            for some in _cut(claimed):
                begun, work = self._prepared(some, batches)
                objects |= begun
                generations |= self._begin(begun)
                for key, steps in work:
                    jobs.start(key, steps)
                await batches.send(all_done)

    async def _write_routes(self, routes: BulkRoutes) -> None:
        """The same for routes, which are packed together."""
        objects: dict[str, HeldObject] = {}
        generations: dict[str, int] = {}

        def done(key: str, result: Details | Exception) -> None:
            self._written(key, objects[key], generations[key], result)

        path_lists = set(routes.path_lists)
        templates = self._templates.of(path_lists, self._names)
        if len(templates) < len(path_lists):
            await self._write(self._claimed(routes.through(path_lists - templates.keys()).keys))
            routes = routes.through(templates)
        batches = self._batches(done)
        async with self._ending(batches):
            for some in routes.cut(TOGETHER):
                begun = dict(
                    zip(some.keys, [HeldObject(claim.owner, claim.intent) for claim in some.claims], strict=True)
                )
                objects |= begun
                generations |= self._begin(begun)
                all_done = partial(self._all_written, begun, generations, some.path_lists)
                await batches.send_packed(some.keys, some.packed(templates), WRITE, all_done)

    def _prepared(
        self, claimed: Sequence[tuple[str, Claim]], batches: Batches
    ) -> tuple[dict[str, HeldObject], list[tuple[str, CallSequence]]]:
        """The objects that can be written now, and the work of those that do not go into `batches`."""
        ledger, indices, held_by = self._ledger, self._names, self._ledger.held
        begun: dict[str, HeldObject] = {}
        work: list[tuple[str, CallSequence]] = []
        for key, claim in claimed:
            owner, intent = claim.owner, claim.intent
            kind, held = KINDS[type(intent)], held_by.get(key)
            if (needs := kind.needs(intent)) and not all(map(held_by.__contains__, needs)):
                ledger.missing(key, claim)
                continue
            if kind not in self._available and not self._becomes_available(kind, key, claim):
                continue
            known: Details | None = None
            if kind.has_indices and (held is None or key in ledger.unconfirmed):
                known = held.details if held is not None else None
                known = known or kind.recognise(intent, self._observed)
            call: Call | None = None
            if known is None:
                try:
                    call = kind.write_call(intent, indices)
                except Later as later:
                    self._failed(key, claim, later)
                    continue
            begun[key] = HeldObject(owner, intent)
            if call is not None:
                batches.add(key, call, _learner(kind, intent) if kind.has_indices else None)
            elif held is not None and key not in ledger.unconfirmed:
                work.append((key, kind.change(held.intent, intent, indices, held.details)))
            else:
                work.append((key, kind.make(intent, indices, known)))
        return begun, work

    def _becomes_available(self, kind: Kind[Any], key: str, claim: Claim) -> bool:
        """Has this VPP all that the kind needs?"""
        lacking = [message for message in kind.messages if not self._api.supports(message)]
        if lacking:
            reason = f"VPP lacks {', '.join(lacking)}"
            self._ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), reason))
            return False
        self._available.add(kind)
        return True

    def _written(self, key: str, held: HeldObject, generation: int, result: Details | Exception) -> None:
        ledger, owner = self._ledger, held.owner
        if isinstance(result, Exception):
            if isinstance(result, Never):
                ledger.say(owner, key, Rejected(generation, str(result)))
                before = ledger.held.get(key)
                self._journal.note(Removed(key) if before is None else journal.holds_record(key, before))
            else:
                self._failed(key, Claim(owner, held.intent), result)
        else:
            if result is not NO_DETAILS:
                held = HeldObject(owner, held.intent, result)
            ledger.hold(key, held)
            self._ended.append(journal.success_record(key, held))
            if ledger.suspects:
                ledger.suspects.pop(key, None)
            ledger.say(owner, key, applied(generation, self.epoch, result))
        del self.unknown[key]

    def _all_written(
        self, objects: Mapping[str, HeldObject], generations: Mapping[str, int], path_lists: Collection[PathList] = ()
    ) -> None:
        """The same for many that have nothing to learn. `path_lists`: theirs, if they are routes."""
        self._ledger.hold_all(objects, generations, self.epoch, path_lists)
        self._ended.append(SucceededBatch(list(objects)))
        for key in objects:
            del self.unknown[key]
        if self._ledger.suspects:
            for key in self._ledger.suspects.keys() & objects.keys():
                del self._ledger.suspects[key]
        self._note_ended()

    def _failed(self, key: str, claim: Claim, failure: Exception) -> None:
        if isinstance(failure, ExternalMissing):
            self._ledger.put_off(key, claim, str(failure), time.time())
        else:
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, claim, str(failure), time.time())
        held = self._ledger.held.get(key)
        if held is not None and (kind_of(held.intent).non_atomic_update or isinstance(failure, NoAnswer)):
            self._ledger.lose([key])  # and made anew, with all that needs it; what is left of it is swept up
            self._may_have_orphans = True
            held = None
        self._journal.note(Removed(key) if held is None else journal.holds_record(key, held))
        if isinstance(failure, NoAnswer):
            self._unanswered = True

    async def _delete(self, keys: Sequence[str]) -> None:
        """Takes these objects away."""
        ledger, indices = self._ledger, self._names
        going = {key: ledger.held[key] for key in keys}

        def done(key: str, result: Details | Exception) -> None:
            self._deleted(key, going[key], result)

        def all_done(keys: Sequence[str]) -> None:
            for key in keys:
                self._deleted(key, going[key], NO_DETAILS)
            self._note_ended()

        jobs, batches = self._jobs(done), self._batches(done)
        async with self._ending(batches, jobs):
            for some in _cut(keys):
                self._begin({key: going[key] for key in some})
                for key in some:
                    held = going[key]
                    kind = KINDS[type(held.intent)]
                    if not all(map(ledger.held.__contains__, kind.needs(held.intent))):
                        self._deleted(key, held, NO_DETAILS)  # with what it needs
                        continue
                    try:
                        call = kind.delete_call(held.intent, indices, held.details)
                    except Later as later:
                        self._deleted(key, held, later)
                        continue
                    if call is not None:
                        batches.add(key, call, None)
                    else:
                        jobs.start(key, kind.unmake(held.intent, indices, held.details))
                await batches.send(all_done)

    def _deleted(self, key: str, held: HeldObject, result: Details | Exception) -> None:
        if isinstance(result, Exception):
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, Claim(held.owner, held.intent), f"delete: {result}", time.time())
        else:
            self._ledger.drop(key)
            self._ledger.retries.forget(key)
            self._ended.append(Removed(key))
        del self.unknown[key]

    def _begin(self, objects: Mapping[str, HeldObject]) -> dict[str, int]:
        """Notes that the objects' calls begin. Returns their intents' generations."""
        self.unknown.update(objects)
        encoded = [encode(held.intent) for held in objects.values()]
        self._journal.note(*journal.begun(objects, encoded))
        return dict(zip(objects, map(fingerprint_of, encoded), strict=True))

    @asynccontextmanager
    async def _ending(self, batches: Batches, jobs: Jobs | None = None) -> AsyncIterator[None]:
        """All that was begun ends, whatever becomes of each. Raises VppGone when all that was answered is noted."""
        try:
            try:
                yield
            finally:
                if jobs is not None:
                    await jobs.end()
                await batches.end()
        except BaseException:
            self._may_have_orphans = True  # what the others have made may not be known to anybody
            raise
        finally:
            self._note_ended()
        if self._unanswered:  # it may have been made all the same: then it is recognised next time
            self._unanswered = False
            self._observed = await readback.look(self._api, self._ledger.held)

    def _note_ended(self) -> None:
        ended, self._ended = self._ended, []
        self._journal.note(*ended)


def _learner(kind: Kind[Any], intent: Intent) -> Callable[[Any], Details]:
    return lambda reply: kind.learn(intent, [reply])


def _cut(objects: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as make a batch at a time: VPP begins while the next are prepared."""
    for first in range(0, len(objects), TOGETHER):
        yield objects[first : first + TOGETHER]


def _only(call: Call) -> CallSequence:
    """A job of one call."""
    yield [call]
    return NO_DETAILS


def _suspect(held: HeldObject, before: Suspect | None) -> Suspect:
    """One more life of VPP has ended while this value was being written."""
    generation = fingerprint(held.intent)
    return Suspect(generation, before.lives + 1 if before and before.generation == generation else 1)


async def identify(api: VppClient) -> VppLife:
    """Which VPP is this: its pid, and when that process started."""
    pid = int((await api.request("control_ping")).vpe_pid)
    return VppLife(epoch=0, pid=pid, started=_started(pid))


def _started(pid: int) -> int:
    """Clock ticks since boot; 0 if the process cannot be seen from here (proc(5), field 22)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


__all__ = ["VppGone", "Writer", "identify"]
