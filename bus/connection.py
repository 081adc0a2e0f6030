"""Edge: one client's connection to the broker. It outlives brokers: what cannot be sent now is sent by whoever waits.

The parts of a `bus.peer.BusPeer`, and taps, talk to the broker through it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Self

from bus.envelope import BUS_PROTOCOL, BusHello, BusMessage, BusRefusal, BusWelcome, FetchSnapshot, pack_bus_message
from bus.handshake import BrokerHandshake, WelcomeDemands
from bus.log import ProcessLog
from bus.remote_tap import CurveKeys
from bus.sockets import BusClientSocket

BUS_TICK_S = 0.1
_DEAF_S = 3.0  # without an answer to a Hello: the connection is made anew


class BusConnection:
    """Use as an async context manager; all methods on one event loop. Its tasks end with it."""

    def __init__(self, name: str, address: str, keys: CurveKeys | None = None, log: ProcessLog | None = None) -> None:
        """`address`: what `broker_address` gives, or, with keys, that of a remote tap's socket."""
        self.name = name
        self.counters: Counter[str] = Counter()
        self.last_malformed = ""
        self.refusal = ""  # why the broker does not let us in, or we may not go in; empty: it does, or is away
        self.refused_at = 0.0  # since when, by the monotonic clock
        self.failure: BaseException | None = None  # what has ended a task: our own bug
        self.on_failure: Callable[[], None] = lambda: None
        self._log = log or ProcessLog(name, "error")
        self._answered_at = self._connected_at = time.monotonic()
        self._silent = False
        self._handshake = BrokerHandshake(name, time.monotonic_ns())
        self._address, self._keys = address, keys
        self._socket: BusClientSocket | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._socket = BusClientSocket(self._address, self._handshake.identity, self._keys)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._tasks:
            task.remove_done_callback(self._task_ended)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket:
            self._socket.close()

    @property
    def session(self) -> int:
        """Number of this life of the client; rises from life to life."""
        return self._handshake.session

    @property
    def answered_at(self) -> float:
        """When the broker answered a Hello last, by the monotonic clock."""
        return self._answered_at

    @property
    def broker_session(self) -> int | None:
        """Number of the broker's life; None before its first answer."""
        return self._handshake.broker_session

    async def send(self, message: BusMessage) -> bool:
        """To the broker. False: it is away, has not read for too long, or the message cannot be said at all."""
        try:
            data = pack_bus_message(message)
        except (ValueError, OverflowError, TypeError) as error:  # a lone surrogate, a number that is too large
            self.malformed(f"{type(message).__name__} to the bus: {error}")
            return False
        return self._socket is not None and await self._socket.send(data)

    def send_later(self, message: BusMessage) -> None:
        """As `send`, by a task, and perhaps never."""
        self.start(self.send(message))

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs as a task that ends with the connection at the latest. What it does not handle is kept as `failure`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            self.on_failure()

    async def receive(self) -> bytes:
        """The broker's next message."""
        assert self._socket
        data = await self._socket.receive()
        self._handshake.count(data)
        return data

    def greet(self, welcome: BusWelcome, data: bytes) -> WelcomeDemands | None:
        """Takes in a Welcome, whose bytes are `data`; None: the broker speaks another protocol, and is told nothing."""
        self._answered()
        if welcome.protocol != BUS_PROTOCOL:
            self.refuse(
                f"{self.name}: speaks protocol {BUS_PROTOCOL} of the bus, the bus speaks {welcome.protocol or 1}"
            )
            return None
        self.refusal = ""
        return self._handshake.greet(welcome, data)

    def refused(self, message: BusRefusal) -> None:
        """Takes in the broker's refusal to let us in."""
        self._answered()
        self.refuse(message.reason)

    def refuse(self, reason: str) -> None:
        """We are not on the bus, and do not look as if we were."""
        if not self.refusal:
            self.refused_at = time.monotonic()
        if self.refusal != reason:
            self._log.error("refused", why=reason)
        self.refusal = reason

    async def tick(self, hello: Callable[[], BusHello], fetches: Callable[[float], Iterable[FetchSnapshot]]) -> None:
        """What time itself brings, to be called every `BUS_TICK_S`: a Hello if it is due, what to fetch now, credit."""
        now = time.monotonic()
        self._watch_answers(now)
        if self._handshake.hello_due(now) and await self.send(hello()):
            self._handshake.hello_sent(now)
        if self.broker_session is not None and not self.refusal:
            for fetch in fetches(now):
                await self.send(fetch)
            await self.send_credit()

    def _answered(self) -> None:
        self._answered_at = time.monotonic()
        if self._silent:
            self._silent = False
            self._log.info("the bus answers again")

    def _watch_answers(self, now: float) -> None:
        """Connects anew to a broker that has not answered for long: ZeroMQ gives some connections up for ever."""
        if now - max(self._answered_at, self._connected_at) < _DEAF_S:
            return
        if not self._silent:
            self._silent = True
            self._log.warning("the bus does not answer", address=self._address, seconds=now - self._answered_at)
        self._connected_at = now
        self.counters["bus_reconnects"] += 1
        if self._socket is not None:
            self._socket.reconnect()

    async def send_credit(self, bytes_min: int = 1) -> None:
        """Credit for what was read, if it is at least that much."""
        credit = self._handshake.credit_due(bytes_min)
        if credit is not None and await self.send(credit):
            self._handshake.credited(credit)

    def malformed(self, why: str) -> None:
        """Counts a message or a row that cannot be read."""
        self.counters["malformed_messages"] += 1
        self.last_malformed = why
