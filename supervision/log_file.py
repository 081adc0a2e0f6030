"""Edge: log files that may fail. What cannot be written is dropped; how much that was is told once writing works again.

supervisord's own (its module loggers) tells of a failed write on stderr, which may be on the same full disk, and
raises if it cannot begin a new file. That ends supervisord, or closes the channel to the program, which then hangs as
soon as the pipe is full.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor.loggers import Handler, LevelsByName, LogRecord, RotatingFileHandler


class DroppingLogFile(RotatingFileHandler):
    """A log file of bounded size that raises nothing, not even if it cannot be opened."""

    stream: Any

    def __init__(self, filename: str, mode: str = "ab", maxBytes: int = 0, backupCount: int = 0) -> None:  # noqa: N803
        self._dropped = 0  # records
        try:
            super().__init__(filename, mode, maxBytes, backupCount)
        except OSError:
            super().__init__(os.devnull, mode, maxBytes, backupCount)
            self.baseFilename = filename
            self._dropped = 1

    def emit(self, record: Any) -> None:
        """Writes a record, or drops it."""
        try:
            if self._dropped:
                self._open_again()
            self._write(record)
        except (OSError, ValueError):
            self._dropped += 1

    def close(self) -> None:
        """Closes the file, if it is open."""
        with suppress(OSError, ValueError):
            super().close()

    def _open_again(self) -> None:
        """Goes on in a stream that has nothing of what could not be written. Raises OSError."""
        stream = Path(self.baseFilename).open("ab")  # noqa: SIM115
        with suppress(OSError, ValueError):
            self.stream.close()
        self.stream = stream
        note = f"\n{self._dropped} pieces of this log could not be written\n"
        self._write(LogRecord(LevelsByName.WARN, note.encode()))
        self._dropped = 0

    def _write(self, record: Any) -> None:
        text = record.msg if isinstance(record.msg, bytes) else (self.fmt % record.asdict()).encode()
        self.stream.write(text)
        self.stream.flush()
        self.doRollover()


def pass_over_error(_: Handler) -> None:
    """What a handler does that cannot write, to supervisord's stdout say: nothing."""
