"""Structured logs on stderr: one line an event, `time level process event key=value ...`.

One line for a batch of work: the event is constant text, whatever varies is a value.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class ProcessLog:
    """A process's log. `level` may be changed while it runs."""

    def __init__(self, name: str, level: str = "info", stream: TextIO | None = None) -> None:
        self.name = name
        self.level = level
        self._stream = stream

    def debug(self, event: str, **values: Any) -> None:
        self._write("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        self._write("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._write("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._write("error", event, values)

    def _write(self, level: str, event: str, values: dict[str, Any]) -> None:
        if _LEVELS[level] < _LEVELS[self.level]:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        words = [now, level, self.name, event, *(f"{key}={_text(value)}" for key, value in values.items())]
        stream = self._stream or sys.stderr
        try:
            stream.write(" ".join(words) + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass  # a log nobody reads any more, or for which there is no room, must not end the process


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple | set | frozenset):
        value = ",".join(map(str, value))
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\t') else text
