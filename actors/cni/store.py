"""Edge: a file per pod interface, so that the cost of a change does not grow with the number of pods.

A checksummed line, written beside and renamed, file and directory synced. A damaged file is set aside, and counted.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from actors.cni.pods import Pod
from schemas.checksummed_json import decode_line, encode_line

_decoder = msgspec.json.Decoder(Pod)


class PodStore:
    """The records in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(self) -> tuple[list[Pod], list[str]]:
        """All records, and the names of files that could not be read and were set aside."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pods, damaged = [], []
        for path in sorted(self.directory.glob("*.pod")):
            pod = _read(path)
            if pod is None:
                path.rename(path.with_suffix(".bad"))
                damaged.append(path.name)
            else:
                pods.append(pod)
        return pods, damaged

    def save(self, pod: Pod) -> None:
        """Writes a pod's record; it is on disk when this returns. Raises OSError."""
        path = self._path(pod.key)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, encode_line(pod))
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.rename(path)
        self._sync()

    def remove(self, key: str) -> None:
        """Deletes a pod's record, if there is one. Raises OSError."""
        self._path(key).unlink(missing_ok=True)
        self._sync()

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pod"

    def _sync(self) -> None:
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: Path) -> Pod | None:
    try:
        return decode_line(path.read_bytes(), _decoder)
    except OSError:
        return None
