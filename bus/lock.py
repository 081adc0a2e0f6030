"""Edge: one process a lock file: one bus a directory, one server a socket, one guard a node.

The lock is flock(2)'s, which ends with its process, however that ends.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from bus import whole_files


class LockFileHeld(Exception):
    """Another process has the lock; the text names it."""


def acquire_lock_file(path: Path) -> int:
    """Takes the lock until this process ends. Returns its file descriptor. Raises LockFileHeld, OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise LockFileHeld(f"{path}: held by process {_recorded_pid(path) or 'unknown'}") from error
    with suppress(OSError):  # the lock is what counts; on a full disk nobody is told who has it
        os.ftruncate(handle, 0)
        whole_files.write_file_whole(handle, f"{os.getpid()}\n".encode(), path)
    return handle


def is_open_file_at(path: Path, handle: int) -> bool:
    """Is that open file still the one at `path`?"""
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False


def lock_file_holder_pid(path: Path) -> int:
    """Process id of the holder; 0: nobody holds it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _recorded_pid(path)
    finally:
        os.close(handle)
    return 0


def _recorded_pid(path: Path) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
