"""Edge: files that are written whole, or not at all. Each write is checked for what it wrote.

A file system that is full takes a part of what it is given and says so only by a number; the rest would be missing
without a word. All functions block, and raise OSError with the file's name in it.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

_NEW_SUFFIX = ".vppd-new"  # of a file that is to replace another; no program takes its like for a file of its own


def write_file_whole(handle: int, data: bytes, path: Path) -> None:
    """Writes all of it. Raises OSError: a part may have been written. `path` is for the error alone."""
    view = memoryview(data)
    try:
        while view:
            written = os.write(handle, view)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = view[written:]
    except OSError as error:
        raise _naming(error, path) from error


def append_file_whole(handle: int, data: bytes, path: Path, *, sync: bool = False) -> None:
    """Appends all of it to a file that is open for appending. Raises OSError: the file is as it was.

    It is not if even a part cannot be cut off again, on a file system that has become read-only: readers must know a
    torn end. `sync`: waits until the disk has it.
    """
    end = os.fstat(handle).st_size
    try:
        write_file_whole(handle, data, path)
        if sync:
            os.fsync(handle)
    except OSError as error:
        with suppress(OSError):
            os.ftruncate(handle, end)
        raise _naming(error, path) from error


def replace_file_whole(path: Path, content: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Replaces the file as a whole: a reader sees the old one or the new one. Raises OSError.

    `sync`: waits until the disk has it. If it cannot say so, the new one may be there in spite of the error.
    """
    fresh = path.with_name(f".{path.name}{_NEW_SUFFIX}")
    try:
        path.parent.mkdir(mode=0o755 if mode & 0o077 else 0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            os.fchmod(handle, mode)
            write_file_whole(handle, content, path)
            if sync:
                os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(path)
    except BaseException as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _naming(error, path) from error
        raise
    if sync:
        sync_directory(path.parent)


def remove_file_synced(path: Path) -> None:
    """Removes the file, if there is one, and waits until the disk knows. Raises OSError."""
    if os.path.lexists(path):  # a read-only file system refuses to remove even what is not there
        path.unlink(missing_ok=True)
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Waits until the disk knows which files are in the directory. Raises OSError."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _naming(error, directory) from error


def file_error_words(error: OSError) -> str:
    """The error for people: file and reason."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _naming(error: OSError, path: Path) -> OSError:
    """The error with that file's name."""
    return OSError(error.errno, error.strerror or str(error), str(path))
