"""Edge: files that are placed on the host, and removed only if nobody has changed them since."""

import os
from functools import partial
from pathlib import Path

from vppd_guard.host_services.host import HostReader
from vppd_guard.undo.records import FileWrittenRecord
from vppd_guard.undo.step import LinuxStep


def place_step(host: HostReader, path: str, text: str, then: tuple[str, ...] = ()) -> LinuxStep:
    """The step that writes `text` to the host's `path`. `then`: services that reload, now and after the undoing."""
    wrote = text.encode()
    return LinuxStep(
        title=f"place {path}",
        do=partial(replace_file, host.path(path), wrote),
        holds=partial(_differs, host.path(path), wrote),
        undo=lambda: FileWrittenRecord(path=path, wrote=wrote, before=_content(host.path(path)), then=then),
    )


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replaces the file as a whole: a reader sees the old one or the new one. Raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.vppd-new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def undo_file(record: FileWrittenRecord, host: HostReader) -> str:
    """Puts back the former content. Returns "" or why the file is left as it is, in words. Blocking."""
    path = host.path(record.path)
    try:
        now = _content(path)
        if now == record.before:
            return ""
        if now != record.wrote:
            return f"{record.path}: changed by someone else since vppd placed it; left as it is"
        if record.before is None:
            path.unlink()
            _sync(path.parent)
        else:
            replace_file(path, record.before, record.mode)
    except OSError as error:
        return f"{record.path}: {error.strerror or error}"
    return ""


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _differs(path: Path, wrote: bytes) -> str:
    return "" if _content(path) == wrote else "does not say what was written"


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
