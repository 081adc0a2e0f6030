"""Edge: the place of a unix socket that this process listens on: nobody else does, and it is there.

One server at a time: the lock beside the socket (`<socket>.lock`) is held as long as it listens, so that a second
process takes no live socket away. A socket that somebody has deleted is made again, for no caller would find it.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from bus import lock
from bus.log import ProcessLog

_LOOK_EVERY_S = 1.0


class ListeningSocket:
    """One path."""

    def __init__(self, path: Path, listen: Callable[[Path], Awaitable[None]], log: ProcessLog) -> None:
        """`listen` makes the socket at the path, where nothing is, and serves it instead of an earlier one."""
        self._path, self._listen, self._log = path, listen, log
        self._lock: int | None = None
        self._inode = 0

    async def open(self) -> None:
        """Raises LockFileHeld: another process listens there; OSError."""
        await self._make()
        self._log.info("listening", socket=self._path)

    async def _make(self) -> None:
        self._take_place()
        self._path.unlink(missing_ok=True)
        await self._listen(self._path)
        self._path.chmod(0o600)
        self._inode = self._path.stat().st_ino

    def _take_place(self) -> None:
        path = self._path.with_name(f"{self._path.name}.lock")
        if self._lock is None or not lock.is_open_file_at(path, self._lock):
            new = lock.acquire_lock_file(path)  # which makes the directory
            self.close()
            self._lock = new

    async def keep(self) -> None:
        """For ever: makes it again when it has gone. Raises LockFileHeld: it is another process's by now."""
        trouble = ""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._is_there():
                continue
            try:
                await self._make()
                self._log.warning("the socket was gone: listening anew", socket=self._path)
                trouble = ""
            except OSError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    self._log.error("nobody can come in", socket=self._path, why=error)

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Another process may listen there."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
