"""Edge: the broker's process keeps the door for remote taps, a process beside it, running."""

import subprocess
import sys
import time

from bus.log import ProcessLog
from bus.tap_door import READY

_PAUSE_S, _PAUSE_S_MAX = 1.0, 60.0


class CannotOpenTapDoor(Exception):
    """The door cannot listen; it has said why itself."""


class TapDoorProcess:
    """`python -m bus.tap_door`. It ends with the broker's process: its standard input does."""

    def __init__(self, log: ProcessLog) -> None:
        """Raises CannotOpenTapDoor."""
        self._log, self._pause_s, self._ended_at = log, _PAUSE_S, 0.0
        self._process = self._start()
        assert self._process.stdout is not None
        if self._process.stdout.readline() != READY:
            self._process.wait()
            raise CannotOpenTapDoor("the door for remote taps cannot open")

    def _start(self) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "-m", "bus.tap_door"]
        return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def look(self) -> None:
        """Starts it again if it has ended, with a pause that grows."""
        code = self._process.poll()
        if code is None:
            return
        now = time.monotonic()
        if not self._ended_at:
            self._ended_at = now
            self._log.warning("the door for remote taps has ended", code=code, again_in_s=self._pause_s)
        if now - self._ended_at >= self._pause_s:
            self._ended_at, self._pause_s = 0.0, min(2 * self._pause_s, _PAUSE_S_MAX)
            self._close_pipes()
            self._process = self._start()

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
