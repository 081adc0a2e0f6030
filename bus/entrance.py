"""Edge: looks now and then whether clients can still come in to the broker, mends what can be mended, and says so."""

import time

from bus.connection_limit import TooManyConnections
from bus.log import ProcessLog
from bus.sockets import BrokerSockets, UnsafeBusDirectory

_LOOK_EVERY_S = 1.0
_CROWDED_S_MAX = 10.0


class EntranceCrowded(Exception):
    """So many are connected, and do not go, that nobody else can come in: only an end of all connections helps."""


class EntranceWatch:
    """The broker's socket, as a client finds it."""

    def __init__(self, sockets: BrokerSockets, log: ProcessLog) -> None:
        self._sockets, self._log = sockets, log
        self._looked_at = time.monotonic()
        self._crowded_at: float | None = None
        self._trouble = ""

    def look(self) -> None:
        """Raises LockFileHeld, EntranceCrowded."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            if self._sockets.mend():
                self._log.warning("the socket was gone: bound anew")
            self._trouble, self._crowded_at = "", None
        except TooManyConnections as error:
            self._crowded_at = self._crowded_at or now
            self._report("too many connections", error)
            if now - self._crowded_at >= _CROWDED_S_MAX:
                raise EntranceCrowded(str(error)) from None
        except (UnsafeBusDirectory, OSError) as error:
            self._report(str(error), error)

    def _report(self, trouble: str, error: Exception) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._log.error("nobody can come in", why=error)
