"""The client of every process but the broker: publish, subscribe, ask, serve, over one connection.

A Peer may start before the broker and outlives it: what it has published is published again to the next broker, its
views stay until something newer is known.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from bus import traces
from bus.connection import BUS_TICK_S, BusConnection
from bus.envelope import (
    BUS_PROTOCOL,
    BusAnswer,
    BusAsk,
    BusBeacon,
    BusHello,
    BusRefusal,
    BusWelcome,
    CheckpointPart,
    PublisherCredit,
    ResendCheckpoint,
    SnapshotPart,
    unpack_bus_message,
)
from bus.log import ProcessLog
from bus.publications import StreamPublications
from bus.requester import BusRequester
from bus.responder import BusRequestHandler, BusResponder
from bus.sockets import broker_address
from bus.subscriptions import STREAM_BATCH_EVENTS_MAX, StreamEvent, StreamSubscriptions
from bus.traces import BusTracer
from schemas.codec import MalformedBusMessage
from schemas.requests import BusRequest

_REASONS_MAX = 40  # of a process for not being ready; `vppd status` shows them
_REASON_LENGTH_MAX = 400
_CREDIT_BYTES = 128 << 10  # so much is read before credit is given at once; less at the next tick


class BusPeer:
    """One process on the bus. Use as an async context manager; all methods on one event loop."""

    def __init__(self, name: str, directory: Path, log: ProcessLog | None = None) -> None:
        """`directory`: that of the bus. `log`: of the process; a tool has none, and hears errors alone."""
        self.name = name
        self.ready = False
        self.waiting: tuple[str, ...] = ()
        self.troubles: tuple[str, ...] = ()  # why it is not ready, whatever it says of itself
        self.progress = 0
        self._connection = BusConnection(name, broker_address(directory), log=log)
        self._tracer = BusTracer(self._connection)
        self._subscriptions = StreamSubscriptions(self._connection)
        self._publications = StreamPublications(self._connection)
        self._requester = BusRequester(self._connection, self._tracer)
        self._responder = BusResponder(self._connection, self._tracer)
        self._connection.on_failure = self.interrupt

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        for loop in (self._receive_forever(), self._publications.send_forever(), self._tick_forever()):
            self._connection.start(loop)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.__aexit__(*exc)
        self._requester.cancel()

    @property
    def session(self) -> int:
        """Number of this life of the process; rises from life to life."""
        return self._connection.session

    @property
    def broker_session(self) -> int | None:
        """Number of the broker's life; None before its first answer."""
        return self._connection.broker_session

    @property
    def counters(self) -> Counter[str]:
        """What the process counts, by name; the broker shows them in its row of word `process`."""
        return self._connection.counters

    @property
    def refusal(self) -> str:
        """Why the broker does not let this process in; empty: it does, or is away."""
        return self._connection.refusal

    @property
    def refused_s(self) -> float:
        """For how long it has not been let in; 0: it is in, or the broker is away."""
        return time.monotonic() - self._connection.refused_at if self.refusal else 0.0

    @property
    def failure(self) -> BaseException | None:
        """What has ended a task of ours: our own bug. The process is to end."""
        return self._connection.failure

    @property
    def last_malformed(self) -> str:
        """Why the last message or row that could not be read could not."""
        return self._connection.last_malformed

    # --- subscribe

    def subscribe(self, word: str, owner: str | None = None) -> None:
        """To `word` of `owner`; None: of its only owner, or of every owner if there are several."""
        self._subscriptions.subscribe(word, owner)

    async def changes(
        self, timeout_s: float | None = None, at_most: int = STREAM_BATCH_EVENTS_MAX
    ) -> list[StreamEvent]:
        """What has changed since the last call: at least one event, or [] at the timeout or after `interrupt`.

        Raises `failure`.
        """
        changes = await self._subscriptions.changes(timeout_s, at_most)
        if self._connection.failure is not None:
            raise self._connection.failure
        return changes

    def interrupt(self) -> None:
        """Lets `changes` return now, with whatever there is."""
        self._subscriptions.interrupt()

    def rows(self, word: str, owner: str | None = None) -> dict[str, Any]:
        """The present rows of `word` of `owner`; of all owners together for None."""
        return self._subscriptions.rows(word, owner)

    def view(self, word: str, owner: str) -> Mapping[str, Any]:
        """The rows of a stream as of the last event that `changes` returned. It follows them; costs nothing."""
        return self._subscriptions.view(word, owner)

    def in_sync(self, word: str, owner: str) -> bool:
        """Has the stream's first complete load arrived?"""
        return self._subscriptions.in_sync(word, owner)

    # --- publish

    def publish(self, word: str, rows: Mapping[str, Struct], cause: str = "") -> tuple[int, int]:
        """States the whole stream `word` of ours; differences leave as one atomic checkpoint.

        The first call marks the stream in sync and replaces what an earlier life of this process had published.
        Returns (rows set, rows deleted). A value costs next to nothing if it is the very object of last time:
        a large stream with few changes is cheap to state whole.
        """
        return self._publications.publish(word, rows, cause)

    def update_row(self, word: str, key: str, value: Struct | None, cause: str = "") -> None:
        """Changes one row of a published stream; None deletes it."""
        self._publications.update_row(word, key, value, cause)

    def update_rows(self, word: str, changes: Mapping[str, Struct | None], causes: Mapping[str, str]) -> None:
        """Changes rows of a published stream; None deletes. `causes`: of those keys that have any."""
        self._publications.update_rows(word, changes, causes)

    async def flush(self, timeout_s: float) -> bool:
        """Waits until the broker holds all that was published. False: it does not at the timeout."""
        return await self._publications.flush(timeout_s)

    # --- ask and serve

    async def ask(self, service: str, request: BusRequest, timeout_s: float, cause: str = "") -> Any:
        """The service's one reply. Raises BusAskFailed at the deadline at the latest."""
        return await self._requester.ask(service, request, timeout_s, cause)

    def serve(self, kind: type[BusRequest], handler: BusRequestHandler) -> None:
        """Requests of `kind` are answered by what `handler` returns; its exception is the error."""
        self._responder.serve(kind, handler)

    # --- trace

    @property
    def tapped(self) -> bool:
        """Does a tap listen for trace events?"""
        return self._tracer.tapped

    def new_cause(self, event: str) -> str:
        """A name for an event that begins now; one that has such a name keeps it."""
        return traces.new_trace_cause(event)

    def trace(
        self, event: str, key: str = "", cause: str = "", took_s: float = 0.0, **fields: str | int | float
    ) -> None:
        """Reports to taps something that has just ended. Costs nothing while none listens, and may be lost."""
        self._tracer.trace(event, key, cause, took_s, **fields)

    # --- loops

    async def _receive_forever(self) -> None:
        while True:
            data = await self._connection.receive()
            await self._dispatch(data)
            await asyncio.sleep(0)  # receiving what is there does not give way
            await self._connection.send_credit(_CREDIT_BYTES)

    async def _dispatch(self, data: bytes) -> None:
        try:
            message = unpack_bus_message(data)
        except MalformedBusMessage as error:
            self._connection.malformed(str(error))
            return
        match message:
            case CheckpointPart():
                await self._subscriptions.apply_part(message)
            case SnapshotPart():
                await self._subscriptions.apply_snapshot(message)
            case BusBeacon():
                self._tracer.tapped = message.tapped
                self._subscriptions.compare_heads(message.heads)
            case BusWelcome():
                self._greet(message, data)
            case BusRefusal(word=""):
                self._connection.refused(message)
            case BusRefusal():
                self._publications.refused(message)
            case PublisherCredit():
                self._publications.credit(message)
            case ResendCheckpoint():
                self._publications.resend(message)
            case BusAsk():
                self._responder.take(message)
            case BusAnswer():
                self._requester.settle(message)

    def _greet(self, welcome: BusWelcome, data: bytes) -> None:
        greeting = self._connection.greet(welcome, data)
        if greeting is None or not greeting.forgotten:
            return
        if greeting.new_broker:
            self.counters["broker_sessions"] += 1
        self._subscriptions.resubscribe()
        self._publications.resend_all()
        self._requester.send_again()

    async def _tick_forever(self) -> None:
        while True:
            await self._connection.tick(self._hello, self._subscriptions.fetches)
            self._publications.retry()
            await asyncio.sleep(BUS_TICK_S)

    def _hello(self) -> BusHello:
        problems = (*([self.refusal] if self.refusal else []), *self.troubles, *self._publications.problems)
        return BusHello(
            name=self.name,
            session=self.session,
            pid=os.getpid(),
            progress=self.progress,
            ready=self.ready and not problems,
            waiting=tuple(map(_sayable, (*problems, *self.waiting)))[:_REASONS_MAX],
            counters=dict(self.counters),
            protocol=BUS_PROTOCOL,
        )


def _sayable(reason: str) -> str:
    """A text of bounded size that can be encoded, whatever a file name or somebody's answer has brought into it."""
    return reason[:_REASON_LENGTH_MAX].encode(errors="replace").decode()
