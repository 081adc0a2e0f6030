"""Objects' work, many at a time: a job's next calls leave as soon as the replies to its last ones are there.

Nothing here waits: replies drive the jobs from within the connection's callbacks.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from actors.vpp_writer.apply.batches import Holds, Note
from actors.vpp_writer.kinds.call import UNPACKABLE, Call, Confirm, Later, Never, NoAnswer, unpackable
from actors.vpp_writer.kinds.kind import CallSequence, Details
from actors.vpp_writer.kinds.retvals import name_of
from actors.vpp_writer.vpp.client import VppClient, VppGone


class Jobs:
    """The jobs of one group. `done` is told what became of each; `end` waits for all."""

    def __init__(self, api: VppClient, counters: Counter[str], note: Note | None, done: Holds) -> None:
        self._api, self._counters, self._note, self._done = api, counters, note, done
        self._open = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fatal: BaseException | None = None

    def start(self, key: str, work: CallSequence) -> None:
        """Begins one job."""
        self._open += 1
        _Job(self, key, work).step(partial(next, work))

    async def end(self) -> None:
        """All have ended. Raises VppGone, or what has stopped this process from calling."""
        if self._open:
            await self._ended
        if self._fatal is not None:
            raise self._fatal

    def ended(self, key: str, result: Details | Exception) -> None:
        """A job has ended: its object's details, or why there are none."""
        if isinstance(result, Later | NoAnswer | Never) or not isinstance(result, Exception):
            self._done(key, result)
        else:
            self._fatal = self._fatal or result
        self._open -= 1
        if not self._open and not self._ended.done():
            self._ended.set_result(None)

    # --- one call

    def call(self, key: str, call: Call, take: Callable[[Any], None]) -> None:
        """Makes one call; `take` gets its reply, or Later with VPP's name of the error, or another exception."""
        self._counters["vpp_writes_total"] += 1
        began = time.monotonic()

        def replied(reply: Any) -> None:
            if isinstance(reply, Exception):
                take(reply)
                return
            if self._note is not None:
                self._note(key, call, time.monotonic() - began, int(reply.retval))
            if reply.retval == 0 or reply.retval in call.accepted_retvals:
                take(reply)
            elif call.confirm is not None and reply.retval in call.confirm_on:
                self._confirm(call.confirm, reply, take, partial(self._refused, key, call, reply, take))
            else:
                self._refused(key, call, reply, take)

        try:
            self._api.post(call.message, call.fields, replied, call.prefix)
        except VppGone as gone:
            take(gone)
        except UNPACKABLE as error:
            take(unpackable(call.message, error))
        except Exception as error:
            take(error)

    def _refused(self, key: str, call: Call, reply: Any, take: Callable[[Any], None]) -> None:
        if call.instead is not None and reply.retval in call.instead_on:
            self.call(key, call.instead, take)
        else:
            take(Later(f"{call.message}: {_reason(reply)}"))

    def _confirm(self, ask: Confirm, reply: Any, take: Callable[[Any], None], refused: Callable[[], None]) -> None:
        """Does VPP have the object of the refused call?"""

        def asked(task: "asyncio.Task[bool]") -> None:
            error = task.exception()
            if isinstance(error, Exception):
                take(error)
            elif task.result():
                take(reply)
            else:
                refused()

        asyncio.ensure_future(self._shows(ask)).add_done_callback(asked)

    async def _shows(self, ask: Confirm) -> bool:
        if ask.many:
            return any(ask.shows(row) for row in await self._api.dump(ask.message, ask.fields))
        reply = await self._api.request(ask.message, ask.fields)
        return bool(reply.retval == 0 and ask.shows(reply))


def _reason(reply: Any) -> str:
    """Why VPP refused. The device framework counts its errors by itself, and tells them as a text."""
    return getattr(reply, "error_string", "") or name_of(reply.retval)


class _Job:
    """One object's work."""

    __slots__ = ("_failure", "_jobs", "_key", "_left", "_replies", "_work")

    def __init__(self, jobs: Jobs, key: str, work: CallSequence) -> None:
        self._jobs, self._key, self._work = jobs, key, work
        self._replies: list[Any] = []
        self._left = 0
        self._failure: Exception | None = None

    def step(self, go: Callable[[], Sequence[Call]]) -> None:
        """Lets the work go on until it asks for calls, or ends."""
        while True:
            try:
                calls = go()
            except StopIteration as end:
                self._jobs.ended(self._key, end.value)
                return
            except (Later, NoAnswer, Never, VppGone) as failure:
                self._jobs.ended(self._key, failure)
                return
            except Exception as error:  # a kind that fails fails its object, not the process
                if error is self._failure:
                    self._jobs.ended(self._key, error)
                else:
                    self._jobs.ended(self._key, Later(f"{type(error).__name__}: {error}"))
                return
            if calls:
                break
            go = partial(self._work.send, [])
        self._replies, self._left, self._failure = [None] * len(calls), len(calls), None
        for number, call in enumerate(calls):
            self._jobs.call(self._key, call, partial(self._take, number))

    def _take(self, number: int, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._failure = self._failure or reply
        self._replies[number] = reply
        self._left -= 1
        if self._left:
            return
        if self._failure is not None:
            self.step(partial(self._work.throw, self._failure))
        else:
            self.step(partial(self._work.send, self._replies))
