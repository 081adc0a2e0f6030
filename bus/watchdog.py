"""Edge: a thread that notices when the working loop of its process stands still, and logs where.

The broker notices it too (`STALLED_S_MAX` of `bus/broker.py`); only this thread can see what the loop is doing.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

from bus.log import ProcessLog

_STUCK_S = 5.0
_LOOK_EVERY_S = 0.5
EXIT_STUCK = 70


class LoopWatchdog:
    """`progress` counts the loop's turns. `restart_s`: the process ends when it is stuck for so long; 0: never."""

    def __init__(
        self, progress: Callable[[], int], log: ProcessLog, restart_s: float, stuck_s: float = _STUCK_S
    ) -> None:
        self._progress, self._log = progress, log
        self._restart_s, self._stuck_s = restart_s, stuck_s
        self._watched = threading.main_thread().ident
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Watches from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Watches no more."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        turns, still_s, reported = self._progress(), 0.0, False
        while not self._stop.wait(_LOOK_EVERY_S):
            now = self._progress()
            still_s = 0.0 if now != turns else still_s + _LOOK_EVERY_S
            if reported and not still_s:
                self._log.warning("the loop turns again")
            turns, reported = now, reported and bool(still_s)
            if still_s >= self._stuck_s and not reported:
                reported = True
                self._log.error("stuck", seconds=still_s, at=self._where())
            if self._restart_s and still_s >= self._restart_s:
                self._log.error("ends: stuck for too long", seconds=still_s, VPPD_STUCK_RESTART=self._restart_s)
                os._exit(EXIT_STUCK)  # nothing else ends a loop that stands; supervisord starts it anew

    def _where(self) -> str:
        frame = sys._current_frames().get(self._watched or 0)
        return "".join(traceback.format_stack(frame)) if frame else "?"
