"""Edge: the socket that Felix's driver connects to.

Felix says everything anew on each connection; until it says InSync, what the last connection completed holds. A new
connection replaces the one before. Statuses are kept as what is wanted and what was said: a reader that is slow is
told the latest of each, and never holds up what is read.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from actors.policy.felix import encode
from actors.policy.felix.apply import applied
from actors.policy.felix.decode import Decoder, Malformed
from actors.policy.felix.framing import Frames, TooLong, framed
from actors.policy.model import Snapshot, Workload
from actors.runtime.context import Context

READ_BYTES = 1 << 20
PROCESS_STATUS_S = 30.0
PROBLEMS_KEPT = 20
Name = tuple[str, Any]  # ("workload", WorkloadId) | ("host", name)
Said = tuple[str, Workload]  # status, and the workload endpoint that it is about (empty for a host's)


class EndpointStatuses(NamedTuple):
    """What Felix should know: "up", "down" or "error" by endpoint; `programmed`: does VPP hold all that it told?"""

    statuses: Mapping[Name, str] = {}
    programmed: bool = False


class Connection:
    """One life of Felix, as far as it can be told."""

    def __init__(self, writer: asyncio.StreamWriter, counters: Counter[str]) -> None:
        self.writer = writer
        self.snapshot = Snapshot()
        self.decoder = Decoder(counters)
        self.problems: list[str] = []
        self.said: dict[Name, Said] = {}
        self.greeted = False
        self.told_in_sync = False
        self.sequence = 0

    async def send(self, message: Any) -> None:
        """Raises OSError."""
        self.writer.write(framed(encode.numbered(message, self.sequence)))
        self.sequence += 1
        await self.writer.drain()


class FelixServer:
    """Listens; keeps the connection of the present."""

    def __init__(self, context: Context, complete: Callable[[Snapshot], None]) -> None:
        """`complete` is called with what Felix has told, once that is everything, and then at every change of it."""
        self._context, self._complete = context, complete
        self._server: asyncio.Server | None = None
        self._wanted = EndpointStatuses()
        self._changed = asyncio.Event()
        self._started_at = time.monotonic()
        self.connection: Connection | None = None

    @property
    def state(self) -> str:
        """away | syncing | in-sync."""
        if self.connection is None:
            return "away"
        return "in-sync" if self.connection.snapshot.in_sync else "syncing"

    async def start(self, socket: Path) -> None:
        """Listens. Raises OSError."""
        socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, socket, limit=READ_BYTES)
        socket.chmod(0o600)
        self._context.spawn(self._tell())
        self._context.log.info("listening", socket=socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self.connection is not None:
            self.connection.writer.close()

    def apply(self, state: EndpointStatuses) -> None:
        """What Felix should know from now on."""
        if state != self._wanted:
            self._wanted = state
            self._changed.set()

    # --- hearing

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connection is not None:
            self._context.log.warning("Felix connects anew: the old connection is closed")
            self.connection.writer.close()
        mine = self.connection = Connection(writer, self._context.counters)
        self._context.counters["felix_connections"] += 1
        self._context.log.info("Felix connected")
        self._changed.set()
        self._context.wake("felix/connected")
        try:
            why = await self._hear(mine, reader)
        finally:
            writer.close()
        if self.connection is mine:
            self.connection = None
            self._context.log.warning("Felix away", why=why)
            self._context.wake("felix/away")

    async def _hear(self, mine: Connection, reader: asyncio.StreamReader) -> str:
        """Until the connection ends. Returns why it does."""
        frames = Frames()
        while True:
            try:
                data = await reader.read(READ_BYTES)
            except OSError as error:
                return str(error)
            if not data:
                return "it closed the connection"
            if self.connection is not mine:
                return "replaced by a newer connection"
            if end := self._take_all(mine, frames.feed(data)):
                return end

    def _take_all(self, mine: Connection, messages: Iterator[bytes]) -> str:
        """Takes what can be made sense of. Returns why the rest cannot; "" if there is no such rest."""
        taken, end = False, ""
        try:
            for message in messages:
                self._take(mine, message)
                taken = True
        except TooLong as error:
            self._wrong(mine, str(error))
            end = str(error)
        if taken:
            if mine.snapshot.in_sync:
                self._complete(mine.snapshot)
            self._changed.set()
        return end

    def _take(self, mine: Connection, message: bytes) -> None:
        """One message; whatever is wrong with it is counted, named, and loses nothing else."""
        self._context.counters["felix_messages"] += 1
        try:
            event = mine.decoder.decode(message)
        except Malformed as error:
            self._wrong(mine, f"a message of {len(message)} bytes cannot be read: {error}")
            return
        problem = applied(mine.snapshot, event) if event is not None else None
        if problem:
            self._wrong(mine, problem)
        if event is not None and event.table == "in_sync":
            told = {table: len(getattr(mine.snapshot, table)) for table in ("policies", "ip_sets", "workloads")}
            self._context.log.info("Felix in sync", version=mine.decoder.version, **told)

    def _wrong(self, mine: Connection, problem: str) -> None:
        self._context.counters["malformed_messages"] += 1
        self._context.log.warning("malformed", why=problem)
        mine.problems = [*mine.problems[-PROBLEMS_KEPT + 1 :], problem]
        self._context.wake("felix/malformed")

    # --- telling

    async def _tell(self) -> None:
        """For ever: says what has changed, and every half minute that we live."""
        due = 0.0
        while True:
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                due = time.monotonic() + PROCESS_STATUS_S
                await self._try(self._process_status())
            self._changed.clear()
            await self._try(*self._news())

    def _process_status(self) -> Any:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return encode.process_status(now, time.monotonic() - self._started_at)

    def _news(self) -> list[Any]:
        """Messages about what the present connection has not been told yet."""
        mine = self.connection
        if mine is None:
            return []
        greeting = [] if mine.greeted else [self._process_status()]
        mine.greeted = True
        if not mine.snapshot.in_sync:
            return greeting
        told = mine.snapshot.workloads
        wanted = {name: (status, told.get(name[1], Workload())) for name, status in self._wanted.statuses.items()}
        news = greeting + [_status(name, said) for name, said in wanted.items() if mine.said.get(name) != said]
        news += [_gone(name) for name in mine.said if name not in wanted]
        mine.said = wanted
        if self._wanted.programmed and not mine.told_in_sync:
            mine.told_in_sync = True
            news.append(encode.in_sync())
        return news

    async def _try(self, *messages: Any) -> None:
        mine = self.connection
        if mine is None:
            return
        try:
            for message in messages:
                await mine.send(message)
        except OSError as error:
            self._context.log.warning("Felix cannot be told", why=error)


def _status(name: Name, said: Said) -> Any:
    kind, key = name
    status, workload = said
    return encode.workload_status(key, status, workload) if kind == "workload" else encode.host_status(key, status)


def _gone(name: Name) -> Any:
    kind, key = name
    return encode.workload_gone(key) if kind == "workload" else encode.host_gone(key)
