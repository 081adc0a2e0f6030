"""Edge: a tap on a node's bus, which hears everything and sends nothing to other processes.

It listens to every word, which costs the broker one more subscriber, and to notes, which processes say only then.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from bus.connection import BUS_TICK_S, BusConnection
from bus.envelope import (
    BUS_PROTOCOL,
    SUBSCRIBE_EVERY_WORD,
    TRACE_WORD,
    BusHello,
    BusRefusal,
    BusWelcome,
    SubscribeWords,
    unpack_bus_message,
)
from bus.remote_tap import CurveKeys
from bus.sockets import broker_address
from schemas.codec import MalformedBusMessage
from tools.tap.observer import Observer

NICE = 19
ANSWERS_WITHIN_S = 3.0


def lower_priority() -> None:
    """Lowers this process' priority: the observed processes come first."""
    os.nice(NICE)


class NoBus(Exception):
    """No broker answers."""


class Listener:
    """A tap: an async context manager. `observer` knows all that has been heard."""

    def __init__(self, run: Path, address: str = "", keys: CurveKeys | None = None) -> None:
        """On the bus of this machine, or, with an address and keys, through the door of another's."""
        self.observer = Observer()
        self._run, self._address = run, address
        name = f"tool-{'remote' if address else 'tap'}-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
        self._connection = BusConnection(name, address or broker_address(run / "bus"), keys)

    async def __aenter__(self) -> Self:
        """On the bus, once its broker has answered. Raises NoBus."""
        if not self._address and not (self._run / "bus" / "broker").exists():
            raise self._no_broker()
        await self._connection.__aenter__()
        self._connection.start(self._tick())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.__aexit__(*exc)

    async def frames(self) -> AsyncIterator[tuple[float, bytes]]:
        """(when it was heard, s since 1970; the frame), for ever. Raises NoBus if nobody answers at all."""
        while True:
            unwelcome = self._connection.broker_session is None
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_S if unwelcome else None):
                    data = await self._connection.receive()
            except TimeoutError:
                raise self._no_broker() from None
            if not await self._welcomed(data):
                yield time.time(), data

    def _no_broker(self) -> NoBus:
        if self._address:
            return NoBus(f"{self._address}: nobody answers there, or not to this key")
        return NoBus(f"{self._run}/bus: no broker answers there")

    async def _welcomed(self, data: bytes) -> bool:
        try:
            message = unpack_bus_message(data)
        except MalformedBusMessage:
            return False
        if isinstance(message, BusRefusal):
            raise NoBus(message.reason)
        if not isinstance(message, BusWelcome):
            return False
        greeting = self._connection.greet(message, data)
        if greeting is None:
            raise NoBus(self._connection.refusal)
        if greeting.forgotten:
            await self._connection.send(SubscribeWords(words=(SUBSCRIBE_EVERY_WORD, TRACE_WORD)))
        return True

    async def _tick(self) -> None:
        while True:
            await self._connection.tick(self._hello, self.observer.fetches)
            await asyncio.sleep(BUS_TICK_S)

    def _hello(self) -> BusHello:
        connection = self._connection
        return BusHello(name=connection.name, session=connection.session, pid=os.getpid(), protocol=BUS_PROTOCOL)
