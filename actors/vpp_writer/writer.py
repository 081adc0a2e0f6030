"""The writer's turn: intents in, calls to VPP, statuses out. Edge: the only user of `vpp_api.py`.

Objects of one rank are written together, ranks one after another. One object's failure never stops its
neighbours; the end of VPP stops everything until there is a new one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actors.vpp_writer import journal, readback, sweep
from actors.vpp_writer.batches import Batches, Done
from actors.vpp_writer.call import Call, Later, Never, NoAnswer
from actors.vpp_writer.claims import Claim
from actors.vpp_writer.jobs import Jobs
from actors.vpp_writer.journal import Gone, Journal, Life, Record, Suspect
from actors.vpp_writer.kinds import kind_of
from actors.vpp_writer.kinds.kind import Details, Kind, There, Work
from actors.vpp_writer.ledger import BULK_MAX, Ledger, public
from actors.vpp_writer.names import NOTHING, Names
from actors.vpp_writer.plan import Held, Plan
from actors.vpp_writer.vpp_api import VppApi, VppGone
from bus.peer import Peer
from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Rejected

ROUNDS_MAX = 50  # of one turn; more would be a cycle of objects that undo one another, which is our bug


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
        self._available_kinds: set[Kind[Any]] = set()

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
        self._journal.start(Life(self.epoch, life.pid, life.started, ledger.suspects), ledger.held)
        # What is unsure stays so for the next life, until it has been written or deleted.
        self._journal.note(*(journal.begin_of(key, ledger.held[key]) for key in ledger.unsure))
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
                ledger.dirty.add(key)

    async def turn(self) -> None:
        """Brings VPP to what is wanted, as far as it can be now. Raises VppGone."""
        for _ in range(ROUNDS_MAX + len(self._ledger.dirty) // BULK_MAX):
            if not await self.step():
                return

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
            self._journal.start(Life(self.epoch, life.pid, life.started, ledger.suspects), ledger.held)
        return worked

    async def _carry_out(self, plan: Plan) -> None:
        ledger = self._ledger
        for group in plan.deletes:
            await self._delete(group)
        suspects = []
        for group in plan.writes:
            suspects += [key for key in group if key in ledger.suspects]
            await self._write([key for key in group if key not in ledger.suspects])
        for key in suspects:  # alone: if VPP dies again, it is known of what
            await self._write([key])
        for group in plan.late:
            await self._delete([key for key in group if not ledger.needed(key)])

    async def _sweep(self) -> None:
        """Takes away what a life that ended in the middle has left in VPP, and no dump would find."""
        if self._littered and sweep.settled(self._ledger):
            jobs = self._jobs(lambda *_: None)
            for call in await sweep.calls(self._api, self._ledger.held):
                jobs.start("", _only(call))
            await jobs.end()
            self._littered = False

    def _in_place(self, old: Intent, new: Intent) -> bool:
        return type(old) is type(new) and kind_of(new).in_place(old, new, self._names)

    def _jobs(self, done: Done) -> Jobs:
        return Jobs(self._api, self._peer.counters, self._note, done)

    def _note(self, key: str, call: Call, took_s: float, reply: Any) -> None:
        cause = self._ledger.causes.get(key, "")
        self._peer.note("vpp-call", key, cause, took_s, message=call.message, retval=int(reply.retval))

    # --- objects of one rank

    async def _write(self, keys: Sequence[str]) -> None:
        """Makes these objects, or changes them."""
        ledger, names = self._ledger, self._names
        batches, work = Batches(self._api, self._peer.counters, self._note), list[tuple[str, Work]]()
        begun: dict[str, tuple[Claim, Held | None]] = {}
        for key in keys:
            claim = ledger.claims.get(key)
            if claim is None or ledger.missing(key, claim):
                continue
            kind, held = kind_of(claim.intent), ledger.held.get(key)
            if not self._available(kind, key, claim):
                continue
            known: Details | None = None
            if held is None or key in ledger.unsure:
                known = held.details if held is not None and kind.learns else None
                known = known or kind.recognise(claim.intent, self._there)
            try:
                if known is None:
                    call = kind.write_call(claim.intent, names)
                    if call is not None:
                        batches.add(key, call, _learner(kind, claim.intent))
                        begun[key] = (claim, held)
                        continue
            except Later as later:
                self._failed(key, claim, later)
                continue
            begun[key] = (claim, held)
            if held is not None and key not in ledger.unsure:
                work.append((key, kind.change(held.intent, claim.intent, names, held.details)))
            else:
                work.append((key, kind.make(claim.intent, names, known)))
        self._begin({key: Held(claim.owner, claim.intent) for key, (claim, _) in begun.items()})
        await self._run(batches, work, lambda key, result: self._written(key, begun[key][0], result))

    def _available(self, kind: Kind[Any], key: str, claim: Claim) -> bool:
        if kind in self._available_kinds:
            return True
        lacking = [message for message in kind.messages if not self._api.has(message)]
        if lacking:
            reason = f"VPP lacks {', '.join(lacking)}"
            self._ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), reason))
            return False
        self._available_kinds.add(kind)
        return True

    def _written(self, key: str, claim: Claim, result: Details | Exception) -> None:
        ledger = self._ledger
        if isinstance(result, Never):
            ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), str(result)))
            held = ledger.held.get(key)
            self._journal.note(Gone(key) if held is None else journal.done_of(key, held))
        elif isinstance(result, Exception):
            self._failed(key, claim, result)
        else:
            held = Held(claim.owner, claim.intent, result)
            ledger.hold(key, held)
            self._ended.append(journal.ended_of(key, held))
            ledger.suspects.pop(key, None)
            ledger.say(claim.owner, key, Applied(fingerprint(claim.intent), self.epoch, public(result)))
        self.unknown.pop(key, None)

    def _failed(self, key: str, claim: Claim, failure: Exception) -> None:
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
        batches, work = Batches(self._api, self._peer.counters, self._note), list[tuple[str, Work]]()
        going = {key: ledger.held[key] for key in keys}
        self._begin(going)
        gone = []
        for key, held in going.items():
            kind = kind_of(held.intent)
            if any(need not in ledger.held for need in kind.needs(held.intent)):
                gone.append(key)  # with what it needs
                continue
            try:
                call = kind.delete_call(held.intent, names, held.details)
            except Later as later:
                self._deleted(key, held, later)
                continue
            if call is not None:
                batches.add(key, call, None)
            else:
                work.append((key, kind.unmake(held.intent, names, held.details)))
        for key in gone:
            self._deleted(key, going[key], NOTHING)
        await self._run(batches, work, lambda key, result: self._deleted(key, going[key], result))

    def _deleted(self, key: str, held: Held, result: Details | Exception) -> None:
        if isinstance(result, Exception):
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, Claim(held.owner, held.intent), f"delete: {result}", time.time())
        else:
            self._ledger.drop(key)
            self._ledger.retries.forget(key)
            self._ended.append(Gone(key))
        self.unknown.pop(key, None)

    def _begin(self, objects: Mapping[str, Held]) -> None:
        self.unknown.update(objects)
        self._journal.note(*[journal.begin_of(key, held) for key, held in objects.items()])

    async def _run(self, batches: Batches, work: Sequence[tuple[str, Work]], done: Done) -> None:
        """Carries out all of it, whatever becomes of each. Raises VppGone when all that was answered is noted."""

        def done_and_noted(key: str, result: Details | Exception) -> None:
            done(key, result)
            self._note_ended()

        jobs = self._jobs(done_and_noted)
        try:
            for key, steps in work:
                jobs.start(key, steps)
            await jobs.end()
            await batches.run(done, self._note_ended)
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


def _learner(kind: Kind[Any], intent: Intent) -> Callable[[Any], Details] | None:
    return (lambda reply: kind.learn(intent, [reply])) if kind.learns else None


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
