"""Edge: copies VPP's output into the guard's log. VPP writes to a file, which outlives the guard and is kept short."""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path

from bus.log import ProcessLog

_EVERY_S = 0.5
_CHUNK_BYTES = 64 * 1024  # read at a time; more than that in a moment is not for a log
FILE_BYTES_MAX = 8 << 20
VPP_LOG_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # VPP colours what it writes to a file, too


class VppLogTail:
    """The end of a file to which another process appends."""

    def __init__(self, path: Path, log: ProcessLog) -> None:
        self.path, self.log = path, log
        self._at = path.stat().st_size if path.exists() else 0
        self._part = b""

    async def follow(self) -> None:
        """Reads until cancelled."""
        while True:
            self.read_new()
            await asyncio.sleep(_EVERY_S)

    def read_new(self) -> None:
        """Logs what has been written since the last look."""
        with suppress(OSError):
            size = self.path.stat().st_size
            self._at = self._at if size >= self._at else 0
            if size == self._at:
                return
            skipped = max(0, size - self._at - _CHUNK_BYTES)
            with self.path.open("rb") as handle:
                handle.seek(self._at + skipped)
                data = handle.read(_CHUNK_BYTES)
            self._at += skipped + len(data)
            if skipped:
                self.log.warning("vpp", skipped_bytes=skipped)
            if size > FILE_BYTES_MAX:
                os.truncate(self.path, 0)  # VPP appends: it goes on at the start
                self._at = 0
            self._log(data)

    def _log(self, data: bytes) -> None:
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            if line.strip():
                self.log.info("vpp", says=VPP_LOG_COLOUR.sub("", line.decode(errors="replace")).rstrip())
