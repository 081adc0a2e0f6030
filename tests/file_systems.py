"""Small file systems of a test's own: full, or read-only, and away again whatever happens."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BLOCK = 4096


class SmallFileSystem:
    """A tmpfs at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filling = path / "filling"

    def fill(self, leave: int = 0) -> None:
        """Nothing more can be written, or so many bytes (whole blocks)."""
        with self._filling.open("ab", buffering=0) as file:
            with suppress(OSError):
                while True:
                    file.write(bytes(BLOCK))
        os.truncate(self._filling, max(0, self._filling.stat().st_size - leave))

    def empty(self) -> None:
        """There is room again."""
        self._filling.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing may be changed meanwhile."""
        self._mount("remount,ro")
        try:
            yield
        finally:
            self._mount("remount,rw")

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, str(self.path)], check=True)


@contextmanager
def small_file_system(path: Path, size_kb: int = 256) -> Iterator[SmallFileSystem]:
    """A file system of that size at `path`, which is made."""
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={size_kb}k,mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs-of-a-test", str(path)], check=True)
    try:
        yield SmallFileSystem(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
