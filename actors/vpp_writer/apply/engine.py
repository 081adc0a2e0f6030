"""Many objects' calls at a time: packed, sent, settled.

The calls of one object follow one another: the next leave as soon as the replies to the last are there, and what is
posted in one turn of the loop leaves together. Objects of one call each go in batches, those that share everything but
a prefix as bytes that are packed already; while VPP works at one batch, the next is packed.
"""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from actors.vpp_writer.apply.run import CallSettledHandler, VppCallRun
from actors.vpp_writer.kinds.call import (
    UNPACKABLE_CALL_ERRORS,
    IntentRejected,
    NoVppAnswer,
    VppCall,
    VppCallRetriedLater,
    VppRefusalCheck,
    call_packing_error,
)
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.kinds.kind import ObjectDetails, VppCallSequence
from actors.vpp_writer.kinds.retvals import vpp_retval_name
from actors.vpp_writer.vpp.client import VppApiClient, VppApiGone

_AHEAD = 2  # batches that wait for VPP while the next is packed

VppCallObserver = Callable[[str, VppCall, float, int], None]  # (key, call, s, return value)
_Take = Callable[[Any], None]  # of a reply, or of the exception that stands for it


class _SentBatch(NamedTuple):
    """Calls on their way together. `settle` is given their replies and when they were sent (s, monotonic)."""

    replies: "asyncio.Future[list[Any]]"
    settle: Callable[[list[Any], float], None]
    sent_at: float


