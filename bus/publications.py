"""Edge: the streams that a process publishes: values become bytes, and parts leave as the broker gives credit."""

import asyncio
import time
from collections.abc import Mapping

from msgspec import Struct

from bus.connection import BusConnection
from bus.envelope import BusRefusal, PublisherCredit, ResendCheckpoint
from bus.outbox import StreamOutbox
from bus.row_encoding import RowEncoder


class StreamPublications:
    """All streams of one process."""

    def __init__(self, connection: BusConnection) -> None:
        self._connection = connection
        self._outboxes: dict[str, StreamOutbox] = {}  # by word
        self._published: dict[str, dict[str, tuple[Struct, bytes]]] = {}  # by word and key: the last value, its bytes
        self._encoder = RowEncoder()
        self._may_send = asyncio.Event()
        self._credit_came = asyncio.Event()

    def publish(self, word: str, rows: Mapping[str, Struct], cause: str) -> tuple[int, int]:
        """States the whole stream `word`. Returns (rows set, rows deleted)."""
        counts = self.outbox(word).publish(self._encode(word, rows), cause)
        self._may_send.set()
        return counts

    def _encode(self, word: str, rows: Mapping[str, Struct]) -> dict[str, bytes]:
        """The rows as bytes; an object that was published last time is not encoded again."""
        before, now = self._published.get(word, {}), {}
        withheld_before = self._encoder.count
        for key, value in rows.items():
            earlier = before.get(key)
            if earlier is not None and earlier[0] is value:
                now[key] = earlier
            elif (data := self._encoder.encode(word, key, value)) is not None:
                now[key] = (value, data)
            elif earlier is not None:
                now[key] = earlier
        self._encoder.keep_only(word, rows)
        self._report_withheld(withheld_before)
        self._published[word] = now
        return {key: data for key, (_, data) in now.items()}

    def _report_withheld(self, count_before: int) -> None:
        problems = self._encoder.problems
        self._connection.counters["rows_withheld"] = self._encoder.count
        if problems and self._encoder.count != count_before:
            self._connection.malformed(problems[-1])

    def update_row(self, word: str, key: str, value: Struct | None, cause: str) -> None:
        """Changes one row of a published stream."""
        self.update_rows(word, {key: value}, {key: cause})

    def update_rows(self, word: str, changes: Mapping[str, Struct | None], causes: Mapping[str, str]) -> None:
        """Changes rows of a published stream; None deletes. `causes`: of those keys that have any."""
        withheld_before = self._encoder.count
        rows: dict[str, bytes | None] = {}
        for key, value in changes.items():
            if value is None:
                self._encoder.forget(word, key)
                rows[key] = None
            elif (data := self._encoder.encode(word, key, value)) is not None:
                rows[key] = data
        self._report_withheld(withheld_before)
        self.outbox(word).update_rows(rows, causes)
        self._may_send.set()

    async def flush(self, timeout_s: float) -> bool:
        """Waits until the broker holds all that was published. False: it does not at the timeout."""
        deadline = time.monotonic() + timeout_s
        while not all(outbox.idle for outbox in self._outboxes.values()):
            self._credit_came.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._credit_came.wait()
            except TimeoutError:
                return False
        return True

    @property
    def problems(self) -> tuple[str, ...]:
        """What others do not hear of us, with the reason: rows that cannot travel, streams that the broker refuses."""
        refused = (f"{word}: not taken: {outbox.refused}" for word, outbox in self._outboxes.items() if outbox.refused)
        return (*refused, *self._encoder.problems)

    def outbox(self, word: str) -> StreamOutbox:
        """Of a stream, made when it is first spoken of."""
        if word not in self._outboxes:
            self._outboxes[word] = StreamOutbox(self._connection.name, word)
        return self._outboxes[word]

    # --- from the broker

    def credit(self, credit: PublisherCredit) -> None:
        """The broker has taken a part."""
        if outbox := self._outboxes.get(credit.word):
            outbox.credit(credit, time.monotonic())
            self._credit_came.set()
            self._may_send.set()

    def resend(self, resend: ResendCheckpoint) -> None:
        """The broker wants a whole stream again."""
        if outbox := self._outboxes.get(resend.word):
            outbox.resend_all()
            self._may_send.set()

    def resend_all(self) -> None:
        """A new broker knows nothing: every stream leaves whole."""
        for outbox in self._outboxes.values():
            outbox.resend_all()
        self._may_send.set()

    def refused(self, refusal: BusRefusal) -> None:
        """The broker does not take a stream."""
        if outbox := self._outboxes.get(refusal.word):
            outbox.refuse(refusal.reason, time.monotonic())
            self._connection.malformed(f"{refusal.word}: not taken: {refusal.reason}")

    def retry(self) -> None:
        """Lets `send_forever` try again what could not be sent, or was refused, or was lost with a connection."""
        now = time.monotonic()
        for outbox in self._outboxes.values():
            if outbox.is_due_again(now, self._connection.answered_at):
                self._connection.counters["streams_sent_again"] += 1
                outbox.resend_all()
        self._may_send.set()

    async def send_forever(self) -> None:
        """Sends parts as they come and as credit allows."""
        while True:
            await self._may_send.wait()
            self._may_send.clear()
            if self._connection.broker_session is None:
                continue
            for outbox in list(self._outboxes.values()):
                while (part := outbox.next_part(self._connection.session, time.time())) is not None:
                    if not await self._connection.send(part):
                        break
                    outbox.mark_sent(time.monotonic())
