"""Edge: installs the driver where Felix starts it, atomically: it is never missing and never incomplete."""

import os
from pathlib import Path

from bus import whole_files

_MODE = 0o755


def install_felix_driver(source: Path, target: Path) -> bool:
    """Copy `source` to `target` unless they are equal. Returns whether it was copied. Raises OSError."""
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content and os.access(target, os.X_OK):
        return False
    whole_files.replace_file_whole(target, content, _MODE)
    return True
