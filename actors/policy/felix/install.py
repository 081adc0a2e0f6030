"""Edge: puts the driver where Felix finds it, in one step: it is never missing and never half there."""

import os
from pathlib import Path

MODE = 0o755


def install(source: Path, target: Path) -> bool:
    """Copies `source` to `target` unless it is there already. Returns whether it was copied. Raises OSError."""
    wanted = source.read_bytes()
    if target.is_file() and target.read_bytes() == wanted and os.access(target, os.X_OK):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(wanted)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(MODE)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return True
