"""Edge: notices when a process on the bus looks alive and is not: a task has died, or another life has its name."""

import asyncio
import traceback
from typing import Any

from bus.log import ProcessLog
from bus.peer import BusPeer

_LOOK_EVERY_S = 0.5
_REFUSED_S_MAX = 8.0  # longer than it takes to find out that an earlier life is dead


class ProcessHealth:
    """One process, watched beside its work."""

    def __init__(self, peer: BusPeer, log: ProcessLog) -> None:
        self._peer, self._log = peer, log
        self._failed = asyncio.Event()

    def take_unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's handler of what nobody handles: the end of a task by an exception is our bug, the rest is told."""
        error = context.get("exception")
        if error is not None and ("task" in context or "future" in context):
            self._fail(error)
        else:
            self._peer.counters["loop_errors"] += 1
            self._log.warning("event loop", why=context.get("message", "?"), error=error or "-")

    def _fail(self, error: BaseException) -> None:
        self._log.error("our bug", error=error, trace="".join(traceback.format_exception(error)))
        self._failed.set()

    async def unfit(self) -> None:
        """Returns when the process must end; the log has said why."""
        while not self._failed.is_set():
            if self._peer.failure is not None:
                self._fail(self._peer.failure)
            if self._peer.refused_s > _REFUSED_S_MAX:
                self._log.error("ends: not let in", why=self._peer.refusal, seconds=self._peer.refused_s)
                return
            await asyncio.sleep(_LOOK_EVERY_S)
