"""Edge: a tap on a node's bus. It hears everything, answers nothing, and asks the processes for nothing.

It listens to every word, which costs the broker one more hearer, and to notes, which processes say only then.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from bus.envelope import (
    EVERY_WORD,
    FRAME_OVERHEAD_BYTES,
    TRACE_WORD,
    Fetch,
    Hello,
    Message,
    ReadCredit,
    Subscribe,
    Welcome,
    pack,
    unpack,
)
from bus.remote_tap import CurveKeys
from bus.sockets import ClientSocket, broker_address
from schemas.codec import Malformed
from tools.tap.seen import Observer

TICK_S = 0.1
NICE = 19
HELLO_EVERY_S = 0.5
ANSWERS_WITHIN_S = 3.0


def step_back() -> None:
    """This process is a tap and nothing else: whom it observes comes first."""
    os.nice(NICE)


class NoBus(Exception):
    """Nobody answers where the bus should be."""


class Listener:
    """A tap: an async context manager. `observer` knows all that has been heard."""

    def __init__(self, run: Path, address: str = "", keys: CurveKeys | None = None) -> None:
        """On the bus of this machine, or, with an address and keys, through the door of another's."""
        self.observer = Observer()
        self.broker_session: int | None = None
        self._run, self._address, self._keys = run, address, keys
        self._session = time.time_ns()
        self._name = f"tool-{'remote' if address else 'tap'}-{os.getpid()}-{self._session % 1_000_000}"
        self._heard = self._told = 0
        self._sockets: ClientSocket | None = None

    async def __aenter__(self) -> Self:
        """On the bus, once its broker has answered. Raises NoBus."""
        if not self._address and not (self._run / "bus" / "broker").exists():
            raise self._nobody()
        identity = f"{self._name}:{self._session}".encode()
        self._sockets = ClientSocket(self._address or broker_address(self._run / "bus"), identity, self._keys)
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        if self._sockets:
            self._sockets.close()

    async def frames(self) -> AsyncIterator[tuple[float, bytes]]:
        """(when it was heard, s since 1970; the frame), for ever. Raises NoBus if nobody answers at all."""
        assert self._sockets
        while True:
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_S if self.broker_session is None else None):
                    data = await self._sockets.receive()
            except TimeoutError:
                raise self._nobody() from None
            self._heard += len(data) + FRAME_OVERHEAD_BYTES
            if not await self._welcomed(data):
                yield time.time(), data

    def _nobody(self) -> NoBus:
        if self._address:
            return NoBus(f"{self._address}: nobody answers there, or not to this key")
        return NoBus(f"{self._run}/bus: no broker answers there")

    async def _welcomed(self, data: bytes) -> bool:
        try:
            message = unpack(data)
        except Malformed:
            return False
        if not isinstance(message, Welcome):
            return False
        if message.broker_session != self.broker_session or not message.known:
            self.broker_session = message.broker_session
            self._heard, self._told = len(data) + FRAME_OVERHEAD_BYTES, 0
            await self._send(Subscribe(words=(EVERY_WORD, TRACE_WORD)))
        return True

    async def _tick(self) -> None:
        said = float("-inf")
        while True:
            if time.monotonic() - said > HELLO_EVERY_S:
                said = time.monotonic()
                await self._send(Hello(name=self._name, session=self._session, pid=os.getpid()))
            if self.broker_session is not None:
                for word, owner in self.observer.fetches(time.monotonic()):
                    await self._send(Fetch(word=word, owner=owner))
                if self._heard != self._told and await self._send(ReadCredit(bytes=self._heard)):
                    self._told = self._heard
            await asyncio.sleep(TICK_S)

    async def _send(self, message: Message) -> bool:
        return self._sockets is not None and await self._sockets.send(pack(message))
