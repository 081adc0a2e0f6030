"""Edge: VPP's binary API over its unix socket, for asyncio.

Requests are pipelined: at most `window` of them wait for their replies (`reply_stream.py`), the others wait to be sent
(`request_queue.py`). When the socket ends every one that waits fails at once. A dump is followed by a control_ping:
what arrives under the dump's context before the ping's reply are its details.

A VPP that says nothing is asked for a sign of life. As long as it gives none, calls wait: it may be stopped, and will
answer when it goes on. A call that stays without its reply while VPP answers others has failed with an unknown outcome.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from actors.vpp_writer.kinds.call import NoVppAnswer
from actors.vpp_writer.vpp import definitions
from actors.vpp_writer.vpp.definitions import UnfitVppApi, VppApiDefinitions
from actors.vpp_writer.vpp.liveness import VppLiveness
from actors.vpp_writer.vpp.message_table import VppMessageTable
from actors.vpp_writer.vpp.pending import PendingVppBatch, PendingVppCall, VppRetvalBatch
from actors.vpp_writer.vpp.replies import compile_reply_reader, reply_context_offset
from actors.vpp_writer.vpp.reply_stream import VPP_FRAME_HEADER, UnreadableVppReply, VppReplyStream
from actors.vpp_writer.vpp.request_queue import VppRequestQueue

_WINDOW = 128
CALLS_SENT_TOGETHER = 128  # calls of one batch
CALL_S_MAX = 5.0
_CONNECT_S_MAX = 5.0
LOOK_EVERY_S = 0.25
_SOCKCLNT_CREATE, _SOCKCLNT_CREATE_REPLY = 15, 16  # fixed numbers of the handshake (VPP: vlibmemory)
_CLIENT_NAME = "vppd-writer"


class VppApiGone(Exception):
    """VPP has closed the socket, or is not there."""


class VppApiClient(asyncio.Protocol):
    """One connection. Made by `connect`."""

    def __init__(self, window: int = _WINDOW) -> None:
        self.closed = asyncio.Event()
        self._table = VppMessageTable()
        self._requests = VppRequestQueue(self._table, window)
        self._replies = VppReplyStream(self._table.readers)
        self._flushing = False
        self._liveness = VppLiveness()
        self._probing = False
        self._transport: asyncio.Transport | None = None
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, path: Path, messages: VppApiDefinitions, window: int = _WINDOW) -> "VppApiClient":
        """Connects and learns how VPP has these messages. Raises VppApiGone, UnfitVppApi, NoVppAnswer."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S_MAX):
                _, api = await loop.create_unix_connection(lambda: cls(window), str(path))
                try:
                    await api._handshake(messages)
                except BaseException:
                    await api.close()
                    raise
                return api
        except (OSError, TimeoutError) as error:
            raise VppApiGone(f"{path}: {error or type(error).__name__}") from None

    async def _handshake(self, messages: VppApiDefinitions) -> None:
        handshake = definitions.vpp_handshake_messages()
        create, created = handshake["sockclnt_create"], handshake["sockclnt_create_reply"]
        self._table.readers[_SOCKCLNT_CREATE_REPLY] = (reply_context_offset(created), compile_reply_reader(created))
        context, future = self._expect("sockclnt_create")
        body = create.pack({"_vl_msg_id": _SOCKCLNT_CREATE, "context": context, "name": _CLIENT_NAME})
        self._write([VPP_FRAME_HEADER.pack(0, len(body), 0) + body])
        reply = await future
        if reply.response:
            raise UnfitVppApi(f"VPP refuses clients: {reply.response}")
        self._requests.client = reply.index
        table = {entry.name.rstrip("\0"): entry.index for entry in reply.message_table}
        self._table.add(handshake, table)
        self._table.add(messages.parse(await self._description(messages, table)), table)
        definitions.check_vital_messages(self._table.numbers)
        self._looking = asyncio.create_task(self._look())

    async def _description(self, messages: VppApiDefinitions, table: Mapping[str, int]) -> str:
        remembered = messages.recall(table)
        if remembered is not None:
            return remembered
        if not self.supports("get_api_json"):
            raise UnfitVppApi("VPP lacks get_api_json")
        description = messages.select((await self.request("get_api_json")).json)
        messages.remember(table, description)
        return description

    def supports(self, message: str) -> bool:
        """Does this VPP have the message, with the layout that we know?"""
        return self._table.supports(message)

    def packed(self, message: str, fields: Mapping[str, Any]) -> bytes:
        """The bytes of a request, without its head. Raises ValueError, OSError, KeyError for a message VPP lacks."""
        return self._table.packed(message, fields)

    def offset(self, message: str, *path: str) -> int:
        """Where a field of a message begins, bytes; in a request after the head."""
        return self._table.offset(message, *path)

    # --- calling

    def post(self, message: str, fields: Mapping[str, Any], take: Callable[[Any], None]) -> None:
        """Makes one call; `take` gets its reply, VppApiGone or NoVppAnswer. Raises VppApiGone, ValueError, OSError."""
        body = self.packed(message, fields)
        self._enqueue(self._next_context(), message, body, PendingVppCall(message, take))

    def post_batch(
        self, message: str, bodies: Sequence[bytes], on_replies: Callable[[list[Any]], None], *, plain: bool = False
    ) -> None:
        """Makes calls of one message, packed by `packed`; `on_replies` gets for each what `post` gives. Raises
        VppApiGone.

        `plain`: instead of the reply the number in its field `retval`, which must be the first one.
        """
        self._check_open()
        self._requests.add_batch(
            message, bodies, (VppRetvalBatch if plain else PendingVppBatch)(message, len(bodies), on_replies)
        )
        self._flush()

    async def request_batch(self, message: str, bodies: Sequence[bytes]) -> list[Any]:
        """Makes calls of one message, packed by `packed`. Returns their replies. Raises VppApiGone, NoVppAnswer."""
        replies: list[Any] = []
        for first in range(0, len(bodies), CALLS_SENT_TOGETHER):
            future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            self.post_batch(message, bodies[first : first + CALLS_SENT_TOGETHER], future.set_result)
            replies += await future
        if failed := next((reply for reply in replies if isinstance(reply, Exception)), None):
            raise failed
        return replies

    async def request(self, message: str, fields: Mapping[str, Any] | None = None) -> Any:
        """Makes one call. Returns the reply. Raises VppApiGone, NoVppAnswer, ValueError."""
        future = asyncio.get_running_loop().create_future()
        self.post(message, fields or {}, _setter(future))
        return await future

    async def dump(self, message: str, fields: Mapping[str, Any] | None = None) -> list[Any]:
        """Makes one dump. Returns its details. Raises VppApiGone, NoVppAnswer, ValueError."""
        body = self.packed(message, fields or {})
        future = asyncio.get_running_loop().create_future()
        waiter = PendingVppCall(message, _setter(future))
        details: list[Any] = []
        dump = self._next_context()
        self._replies.dumps[dump] = (details, waiter)
        self._enqueue(dump, message, body, None)
        self._enqueue(self._next_context(), "control_ping", b"", waiter)
        try:
            await future
        finally:
            del self._replies.dumps[dump]
        return details

    def _expect(self, message: str) -> tuple[int, asyncio.Future[Any]]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        context = self._next_context()
        self._replies.waiting[context] = PendingVppCall(message, _setter(future))
        return context, future

    def _next_context(self) -> int:
        self._check_open()
        return self._requests.next_context()

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise VppApiGone("VPP has closed the API socket")

    def _enqueue(self, context: int, message: str, body: bytes, waiter: PendingVppCall | None) -> None:
        self._requests.add(context, message, body, waiter)
        self._flush_soon()

    def _flush_soon(self) -> None:
        """What is posted in one turn of the loop leaves in one piece."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self.closed.is_set():
            return
        now = time.monotonic()
        frames = self._requests.take_sendable(self._replies.waiting, now)
        if frames:
            self._liveness.ask(now)
            self._write(frames)

    def _write(self, frames: Iterable[bytes]) -> None:
        assert self._transport is not None
        self._transport.write(b"".join(frames))

    # --- hearing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._liveness.hear(now)
        try:
            self._replies.feed(data, now)
        except UnreadableVppReply as error:
            self._end(f"VPP sends {error}")
            return
        self._liveness.expect(now, bool(self._replies.waiting))
        if self._requests:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail()

    def _end(self, why: str) -> None:
        assert self._transport is not None
        self._fail(why)
        self._transport.abort()

    def _fail(self, why: str = "VPP has closed the API socket") -> None:
        self.closed.set()
        self._liveness.asked_at = 0.0
        waiting = self._replies.give_up()
        for context, waiter in itertools.chain(waiting.items(), self._requests.give_up()):
            waiter.take(context, VppApiGone(why))

    # --- watching

    @property
    def answers(self) -> bool:
        """Has VPP answered lately?"""
        return self._liveness.answers(time.monotonic())

    async def _look(self) -> None:
        """Asks a VPP that says nothing for a sign of life; fails calls that it has passed over."""
        while not self.closed.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            if self._liveness.must_probe(now) and not self._probing:
                self._probe()
            for context, waiter in list(itertools.islice(self._replies.waiting.items(), self._requests.window)):
                if now - waiter.since > CALL_S_MAX and self._liveness.heard_at > waiter.since:
                    del self._replies.waiting[context]
                    waiter.take(context, NoVppAnswer(f"{waiter.message}: no answer in {CALL_S_MAX:.0f} s"))
            if self._requests:
                self._flush_soon()

    def _probe(self) -> None:
        """Past the window: a full one is what a stopped VPP leaves."""
        if self.closed.is_set():
            return
        self._probing = True
        context, future = self._expect("control_ping")
        future.add_done_callback(self._probed)
        now = time.monotonic()
        self._replies.waiting[context].since = now
        self._liveness.ask(now)
        self._write([self._requests.framed("control_ping", context, b"")])

    def _probed(self, future: "asyncio.Future[Any]") -> None:
        self._probing = False
        if not future.cancelled():
            future.exception()

    async def close(self) -> None:
        """Takes leave of VPP and closes the socket."""
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._transport is None:
            return
        if self._requests.client and not self.closed.is_set() and self.supports("sockclnt_delete"):
            with contextlib.suppress(OSError):
                body = self.packed("sockclnt_delete", {"index": self._requests.client})
                self._write([self._requests.framed("sockclnt_delete", 1, body)])
        self._fail()
        self._transport.close()


def _setter(future: "asyncio.Future[Any]") -> Callable[[Any], None]:
    def settle(reply: Any) -> None:
        if future.done():
            return
        if isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)

    return settle
