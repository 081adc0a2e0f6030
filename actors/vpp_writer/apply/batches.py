"""Objects that take one call each, by the hundred: packed, sent and answered in batches.

While VPP works at one batch the next is packed.
"""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from msgspec import Struct

from actors.vpp_writer.kinds.call import UNPACKABLE, Call, Later, NoAnswer, unpackable
from actors.vpp_writer.kinds.indices import NO_DETAILS
from actors.vpp_writer.kinds.kind import Details
from actors.vpp_writer.kinds.retvals import name_of
from actors.vpp_writer.vpp.client import VppClient

AHEAD = 2  # batches that wait for VPP while the next is packed

Learn = Callable[[Any], Details]
Holds = Callable[[str, Details | Exception], None]
Note = Callable[[str, Call, float, int], None]  # (key, call, s, return value)


class Entry(Struct, frozen=True, gc=False):
    """One object's call; `learn`: what its reply tells, None: nothing."""

    key: str
    call: Call
    learn: Learn | None


class Sent(NamedTuple):
    """A batch on its way, as columns."""

    keys: Sequence[str]
    calls: Iterable[Call]
    has_indices: Iterable[Learn | None]
    all_done: Callable[[], None]
    replies: "asyncio.Future[list[Any]]"
    at: float  # s, monotonic


class Batches:
    """The calls of one group. `done` is told of each object, unless all of a batch went well with nothing to learn."""

    def __init__(self, api: VppClient, counters: Counter[str], note: Note | None, done: Holds) -> None:
        self._api, self._counters, self._note, self._done = api, counters, note, done
        self._entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self._sent: deque[Sent] = deque()
        self._fatal: BaseException | None = None

    def add(self, key: str, call: Call, learn: Learn | None) -> None:
        """One more, to be sent with the next batch."""
        self._entries[call.message].append(Entry(key, call, learn))

    async def send(self, all_done: Callable[[Sequence[str]], None]) -> None:
        """Sends what was added; waits for earlier ones while too many are on their way. Raises as `end`.

        `all_done` is told of the objects if all went well and there is nothing to learn.
        """
        entries, self._entries = self._entries, defaultdict(list)
        for message, some in entries.items():
            if self._fatal is None:
                self._send(message, some, all_done)
        await self._keep_pace()

    async def send_packed(
        self, keys: Sequence[str], bodies: Sequence[bytes], call: Call, all_done: Callable[[], None]
    ) -> None:
        """The same for requests that are packed already; `call` stands for each."""
        if self._fatal is None:
            self._post(call.message, bodies, keys, repeat(call), repeat(None), all_done, plain=True)
        await self._keep_pace()

    async def _keep_pace(self) -> None:
        await asyncio.sleep(0)  # what has come is taken in
        while len(self._sent) > AHEAD:
            await self._finish(self._sent.popleft())
        if self._fatal is not None:
            await self.end()

    async def end(self) -> None:
        """All have ended. Raises VppGone, or what has stopped this process from calling."""
        while self._sent:
            await self._finish(self._sent.popleft())
        if self._fatal is not None:
            raise self._fatal

    def _send(self, message: str, entries: list[Entry], all_done: Callable[[Sequence[str]], None]) -> None:
        packed, bodies, plain = list[Entry](), list[bytes](), True
        pack = self._api.packed
        for entry in entries:
            call = entry.call
            try:
                bodies.append(pack(message, call.fields, call.prefix))
            except UNPACKABLE as error:
                self._done(entry.key, unpackable(message, error))
            else:
                packed.append(entry)
                plain = plain and entry.learn is None
        keys, calls, has_indices = ([getattr(entry, name) for entry in packed] for name in ("key", "call", "learn"))
        self._post(message, bodies, keys, calls, has_indices, partial(all_done, keys), plain=plain)

    def _post(
        self,
        message: str,
        bodies: Sequence[bytes],
        keys: Sequence[str],
        calls: Iterable[Call],
        has_indices: Iterable[Learn | None],
        all_done: Callable[[], None],
        *,
        plain: bool,
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
        self._sent.append(Sent(keys, calls, has_indices, all_done, replies, time.monotonic()))

    async def _finish(self, sent: Sent) -> None:
        replies, done = await sent.replies, self._done
        if self._note is None and not any(replies) and {*map(type, replies)} == {int}:  # return values, all of them 0
            sent.all_done()
            return
        took_s = time.monotonic() - sent.at
        for key, call, learn, reply in zip(sent.keys, sent.calls, sent.has_indices, replies, strict=False):
            if isinstance(reply, NoAnswer):
                done(key, reply)
                continue
            if isinstance(reply, BaseException):
                self._fatal = self._fatal or reply
                continue
            value = reply if type(reply) is int else int(reply.retval)
            if self._note is not None:
                self._note(key, call, took_s, value)
            if value == 0 or value in call.accepted_retvals:
                done(key, learn(reply) if learn is not None else NO_DETAILS)
            else:
                done(key, Later(f"{call.message}: {name_of(value)}"))
