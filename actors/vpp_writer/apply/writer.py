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
from actors.vpp_writer.apply.batches import Batches, Done, Note
from actors.vpp_writer.apply.drift import Patrol
from actors.vpp_writer.apply.jobs import Jobs
from actors.vpp_writer.apply.journal import AllEnded, Gone, Journal, Life, Record
from actors.vpp_writer.apply.templates import Stamps
from actors.vpp_writer.kinds import KINDS, kind_of
from actors.vpp_writer.kinds.call import Call, Later, Never, NoAnswer, Waits
from actors.vpp_writer.kinds.indices import NOTHING, Names
from actors.vpp_writer.kinds.kind import Details, Kind, There, Work
from actors.vpp_writer.kinds.routes import Way
from actors.vpp_writer.reconcile.bulk_routes import WRITE, ManyRoutes
from actors.vpp_writer.reconcile.claims import Claim
from actors.vpp_writer.reconcile.held import Held, Suspect
from actors.vpp_writer.reconcile.livelock import Rounds
from actors.vpp_writer.reconcile.objects import Ledger, applied
from actors.vpp_writer.reconcile.plan import Plan
from actors.vpp_writer.vpp.client import TOGETHER, VppApi, VppGone
from bus.peer import Peer
from schemas.codec import encode, fingerprint, generation_of
from schemas.intents import Intent
from schemas.statuses import Rejected

T = TypeVar("T")


