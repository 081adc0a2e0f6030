"""Edge: what the guard did and why, on disk, for whoever repairs a node whose network has just broken.

One JSON object a line, oldest first. It needs no bus; a full disk costs only the line.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from bus import whole_files
from vppd_guard.report.history_line import GuardHistoryLine

BYTES_MAX = 256 * 1024  # then the older half goes

_decoder = msgspec.json.Decoder(GuardHistoryLine)


class GuardHistory:
    """The history in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "history.jsonl"

    def add(self, line: GuardHistoryLine) -> None:
        """Appends a line. One that cannot be written is dropped: the log has it too."""
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                whole_files.append_file_whole(file.fileno(), msgspec.json.encode(line) + b"\n", self.path)
                size = os.fstat(file.fileno()).st_size
            if size > BYTES_MAX:
                self._shorten()

    def read(self) -> list[GuardHistoryLine]:
        """All lines, oldest first, without damaged ones."""
        try:
            texts = self.path.read_bytes().splitlines()
        except OSError:
            return []
        lines = []
        for text in texts:
            with suppress(msgspec.DecodeError):
                lines.append(_decoder.decode(text))
        return lines

    def _shorten(self) -> None:
        lines = self.path.read_bytes().splitlines(keepends=True)
        whole_files.replace_file_whole(self.path, b"".join(lines[len(lines) // 2 :]), sync=False)
