"""Edge: one client's connection to the broker. It outlives brokers: what cannot be sent now is sent by whoever waits.

The parts of a `bus.peer.BusPeer`, and taps, talk to the broker through it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Self

from bus.envelope import BusHello, BusMessage, BusWelcome, FetchSnapshot, pack_bus_message
from bus.handshake import BrokerHandshake, WelcomeDemands
from bus.remote_tap import CurveKeys
from bus.sockets import BusClientSocket

BUS_TICK_S = 0.1


class BusConnection:
    """Use as an async context manager; all methods on one event loop. Its tasks end with it."""

    def __init__(self, name: str, address: str, keys: CurveKeys | None = None) -> None:
        """`address`: what `broker_address` gives, or, with keys, that of a remote tap's socket."""
        self.name = name
        self.counters: Counter[str] = Counter()
        self.last_malformed = ""
        self._handshake = BrokerHandshake(name, time.monotonic_ns())
        self._address, self._keys = address, keys
        self._socket: BusClientSocket | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._socket = BusClientSocket(self._address, self._handshake.identity, self._keys)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket:
            self._socket.close()

    @property
    def session(self) -> int:
        """Number of this life of the client; rises from life to life."""
        return self._handshake.session

    @property
    def broker_session(self) -> int | None:
        """Number of the broker's life; None before its first answer."""
        return self._handshake.broker_session

    async def send(self, message: BusMessage) -> bool:
        """To the broker. False: it is away, or has not read for too long."""
        return self._socket is not None and await self._socket.send(pack_bus_message(message))

    def send_later(self, message: BusMessage) -> None:
        """As `send`, by a task, and perhaps never."""
        self.start(self.send(message))

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs as a task that ends with the connection at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def receive(self) -> bytes:
        """The broker's next message."""
        assert self._socket
        data = await self._socket.receive()
        self._handshake.count(data)
        return data

    def greet(self, welcome: BusWelcome, data: bytes) -> WelcomeDemands:
        """Takes in a Welcome, whose bytes are `data`."""
        return self._handshake.greet(welcome, data)

    async def tick(self, hello: Callable[[], BusHello], fetches: Callable[[float], Iterable[FetchSnapshot]]) -> None:
        """What time itself brings, to be called every `BUS_TICK_S`: a Hello if it is due, what to fetch now, credit."""
        now = time.monotonic()
        if self._handshake.hello_due(now) and await self.send(hello()):
            self._handshake.hello_sent(now)
        if self.broker_session is not None:
            for fetch in fetches(now):
                await self.send(fetch)
        await self.send_credit()

    async def send_credit(self, bytes_min: int = 1) -> None:
        """Credit for what was read, if it is at least that much."""
        credit = self._handshake.credit_due(bytes_min)
        if credit is not None and await self.send(credit):
            self._handshake.credited(credit)

    def malformed(self, why: str) -> None:
        """Counts a message or a row that cannot be read."""
        self.counters["malformed_messages"] += 1
        self.last_malformed = why
