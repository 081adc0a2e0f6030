"""Edge: the logs of a node's processes, which are there also when the processes are not."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TAIL_BYTES = 1 << 20
_LOOK_EVERY_S = 0.2


def log_paths(run: Path) -> dict[str, Path]:
    """Name of a process -> its log, for all that have one."""
    paths = {path.stem: path for path in sorted((run / "log").glob("*.log"))}
    vpp = run / "vpp" / "vpp.log"
    return {**paths, "vpp": vpp} if vpp.exists() else paths


def last_log_lines(path: Path, count: int) -> list[str]:
    """The last lines, at most 1 MB of them; earlier ones come from the file that was the log before. Raises OSError."""
    lines = _tail(path)
    before = path.with_name(f"{path.name}.1")
    if len(lines) < count and before.exists():
        lines = _tail(before) + lines
    return lines[-count:] if count else []


def followed_log(path: Path) -> Iterator[str]:
    """What is written into the log from now on, for ever, as it comes; also when the log begins a new file.

    Raises OSError: it cannot be read.
    """
    handle = path.open("rb")
    try:
        handle.seek(0, os.SEEK_END)
        while True:
            if text := handle.read():
                yield text.decode(errors="replace")
                continue
            if _begins_anew(path, handle.fileno(), handle.tell()):
                handle.close()
                handle = path.open("rb")
                continue
            time.sleep(_LOOK_EVERY_S)
    finally:
        handle.close()


def _begins_anew(path: Path, handle: int, at: int) -> bool:
    """Is the log another file by now, or was it cut?"""
    with suppress(FileNotFoundError):  # between two files
        there = path.stat()
        return there.st_ino != os.fstat(handle).st_ino or there.st_size < at
    return False


def _tail(path: Path) -> list[str]:
    with path.open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - TAIL_BYTES))
        lines = handle.read().decode(errors="replace").splitlines()
    return lines[1:] if size > TAIL_BYTES else lines