class VppCallEngine:
    """The calls of one group of objects.

    `settled` gets what became of each; `flush` is called when that is to be kept. `observer` sees every call.
    """

    def __init__(
        self,
        api: VppApiClient,
        counters: Counter[str],
        observer: VppCallObserver | None,
        settled: CallSettledHandler,
        flush: Callable[[], None],
    ) -> None:
        self._api, self._counters, self._observer = api, counters, observer
        self._settled, self._flush = settled, flush
        self._singles: defaultdict[str, list[tuple[VppCallRun, VppCall]]] = defaultdict(
            list
        )  # for the next batches, by message
        self._batches: deque[_SentBatch] = deque()
        self._settling_batch = False
        self._open = 0  # runs that have been sent and not settled
        self._idle: asyncio.Future[None] | None = None  # there are none, for who waits for that
        self._fatal: BaseException | None = None

    # --- sending

    def start(self, key: str, sequence: VppCallSequence) -> None:
        """Begins an object's calls."""
        self._open += 1
        VppCallRun(key, sequence, self._post_each, self._end_run).start()

    def add(self, key: str, sequence: VppCallSequence) -> None:
        """Begins the calls of an object that takes one: it leaves with the next batch."""
        self._open += 1
        VppCallRun(key, sequence, self._post_each, self._end_run).start(self._collect)

    def _collect(self, run: VppCallRun, calls: Sequence[VppCall]) -> None:
        if len(calls) == 1:
            self._open -= 1
            self._singles[calls[0].message].append((run, calls[0]))
        else:
            self._post_each(run, calls)

    async def send(self) -> None:
        """Sends what was added; waits for earlier batches while too many are on their way. Raises as `end`."""
        singles, self._singles = self._singles, defaultdict(list)
        for message, runs in singles.items():
            if self._fatal is None:
                self._send(message, runs)
        await self._keep_pace()

    async def send_packed(
        self, keys: Sequence[str], bodies: Sequence[bytes], call: VppCall, all_accepted: Callable[[], None]
    ) -> None:
        """Sends requests that are packed already, of objects without details; `call` stands for each. Raises as `end`.

        If VPP accepts all of them, `all_accepted` is called and `settled` is not.
        """
        if self._fatal is None:
            settle = partial(self._settle_packed, keys, call, all_accepted)
            self._post_batch(call.message, bodies, settle, plain=True)
        await self._keep_pace()

    async def _keep_pace(self) -> None:
        await asyncio.sleep(0)  # what has come is taken in
        while len(self._batches) > _AHEAD:
            await self._finish(self._batches.popleft())
        if self._fatal is not None:
            await self.end()

    async def end(self) -> None:
        """All has been settled. Raises VppApiGone, or what has stopped this process from calling."""
        while self._batches:
            await self._finish(self._batches.popleft())
        if self._open:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
        if self._fatal is not None:
            raise self._fatal

    def _send(self, message: str, runs: Sequence[tuple[VppCallRun, VppCall]]) -> None:
        packed, bodies = list[tuple[VppCallRun, VppCall]](), list[bytes]()
        self._open += len(runs)
        for run, call in runs:
            try:
                bodies.append(self._api.packed(message, call.fields))
            except UNPACKABLE_CALL_ERRORS as error:
                run.take(0, call_packing_error(message, error))
            else:
                packed.append((run, call))
        self._post_batch(message, bodies, partial(self._settle_singles, packed), plain=False)

    def _post_batch(
        self, message: str, bodies: Sequence[bytes], settle: Callable[[list[Any], float], None], *, plain: bool
    ) -> None:
        replies: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._counters["vpp_writes_total"] += len(bodies)
        try:
            if bodies:
                self._api.post_batch(message, bodies, replies.set_result, plain=plain)
            else:
                replies.set_result([])
        except Exception as error:
            replies.set_result([error] * len(bodies))
        self._batches.append(_SentBatch(replies, settle, time.monotonic()))

    def _post_each(self, run: VppCallRun, calls: Sequence[VppCall]) -> None:
        for number, call in enumerate(calls):
            self._post(run.key, call, partial(run.take, number))

    def _post(self, key: str, call: VppCall, take: _Take) -> None:
        """Makes one call; `take` gets its reply, VppCallRetriedLater with VPP's error, or another exception."""
        self._counters["vpp_writes_total"] += 1
        sent_at = time.monotonic()
        try:
            self._api.post(call.message, call.fields, lambda reply: self._settle(key, call, take, reply, sent_at))
        except VppApiGone as gone:
            take(gone)
        except UNPACKABLE_CALL_ERRORS as error:
            take(call_packing_error(call.message, error))
        except Exception as error:
            take(error)

    # --- settling

    async def _finish(self, batch: _SentBatch) -> None:
        replies = await batch.replies
        self._settling_batch = True
        try:
            batch.settle(replies, batch.sent_at)
        finally:
            self._settling_batch = False
            self._flush()

    def _settle_packed(
        self, keys: Sequence[str], call: VppCall, all_accepted: Callable[[], None], replies: list[Any], sent_at: float
    ) -> None:
        if self._observer is None and not any(replies) and {*map(type, replies)} == {int}:  # all of them 0
            all_accepted()
            return
        for key, reply in zip(keys, replies, strict=False):
            if isinstance(reply, NoVppAnswer):
                self._settled(key, reply)
            elif isinstance(reply, BaseException):
                self._fatal = self._fatal or reply
            else:
                self._observe(key, call, sent_at, reply)
                accepted = reply == 0 or reply in call.accepted_retvals
                self._settled(
                    key,
                    NO_OBJECT_DETAILS if accepted else VppCallRetriedLater(f"{call.message}: {vpp_retval_name(reply)}"),
                )

    def _settle_singles(self, runs: Sequence[tuple[VppCallRun, VppCall]], replies: list[Any], sent_at: float) -> None:
        for (run, call), reply in zip(runs, replies, strict=True):
            if self._observer is None and not isinstance(reply, Exception) and reply.retval == 0:
                run.take(0, reply)
            else:
                self._settle(run.key, call, partial(run.take, 0), reply, sent_at)

    def _settle(self, key: str, call: VppCall, take: _Take, reply: Any, sent_at: float) -> None:
        if isinstance(reply, Exception):
            take(reply)
            return
        self._observe(key, call, sent_at, int(reply.retval))
        if reply.retval == 0 or reply.retval in call.accepted_retvals:
            take(reply)
        elif call.confirm is not None and reply.retval in call.confirm_on:
            self._confirm(call.confirm, reply, take, partial(self._refuse, key, call, take, reply))
        else:
            self._refuse(key, call, take, reply)

    def _observe(self, key: str, call: VppCall, sent_at: float, retval: int) -> None:
        if self._observer is not None:
            self._observer(key, call, time.monotonic() - sent_at, retval)

    def _refuse(self, key: str, call: VppCall, take: _Take, reply: Any) -> None:
        if call.instead is not None and reply.retval in call.instead_on:
            self._post(key, call.instead, take)
        else:
            take(VppCallRetriedLater(f"{call.message}: {_reason(reply)}"))

    def _confirm(self, question: VppRefusalCheck, reply: Any, take: _Take, refuse: Callable[[], None]) -> None:
        """Does VPP have the object of the refused call?"""

        def answer(task: "asyncio.Task[bool]") -> None:
            error = task.exception()
            if isinstance(error, Exception):
                take(error)
            elif task.result():
                take(reply)
            else:
                refuse()

        asyncio.ensure_future(self._shows(question)).add_done_callback(answer)

    async def _shows(self, question: VppRefusalCheck) -> bool:
        if question.many:
            return any(question.shows(row) for row in await self._api.dump(question.message, question.fields))
        reply = await self._api.request(question.message, question.fields)
        return bool(reply.retval == 0 and question.shows(reply))

    def _end_run(self, key: str, result: ObjectDetails | Exception) -> None:
        if isinstance(result, Exception) and not isinstance(result, VppCallRetriedLater | NoVppAnswer | IntentRejected):
            self._fatal = self._fatal or result
        else:
            self._settled(key, result)
            if not self._settling_batch:
                self._flush()
        self._open -= 1
        if not self._open and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None


def _reason(reply: Any) -> str:
    """Why VPP refused. The device framework counts its errors by itself, and tells them as a text."""
    return getattr(reply, "error_string", "") or vpp_retval_name(reply.retval)
