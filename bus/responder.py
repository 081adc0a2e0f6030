"""Edge: requests of others to this process: each is executed once, and answered by a reply or an error."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from bus.calls import RequestAnswerCache
from bus.connection import BusConnection
from bus.envelope import ERROR_LENGTH_MAX, REQUEST_BYTES_MAX, BusAnswer, BusAsk
from bus.traces import BusTracer
from schemas import codec
from schemas.requests import AnyBusRequest, BusRequest, request_name

BusRequestHandler = Callable[[Any], Struct | Awaitable[Struct]]
_requests: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyBusRequest)


class BusResponder:
    """The requests that one process serves."""

    def __init__(self, connection: BusConnection, tracer: BusTracer) -> None:
        self._connection, self._tracer = connection, tracer
        self._handlers: dict[type[BusRequest], BusRequestHandler] = {}
        self._answers = RequestAnswerCache()
        self._born = time.monotonic()

    def serve(self, kind: type[BusRequest], handler: BusRequestHandler) -> None:
        """Requests of `kind` are answered by what `handler` returns; its exception is the error."""
        self._handlers[kind] = handler

    def take(self, ask: BusAsk) -> None:
        """A request has come: it is executed and answered by a task."""
        self._connection.start(self._answer(ask))

    async def _answer(self, ask: BusAsk) -> None:
        if not self._answers.begin(ask.id):
            earlier = self._answers.lookup(ask.id)
            if earlier is not None:
                await self._connection.send(earlier)
            return
        if ask.again and ask.asked_at < self._born:  # an earlier life of ours may have executed it
            await self._connection.send(BusAnswer(id=ask.id, error=f"{self._connection.name}: restarted"))
            return
        began = time.monotonic()
        answer = await self._execute(ask)
        took_s = time.monotonic() - began
        self._tracer.trace("answer", "", ask.cause, took_s, id=ask.id[:8], error=answer.error)
        self._answers.store(answer)
        await self._connection.send(answer)

    async def _execute(self, ask: BusAsk) -> BusAnswer:
        name = self._connection.name
        try:
            request = _requests.decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._connection.malformed(f"request to {name}: {error}")
            return _error_answer(ask, f"{name}: malformed request: {error}")
        handler = self._handlers.get(type(request))
        if handler is None:
            return _error_answer(ask, f"{name}: does not answer {request_name(request)}")
        try:
            reply = handler(request)
            if not isinstance(reply, Struct):
                reply = await reply
            body = codec.encode_row_value(reply)
        except Exception as error:  # a failing handler fails its request, not the process
            self._connection.counters["failed_requests"] += 1
            return _error_answer(ask, f"{name}: {type(error).__name__}: {error}")
        if len(body) > REQUEST_BYTES_MAX:
            return _error_answer(ask, f"{name}: the answer has {len(body)} bytes, more than {REQUEST_BYTES_MAX}")
        return BusAnswer(id=ask.id, body=body)


def _error_answer(ask: BusAsk, text: str) -> BusAnswer:
    """An error in words, of bounded size, that can be encoded."""
    return BusAnswer(id=ask.id, error=text[:ERROR_LENGTH_MAX].encode(errors="replace").decode())
