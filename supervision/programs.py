"""Edge: programs of supervisord that pause between lives that end too early, for longer and longer, within bounds.

supervisord itself pauses only for what dies within `startsecs`, a second more each time and without a bound, and starts
everything else at once: what dies after 1.2 s is started 50 times a minute. It has no hook for that; its classes can be
derived from (supervisor.process and supervisor.options of versions 4.2 and 4.3).
"""

import time
from typing import Any

from supervisor.options import ProcessConfig, ServerOptions, decode_wait_status
from supervisor.process import Subprocess
from supervisor.states import ProcessStates

from supervision.pauses import deaths_in_a_row, restart_pause_s


class _PausingProgram(Subprocess):
    """A program. It is in state BACKOFF while it pauses, so that it can be stopped and restarted by hand then."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._deaths = 0  # in a row
        self._spawned_at = 0.0  # monotonic, as all times here: the wall clock may be set
        self._start_at = 0.0

    def spawn(self) -> Any:
        """Starts it. One that cannot even be started has died, too."""
        self._spawned_at = time.monotonic()
        pid = super().spawn()
        if self.state == ProcessStates.BACKOFF:
            self._pause(self.spawnerr)
        return pid

    def finish(self, pid: int, sts: int) -> None:
        """It has ended, with that wait status: by order, or it has died."""
        super().finish(pid, sts)
        if self.state in (ProcessStates.EXITED, ProcessStates.BACKOFF):
            self._pause(decode_wait_status(sts)[1])
        else:
            self._deaths = 0

    def transition(self) -> None:
        """What time brings about: the next start, once the pause is over."""
        if self.state == ProcessStates.BACKOFF:
            if time.monotonic() < self._start_at:
                return
            self.delay = 0
        super().transition()

    def _pause(self, why: str) -> None:
        now = time.monotonic()
        self._deaths = deaths_in_a_row(self._deaths, now - self._spawned_at)
        pause_s = restart_pause_s(self._deaths)
        self._start_at = now + pause_s
        if pause_s and self.state == ProcessStates.EXITED:
            self.change_state(ProcessStates.BACKOFF)
        self.spawnerr = f"{why}; {self._deaths} deaths in a row, starts again after {pause_s:g} s"
        if pause_s:
            self.config.options.logger.warn(f"pauses: {self.config.name} ({self.spawnerr})")


class _PausingProgramConfig(ProcessConfig):
    """A `[program:x]` section."""

    def make_process(self, group: Any = None) -> _PausingProgram:
        """The program of this section."""
        program = _PausingProgram(self)
        program.group = group
        return program


class PausingOptions(ServerOptions):
    """supervisord's configuration, with programs that pause."""

    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:
        """The programs of a section; other kinds of processes (`klass`) are as supervisord has them."""
        kind = _PausingProgramConfig if klass in (None, ProcessConfig) else klass
        return super().processes_from_section(parser, section, group_name, kind)
