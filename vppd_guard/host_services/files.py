"""Edge: files that are placed on the host, and removed only if nobody has changed them since."""

from functools import partial
from pathlib import Path

from bus import whole_files
from bus.shortage import raise_shortage
from vppd_guard.host_services.host import HostReader
from vppd_guard.undo.records import FileWrittenRecord
from vppd_guard.undo.step import LinuxStep

_PLACED_MODE = 0o644


def place_host_file_step(host: HostReader, path: str, text: str, then: tuple[str, ...] = ()) -> LinuxStep:
    """The step that writes `text` to the host's `path`. `then`: services that reload, now and after the undoing."""
    wrote = text.encode()
    return LinuxStep(
        title=f"place {path}",
        do=partial(whole_files.replace_file_whole, host.path(path), wrote, _PLACED_MODE),
        holds=partial(_differs, host.path(path), wrote),
        undo=lambda: FileWrittenRecord(path=path, wrote=wrote, before=_content(host.path(path)), then=then),
    )


def undo_host_file(record: FileWrittenRecord, host: HostReader) -> str:
    """Puts back the former content. Returns "" or why the file is left as it is, in words. Blocking.

    Raises OSError: nothing can be done just now, for want of descriptors or memory.
    """
    path = host.path(record.path)
    try:
        now = _content(path)
        if now == record.before:
            return ""
        if now != record.wrote:
            return f"{record.path}: changed by someone else since vppd placed it; left as it is"
        if record.before is None:
            whole_files.remove_file_synced(path)
        else:
            whole_files.replace_file_whole(path, record.before, record.mode)
    except OSError as error:
        raise_shortage(error)
        return f"{record.path}: {error.strerror or error}"
    return ""


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _differs(path: Path, wrote: bytes) -> str:
    return "" if _content(path) == wrote else "does not say what was written"
