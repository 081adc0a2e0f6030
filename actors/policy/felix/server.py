"""Edge: the socket that Felix's driver connects to.

Felix sends everything on each connection; until it sends InSync, the last complete snapshot holds. A new connection
replaces the one before. Statuses are kept as desired and as sent: a slow reader is sent the latest of each, and never
delays reading.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from actors.policy.felix import encode
from actors.policy.felix.apply import apply_felix_event
from actors.policy.felix.decode import FelixDecoder, MalformedFelixMessage
from actors.policy.felix.framing import FelixFrames, FelixMessageTooLong, felix_frame
from actors.policy.model import FelixSnapshot, FelixWorkload
from actors.runtime.context import ActorContext
from actors.runtime.unix_socket import ListeningSocket

_READ_BYTES = 1 << 20
_PROCESS_STATUS_S = 30.0
_PROBLEMS_MAX = 20
FelixEndpointName = tuple[str, Any]  # ("workload", FelixWorkloadId) | ("host", name)
_SentStatus = tuple[str, FelixWorkload]  # status, and the workload endpoint that it is about (empty for a host's)


class FelixEndpointStatuses(NamedTuple):
    """Statuses for Felix: "up", "down" or "error" by endpoint; `programmed`: does VPP hold all that Felix has sent?"""

    statuses: Mapping[FelixEndpointName, str] = {}
    programmed: bool = False


class _FelixSession:
    """One connection of Felix: its snapshot, and what it has been sent."""

    def __init__(self, writer: asyncio.StreamWriter, counters: Counter[str]) -> None:
        self.writer = writer
        self.snapshot = FelixSnapshot()
        self.decoder = FelixDecoder(counters)
        self.problems: list[str] = []
        self.sent_statuses: dict[FelixEndpointName, _SentStatus] = {}
        self.sent_greeting = False
        self.sent_in_sync = False
        self.sequence = 0

    async def send(self, message: Any) -> None:
        """Raises OSError."""
        self.writer.write(felix_frame(encode.felix_message_bytes(message, self.sequence)))
        self.sequence += 1
        await self.writer.drain()


class FelixServer:
    """Listens for Felix; the newest connection replaces the others."""

    def __init__(self, context: ActorContext, complete: Callable[[FelixSnapshot], None]) -> None:
        """`complete` is called with the snapshot once Felix is in sync, and then at every change."""
        self._context, self._complete = context, complete
        self._server: asyncio.Server | None = None
        self._socket: ListeningSocket | None = None
        self._desired = FelixEndpointStatuses()
        self._changed = asyncio.Event()
        self._started_at = time.monotonic()
        self.session: _FelixSession | None = None

    @property
    def state(self) -> str:
        """away | syncing | in-sync."""
        if self.session is None:
            return "away"
        return "in-sync" if self.session.snapshot.in_sync else "syncing"

    async def start(self, socket: Path) -> None:
        """Listens. Raises LockFileHeld, OSError."""
        self._socket = ListeningSocket(socket, self._listen, self._context.log)
        await self._socket.open()
        self._context.spawn(self._socket.keep())
        self._context.spawn(self._send_forever())

    async def _listen(self, socket: Path) -> None:
        if self._server is not None:
            self._server.close()
        self._server = await asyncio.start_unix_server(self._accept, socket, limit=_READ_BYTES)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        if self.session is not None:
            self.session.writer.close()

    def apply(self, state: FelixEndpointStatuses) -> None:
        """Take the statuses to send from now on."""
        if state != self._desired:
            self._desired = state
            self._changed.set()

    # --- reading

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.session is not None:
            self._context.log.warning("Felix connects anew: the old connection is closed")
            self.session.writer.close()
        session = self.session = _FelixSession(writer, self._context.counters)
        self._context.counters["felix_connections"] += 1
        self._context.log.info("Felix connected")
        self._changed.set()
        self._context.wake("felix/connected")
        try:
            why = await self._read(session, reader)
        finally:
            writer.close()
        if self.session is session:
            self.session = None
            self._context.log.warning("Felix away", why=why)
            self._context.wake("felix/away")

    async def _read(self, session: _FelixSession, reader: asyncio.StreamReader) -> str:
        """Read until the connection ends. Returns why."""
        frames = FelixFrames()
        while True:
            try:
                data = await reader.read(_READ_BYTES)
            except OSError as error:
                return str(error)
            if not data:
                return "it closed the connection"
            if self.session is not session:
                return "replaced by a newer connection"
            if end := self._apply_all(session, frames.feed(data)):
                return end

    def _apply_all(self, session: _FelixSession, messages: Iterator[bytes]) -> str:
        """Apply all readable messages. Returns why the connection must end; "" if it need not."""
        changed, end = False, ""
        try:
            for message in messages:
                self._apply_message(session, message)
                changed = True
        except FelixMessageTooLong as error:
            self._add_problem(session, str(error))
            end = str(error)
        if changed:
            if session.snapshot.in_sync:
                self._complete(session.snapshot)
            self._changed.set()
        return end

    def _apply_message(self, session: _FelixSession, message: bytes) -> None:
        """Apply one message; a wrong one is counted and reported, and nothing else is lost."""
        self._context.counters["felix_messages"] += 1
        try:
            event = session.decoder.decode(message)
        except MalformedFelixMessage as error:
            self._add_problem(session, f"a message of {len(message)} bytes cannot be read: {error}")
            return
        problem = apply_felix_event(session.snapshot, event) if event is not None else None
        if problem:
            self._add_problem(session, problem)
        if event is not None and event.table == "in_sync":
            counts = {table: len(getattr(session.snapshot, table)) for table in ("policies", "ip_sets", "workloads")}
            self._context.log.info("Felix in sync", version=session.decoder.version, **counts)

    def _add_problem(self, session: _FelixSession, problem: str) -> None:
        self._context.counters["malformed_messages"] += 1
        self._context.log.warning("malformed", why=problem)
        session.problems = [*session.problems[-_PROBLEMS_MAX + 1 :], problem]
        self._context.wake("felix/malformed")

    # --- sending

    async def _send_forever(self) -> None:
        """For ever: send what has changed, and the process's status every _PROCESS_STATUS_S."""
        due = 0.0
        while True:
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                due = time.monotonic() + _PROCESS_STATUS_S
                await self._send(self._process_status())
            self._changed.clear()
            await self._send(*self._unsent())

    def _process_status(self) -> Any:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return encode.felix_process_status_update(now, time.monotonic() - self._started_at)

    def _unsent(self) -> list[Any]:
        """Messages that the present connection lacks."""
        session = self.session
        if session is None:
            return []
        greeting = [] if session.sent_greeting else [self._process_status()]
        session.sent_greeting = True
        if not session.snapshot.in_sync:
            return greeting
        workloads = session.snapshot.workloads
        desired = {
            name: (status, workloads.get(name[1], FelixWorkload())) for name, status in self._desired.statuses.items()
        }
        before, session.sent_statuses = session.sent_statuses, desired
        messages = greeting + [_update(name, status) for name, status in desired.items() if before.get(name) != status]
        messages += [_removal(name) for name in before if name not in desired]
        if self._desired.programmed and not session.sent_in_sync:
            session.sent_in_sync = True
            messages.append(encode.felix_in_sync_message())
        return messages

    async def _send(self, *messages: Any) -> None:
        session = self.session
        if session is None:
            return
        try:
            for message in messages:
                await session.send(message)
        except OSError as error:
            self._context.log.warning("Felix cannot be told", why=error)


def _update(name: FelixEndpointName, latest: _SentStatus) -> Any:
    kind, key = name
    status, workload = latest
    return (
        encode.felix_workload_status_update(key, status, workload)
        if kind == "workload"
        else encode.felix_host_status_update(key, status)
    )


def _removal(name: FelixEndpointName) -> Any:
    kind, key = name
    return encode.felix_workload_status_remove(key) if kind == "workload" else encode.felix_host_status_remove(key)
