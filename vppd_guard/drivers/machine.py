"""Edge: what this machine is, read from /proc and /sys. `root` is another directory for a recorded tree."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """A machine's kernel and devices. All of it is read when asked for."""

    root: Path = Path("/")

    def path(self, text: str) -> Path:
        """A path of the machine, "/sys/..."."""
        return self.root / text.lstrip("/")
