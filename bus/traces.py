"""Edge: trace events for taps, sent only while a tap listens, and the names of causes that chain them."""

import time
from collections import deque

from bus.connection import BusConnection
from bus.envelope import BusTraceEvent

_EVENT_LENGTH_MAX = 1000  # of a cause's name without its moment: bus.envelope.CAUSE_LENGTH_MAX
TRACES_WAITING_MAX = 1000  # more are dropped and counted


class BusTracer:
    """The trace events of one process."""

    def __init__(self, connection: BusConnection) -> None:
        self.tapped = False  # does a tap listen?
        self._connection = connection
        self._waiting: deque[BusTraceEvent] = deque()

    def trace(
        self, event: str, key: str = "", cause: str = "", took_s: float = 0.0, **fields: str | int | float
    ) -> None:
        """Reports something that has just ended. Costs nothing while nobody listens, and may be lost."""
        if not self.tapped:
            return
        if len(self._waiting) >= TRACES_WAITING_MAX:
            self._connection.counters["notes_dropped"] += 1
            return
        message = BusTraceEvent(sender=self._connection.name, what=event, key=key, cause=cause, time=time.time())
        message.took_s, message.fields = took_s, fields
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._connection.start(self._send())

    async def _send(self) -> None:
        """One task for all that wait: a process that traces much is not kept from its work."""
        while self._waiting:
            await self._connection.send(self._waiting[0])
            self._waiting.popleft()


def new_trace_cause(event: str) -> str:
    """A name for an event that begins now: `<event>#<time in base 36>`; one that has such a name keeps it."""
    event = event[:_EVENT_LENGTH_MAX].encode(errors="replace").decode()
    return event if "#" in event else f"{event}#{_base36(time.time_ns() // 1_000_000)}"


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return (_base36(number // 36) if number >= 36 else "") + digits[number % 36]
