"""Edge: installs the driver where Felix starts it, atomically: it is never missing and never incomplete."""

import os
from pathlib import Path

_MODE = 0o755


def install_driver(source: Path, target: Path) -> bool:
    """Copy `source` to `target` unless they are equal. Returns whether it was copied. Raises OSError."""
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content and os.access(target, os.X_OK):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(_MODE)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return True
