"""Edge: notices when a process on the bus looks alive and is not.

A task has died, another life has its name, or its descriptors are used up.
"""

import asyncio
import traceback
from typing import Any

from bus.descriptors import open_descriptors, raise_descriptor_limit
from bus.log import ProcessLog
from bus.peer import BusPeer

_LOOK_EVERY_S = 0.5
_SHORT_SHARE = 0.9
_REFUSED_S_MAX = 8.0  # longer than it takes to find out that an earlier life is dead


class ProcessHealth:
    """One process, watched beside its work."""

    def __init__(self, peer: BusPeer, log: ProcessLog) -> None:
        self._peer, self._log = peer, log
        self._failed = asyncio.Event()
        self._descriptors_max = raise_descriptor_limit()
        self._descriptors_short = False

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
            self._look_at_descriptors()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _look_at_descriptors(self) -> None:
        """A process whose descriptors are used up does nothing right, and cannot even open a file to say why."""
        in_use = open_descriptors() or self._descriptors_max
        short = in_use > self._descriptors_max * _SHORT_SHARE
        if short and not self._descriptors_short:
            self._log.error("descriptors run out", open=in_use, may_have=self._descriptors_max)
        self._descriptors_short = short
        reasons = (f"{in_use} of {self._descriptors_max} descriptors are open",) if short else ()
        self._peer.troubles = reasons
