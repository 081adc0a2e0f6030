"""The writer's turn: intents in, calls to VPP, statuses out. Edge: the only user of `vpp_api.py`.

Objects of one rank are written together, ranks one after another. One object's failure never stops its
neighbours; the end of VPP stops everything until there is a new one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

from actors.vpp_writer import journal, readback, sweep
from actors.vpp_writer.call import Call, Confirm, Later, Never, NoAnswer
from actors.vpp_writer.claims import Claim
from actors.vpp_writer.journal import Gone, Journal, Life, Suspect
from actors.vpp_writer.kinds import kind_of
from actors.vpp_writer.kinds.kind import Details, Kind, There, Work
from actors.vpp_writer.ledger import Ledger, public
from actors.vpp_writer.names import Names
from actors.vpp_writer.plan import Held
from actors.vpp_writer.retvals import name_of
from actors.vpp_writer.vpp_api import VppApi, VppGone
from bus.peer import Peer
from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Rejected

_WRITING: ContextVar[str] = ContextVar("_WRITING", default="")  # the object whose calls are made, of this task
ROUNDS_MAX = 50  # of one turn; more would be a cycle of objects that undo one another, which is our bug


class Writer:
    """One connection's work, over a ledger that outlives it."""

    def __init__(self, api: VppApi, ledger: Ledger, book: Journal, peer: Peer) -> None:
        self._api, self._ledger, self._journal, self._peer = api, ledger, book, peer
        self._there = There()
        self.epoch = 0
        self.unknown: dict[str, Held] = {}  # objects whose calls have begun and not ended
        self._littered = False  # may VPP hold objects that nobody knows of?

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
        for _ in range(ROUNDS_MAX):
            if not self._ledger.dirty and not self._ledger.retries.due(time.time()):
                break
            plan = self._ledger.plan(time.time(), self._in_place)
            for group in plan.deletes:
                await self._together([self._delete(key) for key in group])
            suspects = []
            for group in plan.writes:
                suspects += [key for key in group if key in self._ledger.suspects]
                await self._together([self._write(key) for key in group if key not in self._ledger.suspects])
            for key in suspects:  # alone: if VPP dies again, it is known of what
                await self._write(key)
            for group in plan.late:
                await self._together([self._delete(key) for key in group if not self._ledger.needed(key)])
        await self._sweep()
        self._ledger.say_all(self.epoch)
        self._ledger.forget_unwanted()
        if self._journal.wants_compaction(len(self._ledger.held)):
            life = await identify(self._api)
            self._journal.start(Life(self.epoch, life.pid, life.started, self._ledger.suspects), self._ledger.held)

    async def _sweep(self) -> None:
        """Takes away what a life that ended in the middle has left in VPP, and no dump would find."""
        if self._littered and sweep.settled(self._ledger):
            for call in await sweep.calls(self._api, self._ledger.held):
                await self._call(call)
            self._littered = False

    def _in_place(self, old: Intent, new: Intent) -> bool:
        return type(old) is type(new) and kind_of(new).in_place(old, new, self._names)

    async def _together(self, work: Sequence[Any]) -> list[Any]:
        """All of them, to their end; then the first failure is raised, or VppGone if VPP ended meanwhile."""
        if len(work) == 1:
            return [await work[0]]
        results = await asyncio.gather(*work, return_exceptions=True)
        for failure in (result for result in results if isinstance(result, BaseException)):
            self._littered = True  # what the others have made may not be known to anybody
            raise failure
        return results

    # --- one object

    async def _write(self, key: str) -> None:
        claim = self._ledger.claims.get(key)
        if claim is None or self._ledger.missing(key, claim):
            return
        kind = kind_of(claim.intent)
        lacking = [message for message in kind.messages if not self._api.has(message)]
        if lacking:
            reason = f"VPP lacks {', '.join(lacking)}"
            self._ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), reason))
            return
        self._begin(key, Held(claim.owner, claim.intent))
        try:
            details = await self._make(kind, key, claim)
        except Never as never:
            self._ledger.say(claim.owner, key, Rejected(fingerprint(claim.intent), str(never)))
        except (Later, NoAnswer) as failure:
            await self._failed(key, claim, failure)
        else:
            held = Held(claim.owner, claim.intent, details)
            self._ledger.hold(key, held)
            self._journal.note(journal.done_of(key, held))
            self._ledger.suspects.pop(key, None)
            status = Applied(fingerprint(claim.intent), self.epoch, public(details))
            self._ledger.say(claim.owner, key, status)
        self.unknown.pop(key, None)

    async def _make(self, kind: Kind[Any], key: str, claim: Claim) -> Details:
        """Changes, completes or creates the object. Returns its details."""
        held = self._ledger.held.get(key)
        if held is not None and key not in self._ledger.unsure:
            return await self._run(kind.change(held.intent, claim.intent, self._names, held.details))
        known: Details | None = held.details if held is not None and kind.learns else None
        known = known or kind.recognise(claim.intent, self._there)
        return await self._run(kind.make(claim.intent, self._names, known))

    async def _run(self, work: Work) -> Details:
        """Makes the calls that the work asks for, until it is done. Raises what it raises."""
        step: Callable[[], Sequence[Call]] = lambda: next(work)  # noqa: E731
        while True:
            try:
                calls = step()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            try:
                replies = await self._together([self._call(call) for call in calls])
            except (Later, NoAnswer) as failure:
                step = partial(work.throw, failure)
            else:
                step = partial(work.send, replies)

    async def _failed(self, key: str, claim: Claim, failure: Exception) -> None:
        self._peer.counters["vpp_errors_total"] += 1
        self._ledger.failed(key, claim, str(failure), time.time())
        held = self._ledger.held.get(key)
        if held is not None and (kind_of(held.intent).torn or isinstance(failure, NoAnswer)):
            self._ledger.lose([key])  # and made anew, with all that needs it; what is left of it is swept up
            self._littered = True
            held = None
        self._journal.note(Gone(key) if held is None else journal.done_of(key, held))
        if isinstance(failure, NoAnswer):  # it may have been made all the same: then it is recognised next time
            self._there = await readback.look(self._api, self._ledger.held)

    async def _delete(self, key: str) -> None:
        held = self._ledger.held[key]
        kind = kind_of(held.intent)
        self._begin(key, held)
        gone = kind.needs(held.intent) - self._ledger.held.keys()  # and the object with what it needs
        try:
            if not gone:
                await self._run(kind.unmake(held.intent, self._names, held.details))
        except (Later, NoAnswer) as failure:
            self._peer.counters["vpp_errors_total"] += 1
            self._ledger.failed(key, Claim(held.owner, held.intent), f"delete: {failure}", time.time())
        else:
            self._ledger.drop(key)
            self._ledger.retries.forget(key)
            self._journal.note(Gone(key))
        self.unknown.pop(key, None)

    def _begin(self, key: str, held: Held) -> None:
        self.unknown[key] = held
        _WRITING.set(key)
        self._journal.note(journal.begin_of(key, held))

    async def _call(self, call: Call) -> Any:
        """Makes one call. Returns its reply. Raises Later with VPP's name of the error."""
        self._peer.counters["vpp_writes_total"] += 1
        began = time.monotonic()
        try:
            reply = await self._api.request(call.message, call.fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            field = str(error).rpartition(" for ")[2]  # vpp_papi quotes the whole message before it
            raise Never(f"{call.message}: cannot be packed: {field}") from None
        key, took_s = _WRITING.get(), time.monotonic() - began
        cause = self._ledger.causes.get(key, "")
        self._peer.note("vpp-call", key, cause, took_s, message=call.message, retval=int(reply.retval))
        if reply.retval == 0 or reply.retval in call.fine:
            return reply
        if call.confirm is not None and reply.retval in call.confirm_on and await self._confirmed(call.confirm):
            return reply
        if call.instead is not None and reply.retval in call.instead_on:
            return await self._call(call.instead)
        raise Later(f"{call.message}: {name_of(reply.retval)}")

    async def _confirmed(self, ask: Confirm) -> bool:
        """Does VPP have the object of the refused call?"""
        if ask.many:
            return any(ask.shows(row) for row in await self._api.dump(ask.message, ask.fields))
        reply = await self._api.request(ask.message, ask.fields)
        return reply.retval == 0 and ask.shows(reply)


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
