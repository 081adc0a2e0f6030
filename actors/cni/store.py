"""Edge: a file per pod interface, so that the cost of a change does not grow with the number of pods.

A checksummed line, synced. A damaged file is set aside, and counted.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.cni.pods import CniPod
from bus import whole_files
from schemas.checksummed_json import decode_checksummed_line, encode_checksummed_line

_decoder = msgspec.json.Decoder(CniPod)


class PodStore:
    """The records in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(self) -> tuple[list[CniPod], list[str]]:
        """All records, and the names of files that could not be read and were set aside."""
        pods, damaged = [], []
        for path in sorted(self.directory.glob("*.pod")):
            pod = _read(path)
            if pod is None:
                with suppress(OSError):  # it is read in vain again then
                    path.rename(path.with_suffix(".bad"))
                damaged.append(path.name)
            else:
                pods.append(pod)
        return pods, damaged

    def save(self, pod: CniPod) -> None:
        """Writes a pod's record; it is on disk when this returns. Raises OSError."""
        whole_files.replace_file_whole(self._path(pod.key), encode_checksummed_line(pod))

    def remove(self, key: str) -> None:
        """Deletes a pod's record, if there is one. Raises OSError."""
        whole_files.remove_file_synced(self._path(key))

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pod"


def _read(path: Path) -> CniPod | None:
    try:
        return decode_checksummed_line(path.read_bytes(), _decoder)
    except OSError:
        return None