class Writer:
    """One connection's work, over a ledger that outlives it."""

    def __init__(self, api: VppApi, ledger: Ledger, book: Journal, peer: Peer) -> None:
        self._api, self._ledger, self._journal, self._peer = api, ledger, book, peer
        self._there = There()
        self.epoch = 0
        self.unknown: dict[str, Held] = {}  # objects whose calls have begun and not ended
        self._littered = False  # may VPP hold objects that nobody knows of?
        self._unanswered = False  # is there one whose calls' outcome is unknown?
        self._ended: list[Record] = []  # to be noted
        self._available: set[Kind[Any]] = set()
        self._stamps = Stamps(api)

    @property
    def _names(self) -> Names:
        return Names(self._ledger.held)

    async def meet(self, life: Life, recalled: journal.Recalled) -> None:
        """Decides whether this VPP is the one that the journal tells of, and reads back what it holds."""
        before, ledger = recalled.life, self._ledger
        if before is not None and (before.pid, before.started) == (life.pid, life.started):
            await self._meet_again(before, recalled.unknown)
        else:
            self.epoch = (before.epoch if before else 0) + 1
            times = before.suspects if before else {}
            ledger.suspects = {key: _suspect(held, times.get(key)) for key, held in recalled.unknown.items()}
            ledger.start_over()
            self._there = await readback.look(self._api, ledger.held)
        self._journal.start(Life(self.epoch, life.pid, life.started, ledger.suspects), ledger.held, ledger.unsure)
        self._peer.counters["vpp_reads_total"] += 1

    async def _meet_again(self, before: Life, unknown: Mapping[str, Held]) -> None:
        """The same VPP as before: what it turned out to have lost is written again, what is unsure too."""
        ledger = self._ledger
        self._littered = True
        self.epoch, ledger.suspects = before.epoch, dict(before.suspects)
        sure = {key: held for key, held in ledger.held.items() if key not in unknown}
        lost = ledger.lose(await readback.missing(self._api, sure))
        self._peer.counters["drift_total"] += len(lost)
        self._there = await readback.look(self._api, sure)
        for key, begun in sorted(unknown.items(), key=lambda item: kind_of(item[1].intent).rank):
            kind = kind_of(begun.intent)
            details = kind.recognise(begun.intent, self._there)
            if details is not None or not kind.learns:
                ledger.hold_perhaps(key, Held(begun.owner, begun.intent, details or {}))
            else:
                ledger.lose([key])
                ledger.touch((key,))

    async def turn(self) -> None:
        """Brings VPP to what is wanted, as far as it can be now. Raises VppGone."""
        rounds = Rounds()
        rounds.renew(self._ledger.dirty)
        while await self.step() and rounds.may_follow():
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
            await self._sweep()
        ledger.say_all(self.epoch)
        ledger.forget_unwanted()
        if self._journal.wants_compaction(len(ledger.held)):
            life = await identify(self._api)
            life = Life(self.epoch, life.pid, life.started, ledger.suspects)
            self._journal.compact(life, ledger.held, ledger.unsure & ledger.held.keys())
        self._journal.go_on()
        return worked

    async def look(self, patrol: Patrol) -> set[str]:
        """Looks at some of what VPP should hold; what it does not is to be written again. Raises VppGone, NoAnswer."""
        lost = await patrol.step(self._api, self._ledger, time.monotonic())
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

    async def _sweep(self) -> None:
        """Takes away what a life that ended in the middle has left in VPP, and no dump would find."""
        if self._littered and orphans.settled(self._ledger):
            jobs = self._jobs(lambda *_: None)
            for call in await orphans.calls(self._api, self._ledger.held):
                jobs.start("", _only(call))
            await jobs.end()
            self._littered = False

    def _in_place(self, old: Intent, new: Intent) -> bool:
        return type(old) is type(new) and kind_of(new).in_place(old, new, self._names)

    def _batches(self, done: Done) -> Batches:
        return Batches(self._api, self._peer.counters, self._noting, done)

    def _jobs(self, done: Done) -> Jobs:
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
        self._peer.note("vpp-call", key, cause, took_s, message=call.message, retval=value)

    # --- objects of one rank

    def _claimed(self, keys: Iterable[str]) -> list[tuple[str, Claim]]:
        claims = self._ledger.claims.counting
        return [(key, claim) for key in keys if (claim := claims.get(key)) is not None]

    async def _write(self, claimed: Sequence[tuple[str, Claim]]) -> None:
        """Makes these objects, or changes them."""
        objects: dict[str, Held] = {}
        generations: dict[str, int] = {}

        def done(key: str, result: Details | Exception) -> None:
            self._written(key, objects[key], generations[key], result)

        def all_done(keys: Sequence[str]) -> None:
            self._all_written({key: objects[key] for key in keys}, generations)

        if any(KINDS[type(claim.intent)].found for _, claim in claimed):
            self._there = await readback.look(self._api, self._ledger.held)
        jobs, batches = self._jobs(done), self._batches(done)
        async with self._ending(batches, jobs):
            for some in _cut(claimed):
                begun, work = self._prepared(some, batches)
                objects |= begun
                generations |= self._begin(begun)
                for key, steps in work:
                    jobs.start(key, steps)
                await batches.send(all_done)

    async def _write_routes(self, routes: ManyRoutes) -> None:
        """The same for routes, which are packed together."""
        objects: dict[str, Held] = {}
        generations: dict[str, int] = {}

        def done(key: str, result: Details | Exception) -> None:
            self._written(key, objects[key], generations[key], result)

        ways = set(routes.ways)
        stamps = self._stamps.of(ways, self._names)
        if len(stamps) < len(ways):
            await self._write(self._claimed(routes.through(ways - stamps.keys()).keys))
            routes = routes.through(stamps)
        batches = self._batches(done)
        async with self._ending(batches):
            for some in routes.cut(TOGETHER):
                begun = dict(zip(some.keys, [Held(claim.owner, claim.intent) for claim in some.claims], strict=True))
                objects |= begun
                generations |= self._begin(begun)
                all_done = partial(self._all_written, begun, generations, some.ways)
                await batches.send_packed(some.keys, some.packed(stamps), WRITE, all_done)

    def _prepared(
        self, claimed: Sequence[tuple[str, Claim]], batches: Batches
    ) -> tuple[dict[str, Held], list[tuple[str, Work]]]:
        """The objects that can be written now, and the work of those that do not go into `batches`."""
        ledger, names, held_by = self._ledger, self._names, self._ledger.held
        begun: dict[str, Held] = {}
        work: list[tuple[str, Work]] = []
        for key, claim in claimed:
            owner, intent = claim.owner, claim.intent
            kind, held = KINDS[type(intent)], held_by.get(key)
            if (needs := kind.needs(intent)) and not all(map(held_by.__contains__, needs)):
                ledger.missing(key, claim)
                continue
            if kind not in self._available and not self._becomes_available(kind, key, claim):
                continue
            known: Details | None = None
            if kind.learns and (held is None or key in ledger.unsure):
                known = held.details if held is not None else None
                known = known or kind.recognise(intent, self._there)
            call: Call | None = None
            if known is None:
                try:
                    call = kind.write_call(intent, names)
                except Later as later:
                    self._failed(key, claim, later)
                    continue
            begun[key] = Held(owner, intent)
            if call is not None:
                batches.add(key, call, _learner(kind, intent) if kind.learns else None)
            elif held is not None and key not in ledger.unsure:
                work.append((key, kind.change(held.intent, intent, names, held.details)))
            else:
                work.append((key, kind.make(intent, names, known)))
        return begun, work

    def _becomes_available(self, kind: Kind[Any], key: str, claim: Claim) -> bool:
        """Has this VPP all that the kind needs?"""
        lacking = [message for message in kind.messages if not self._api.has(message)]
        if lacking:
            reason = f"VPP lacks {', '.join(lacking)}"
            self._ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), reason))
            return False
        self._available.add(kind)
        return True

    def _written(self, key: str, held: Held, generation: int, result: Details | Exception) -> None:
        ledger, owner = self._ledger, held.owner
        if isinstance(result, Exception):
            if isinstance(result, Never):
                ledger.say(owner, key, Rejected(generation, str(result)))
                before = ledger.held.get(key)
                self._journal.note(Gone(key) if before is None else journal.done_of(key, before))
            else:
                self._failed(key, Claim(owner, held.intent), result)
        else:
            if result is not NOTHING:
                held = Held(owner, held.intent, result)
            ledger.hold(key, held)
            self._ended.append(journal.ended_of(key, held))
            if ledger.suspects:
                ledger.suspects.pop(key, None)
            ledger.say(owner, key, applied(generation, self.epoch, result))
        del self.unknown[key]

    def _all_written(
        self, objects: Mapping[str, Held], generations: Mapping[str, int], ways: Collection[Way] = ()
    ) -> None:
        """The same for many that have nothing to learn. `ways`: theirs, if they are routes."""
        self._ledger.hold_all(objects, generations, self.epoch, ways)
        self._ended.append(AllEnded(list(objects)))
        for key in objects:
            del self.unknown[key]
        if self._ledger.suspects:
            for key in self._ledger.suspects.keys() & objects.keys():
                del self._ledger.suspects[key]
        self._note_ended()

    def _failed(self, key: str, claim: Claim, failure: Exception) -> None:
        if isinstance(failure, Waits):
            self._ledger.put_off(key, claim, str(failure), time.time())
        else:
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, claim, str(failure), time.time())
        held = self._ledger.held.get(key)
        if held is not None and (kind_of(held.intent).torn or isinstance(failure, NoAnswer)):
            self._ledger.lose([key])  # and made anew, with all that needs it; what is left of it is swept up
            self._littered = True
            held = None
        self._journal.note(Gone(key) if held is None else journal.done_of(key, held))
        if isinstance(failure, NoAnswer):
            self._unanswered = True

    async def _delete(self, keys: Sequence[str]) -> None:
        """Takes these objects away."""
        ledger, names = self._ledger, self._names
        going = {key: ledger.held[key] for key in keys}

        def done(key: str, result: Details | Exception) -> None:
            self._deleted(key, going[key], result)

        def all_done(keys: Sequence[str]) -> None:
            for key in keys:
                self._deleted(key, going[key], NOTHING)
            self._note_ended()

        jobs, batches = self._jobs(done), self._batches(done)
        async with self._ending(batches, jobs):
            for some in _cut(keys):
                self._begin({key: going[key] for key in some})
                for key in some:
                    held = going[key]
                    kind = KINDS[type(held.intent)]
                    if not all(map(ledger.held.__contains__, kind.needs(held.intent))):
                        self._deleted(key, held, NOTHING)  # with what it needs
                        continue
                    try:
                        call = kind.delete_call(held.intent, names, held.details)
                    except Later as later:
                        self._deleted(key, held, later)
                        continue
                    if call is not None:
                        batches.add(key, call, None)
                    else:
                        jobs.start(key, kind.unmake(held.intent, names, held.details))
                await batches.send(all_done)

    def _deleted(self, key: str, held: Held, result: Details | Exception) -> None:
        if isinstance(result, Exception):
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, Claim(held.owner, held.intent), f"delete: {result}", time.time())
        else:
            self._ledger.drop(key)
            self._ledger.retries.forget(key)
            self._ended.append(Gone(key))
        del self.unknown[key]

    def _begin(self, objects: Mapping[str, Held]) -> dict[str, int]:
        """Notes that the objects' calls begin. Returns their intents' generations."""
        self.unknown.update(objects)
        encoded = [encode(held.intent) for held in objects.values()]
        self._journal.note(*journal.begun(objects, encoded))
        return dict(zip(objects, map(generation_of, encoded), strict=True))

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
            self._littered = True  # what the others have made may not be known to anybody
            raise
        finally:
            self._note_ended()
        if self._unanswered:  # it may have been made all the same: then it is recognised next time
            self._unanswered = False
            self._there = await readback.look(self._api, self._ledger.held)

    def _note_ended(self) -> None:
        ended, self._ended = self._ended, []
        self._journal.note(*ended)


def _learner(kind: Kind[Any], intent: Intent) -> Callable[[Any], Details]:
    return lambda reply: kind.learn(intent, [reply])


def _cut(objects: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as make a batch at a time: VPP begins while the next are prepared."""
    for first in range(0, len(objects), TOGETHER):
        yield objects[first : first + TOGETHER]


def _only(call: Call) -> Work:
    """A job of one call."""
    yield [call]
    return NOTHING


def _suspect(held: Held, before: Suspect | None) -> Suspect:
    """One more life of VPP has ended while this value was being written."""
    generation = fingerprint(held.intent)
    return Suspect(generation, before.lives + 1 if before and before.generation == generation else 1)


async def identify(api: VppApi) -> Life:
    """Which VPP is this: its pid, and when that process started."""
    pid = int((await api.request("control_ping")).vpe_pid)
    return Life(epoch=0, pid=pid, started=_started(pid))


def _started(pid: int) -> int:
    """Clock ticks since boot; 0 if the process cannot be seen from here (proc(5), field 22)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


__all__ = ["VppGone", "Writer", "identify"]
