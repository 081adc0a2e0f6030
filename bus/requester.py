"""Edge: requests of this process to others, until each is answered or its deadline passes."""

import asyncio
import time
import uuid
from typing import Any, NamedTuple

import msgspec

from bus.connection import BusConnection
from bus.envelope import BusAnswer, BusAsk
from bus.traces import BusTracer
from schemas import codec
from schemas.requests import REPLY_TYPE_OF_REQUEST, BusRequest, request_name


class BusAskFailed(Exception):
    """A request was not answered, or answered with an error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _OpenRequest(NamedTuple):
    ask: BusAsk
    answer: asyncio.Future[BusAnswer]


class BusRequester:
    """The open requests of one process."""

    def __init__(self, connection: BusConnection, tracer: BusTracer) -> None:
        self._connection, self._tracer = connection, tracer
        self._open: dict[str, _OpenRequest] = {}  # by id

    async def ask(self, service: str, request: BusRequest, timeout_s: float, cause: str) -> Any:
        """The service's one reply. Raises BusAskFailed at the deadline at the latest."""
        ask = BusAsk(
            id=uuid.uuid4().hex,
            service=service,
            within_s=timeout_s,
            body=codec.encode_row_value(request),
            cause=cause,
            asked_at=time.monotonic(),
        )
        self._tracer.trace("ask", service, cause, request=request_name(request), id=ask.id[:8])
        future: asyncio.Future[BusAnswer] = asyncio.get_running_loop().create_future()
        self._open[ask.id] = _OpenRequest(ask, future)
        try:
            await self._send(ask.id)
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            bus_away = self._connection.broker_session is None
            raise BusAskFailed("the bus is away" if bus_away else f"{service}: no answer in time") from None
        finally:
            del self._open[ask.id]
        if answer.error or answer.body is None:
            raise BusAskFailed(answer.error or f"{service}: empty answer")
        try:
            return msgspec.msgpack.decode(answer.body, type=REPLY_TYPE_OF_REQUEST[type(request)])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BusAskFailed(f"{service}: malformed answer: {error}") from None

    def settle(self, answer: BusAnswer) -> None:
        """An answer has come; one to a request that is no longer open is ignored."""
        if (request := self._open.get(answer.id)) and not request.answer.done():
            request.answer.set_result(answer)

    def send_again(self) -> None:
        """A new broker knows of no request: all that are open are sent to it."""
        for id_ in list(self._open):
            self._connection.start(self._send(id_))

    def cancel(self) -> None:
        """Ends all that wait for an answer."""
        for request in self._open.values():
            request.answer.cancel()

    async def _send(self, id_: str) -> bool:
        """Sends an open request; from then on it may have reached its service, and is marked `again` if it is resent.

        The mark is set before the send, since another task may send the request while this one waits.
        """
        if id_ not in self._open:
            return False
        request = self._open[id_]
        self._open[id_] = request._replace(ask=msgspec.structs.replace(request.ask, again=True))
        if await self._connection.send(request.ask):
            return True
        if id_ in self._open:
            self._open[id_] = request
        return False
