"""Edge: a thread that sees when the working loop of its process does not turn, and says where it stands.

The broker sees it too (`bus.broker.STALLED_S_MAX`); only here is known what the loop is doing.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable

from bus.log import Log

STUCK_S = 5.0
LOOK_EVERY_S = 0.5
EXIT_STUCK = 70


class Watchdog:
    """`progress` counts the loop's turns. `restart_s`: the process ends when it is stuck for so long; 0: never."""

    def __init__(self, progress: Callable[[], int], log: Log, restart_s: float, stuck_s: float = STUCK_S) -> None:
        self._progress, self._log = progress, log
        self._restart_s, self._stuck_s = restart_s, stuck_s
        self._watched = threading.main_thread().ident
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Watches from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Watches no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        seen, still_s, said = self._progress(), 0.0, False
        while not self._ended.wait(LOOK_EVERY_S):
            now = self._progress()
            still_s = 0.0 if now != seen else still_s + LOOK_EVERY_S
            if said and not still_s:
                self._log.warning("the loop turns again")
            seen, said = now, said and bool(still_s)
            if still_s >= self._stuck_s and not said:
                said = True
                self._log.error("stuck", seconds=still_s, at=self._where())
            if self._restart_s and still_s >= self._restart_s:
                self._log.error("ends: stuck for too long", seconds=still_s, VPPD_STUCK_RESTART=self._restart_s)
                os._exit(EXIT_STUCK)  # nothing else ends a loop that stands; supervisord starts it anew

    def _where(self) -> str:
        frame = sys._current_frames().get(self._watched or 0)
        return "".join(traceback.format_stack(frame)) if frame else "?"
