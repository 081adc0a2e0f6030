"""Edge: VPP's core files and last words.

The kernel's core pattern is one setting for the whole machine: it is changed only if configured, and put back.
"""

import re
from pathlib import Path

from vppd_guard.undo.records import KernelSetRecord
from vppd_guard.undo.step import LinuxStep
from vppd_guard.vpp.log_tail import VPP_LOG_COLOUR

_CORE_PATTERN = "/proc/sys/kernel/core_pattern"
_PATTERN_MAX = 127  # core(5)
_CORES_MAX = 2
_BYTES_MAX = 8 << 30
LINES_MAX = 40
LINE_MAX = 300
_TAIL_BYTES = 1 << 20

# VPP's unix_signal_handler, on stderr and by syslog: "received signal SIGSEGV, PC 0x..., faulting address 0x...",
# then "#0  0x00007f... function + 0x12" a frame. Asserts and panics of vppinfra name themselves.
_DEATH = re.compile(r"received signal SIG|ASSERT|[Pp]anic|os_panic|out of memory|terminate called|Aborted")
_FRAME = re.compile(r"(?:^|\s)#\d+\s+0x[0-9a-fA-F]+|^\s+from /")
_CODE = re.compile(r"(?:^|\s)Code: {2}[0-9a-f]{2} ")


class BadCorePattern(ValueError):
    """`corePattern` is no core pattern; the text says why."""


def core_pattern_step(pattern: str, path: Path = Path(_CORE_PATTERN)) -> LinuxStep | None:
    """The step that sets the machine's core pattern; None: none is configured. Raises BadCorePattern."""
    if not pattern:
        return None
    if "\n" in pattern or len(pattern.encode()) > _PATTERN_MAX:
        raise BadCorePattern(
            f"CALICOVPP_INITIAL_CONFIG: corePattern: longer than {_PATTERN_MAX} bytes or several lines"
        )

    def set_it() -> None:
        path.write_text(pattern + "\n")

    def holds() -> str:
        now = path.read_text().strip()
        return "" if now == pattern.strip() else f"says {now!r}"

    return LinuxStep(
        title=f"set {path} to {pattern}",
        do=set_it,
        holds=holds,
        undo=lambda: KernelSetRecord(path=str(path), before=path.read_text().strip()),
    )


def core_files(pattern: str) -> list[Path]:
    """Core files of that pattern, newest first: their names start as the pattern's does before its first %.

    None for a pattern that pipes, is relative, or has no name before its first %: other files could be meant.
    """
    path = Path(pattern)
    prefix = path.name.partition("%")[0]
    if not path.is_absolute() or not prefix or "%" in str(path.parent):
        return []
    try:
        cores = [(entry.stat(), entry) for entry in path.parent.iterdir() if _is_core(entry, prefix)]
    except OSError:
        return []
    return [entry for _, entry in sorted(cores, key=lambda pair: (-pair[0].st_mtime, pair[1].name))]


def _is_core(entry: Path, prefix: str) -> bool:
    return entry.name.startswith(prefix) and entry.is_file() and not entry.is_symlink()


def prune_vpp_cores(pattern: str, cores_max: int = _CORES_MAX, bytes_max: int = _BYTES_MAX) -> list[Path]:
    """Removes old cores: at most `cores_max` stay, and no more than `bytes_max` (disk blocks; cores are sparse).

    The newest one always stays. Returns what was removed. Blocking; raises nothing.
    """
    removed, size = [], 0
    for number, path in enumerate(core_files(pattern)):
        try:
            size += path.stat().st_blocks * 512
            if number and (number >= cores_max or size > bytes_max):
                path.unlink()
                removed.append(path)
        except OSError:
            continue
    return removed


def vpp_last_words(log: Path) -> list[str]:
    """VPP's post-mortem from its log; []: there is none, or the log cannot be read. Blocking."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return post_mortem(file.read(_TAIL_BYTES).decode(errors="replace"))
    except OSError:
        return []


def post_mortem(text: str) -> list[str]:
    """The last death in the text: what killed VPP, and its backtrace. Pure, bounded."""
    lines = VPP_LOG_COLOUR.sub("", text).splitlines()
    deaths = [number for number, line in enumerate(lines) if _DEATH.search(line)]
    if not deaths:
        return []
    # An assertion, the signal that it raises and the backtrace belong together: start at the first of the last run.
    start = deaths[-1]
    for number in reversed(deaths[:-1]):
        if all(_is_post_mortem(line) for line in lines[number + 1 : start]):
            start = number
    return [line.strip()[:LINE_MAX] for line in lines[start:] if _is_post_mortem(line)][:LINES_MAX]


def _is_post_mortem(line: str) -> bool:
    return bool(_DEATH.search(line) or _FRAME.search(line) or _CODE.search(line))
