"""Objects that take one call each, by the hundred: packed, sent and answered in batches.

While VPP works at one batch the next is packed.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from actors.vpp_writer.call import Call, Later, Never, NoAnswer
from actors.vpp_writer.kinds.kind import Details
from actors.vpp_writer.names import NOTHING
from actors.vpp_writer.retvals import name_of
from actors.vpp_writer.vpp_api import VppApi

TOGETHER = 250  # calls of one batch
AHEAD = 2  # batches that wait for VPP while the next is packed

Learn = Callable[[Any], Details]
Done = Callable[[str, Details | Exception], None]


class Entry(NamedTuple):
    """One object's call; `learn`: what its reply tells, None: nothing."""

    key: str
    call: Call
    learn: Learn | None


class Batches:
    """The calls of one group."""

    def __init__(self, api: VppApi, counters: Counter[str], note: Callable[[str, Call, float, Any], None]) -> None:
        self._api, self._counters, self._note = api, counters, note
        self._entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self._fatal: BaseException | None = None

    def add(self, key: str, call: Call, learn: Learn | None) -> None:
        """One more."""
        self._entries[call.message].append(Entry(key, call, learn))

    async def run(self, done: Done, after: Callable[[], None]) -> None:
        """Makes all calls; `done` is told of each, `after` follows each batch. Raises VppGone when all have ended."""
        waiting: deque[tuple[list[Entry], asyncio.Future[list[Any]]]] = deque()
        for message, entries in self._entries.items():
            for first in range(0, len(entries), TOGETHER):
                if self._fatal is not None:
                    break
                waiting.append(self._send(message, entries[first : first + TOGETHER], done))
                if len(waiting) > AHEAD:
                    self._finish(*await _next(waiting), done)
                    after()
        while waiting:
            self._finish(*await _next(waiting), done)
            after()
        if self._fatal is not None:
            raise self._fatal

    def _send(self, message: str, entries: list[Entry], done: Done) -> tuple[list[Entry], "asyncio.Future[list[Any]]"]:
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        packed, bodies = list[Entry](), list[bytes]()
        for entry in entries:
            try:
                bodies.append(self._api.packed(message, entry.call.fields))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                field = str(error).rpartition(" for ")[2]  # vpp_papi quotes the whole message before it
                done(entry.key, Never(f"{message}: cannot be packed: {field}"))
            else:
                packed.append(entry)
        self._counters["vpp_writes_total"] += len(bodies)
        try:
            if bodies:
                self._api.post_many(message, bodies, future.set_result)
            else:
                future.set_result([])
        except Exception as error:
            future.set_result([error] * len(packed))
        return packed, future

    def _finish(self, entries: list[Entry], replies: list[Any], done: Done) -> None:
        for (key, call, learn), reply in zip(entries, replies, strict=True):
            if isinstance(reply, NoAnswer):
                done(key, reply)
            elif isinstance(reply, BaseException):
                self._fatal = self._fatal or reply
            else:
                self._note(key, call, 0.0, reply)
                if reply.retval == 0 or reply.retval in call.fine:
                    done(key, learn(reply) if learn is not None else NOTHING)
                else:
                    done(key, Later(f"{call.message}: {name_of(reply.retval)}"))


async def _next(
    waiting: "deque[tuple[list[Entry], asyncio.Future[list[Any]]]]",
) -> tuple[list[Entry], list[Any]]:
    entries, future = waiting.popleft()
    return entries, await future
