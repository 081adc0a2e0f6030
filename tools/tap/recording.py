"""Edge: recordings. A file is a line that names the format, then chunks: a length of 4 bytes, that many bytes of zlib,
which hold MessagePack `[[time, frame], ...]`. Frames are those of the bus, as they were heard.

Each file begins with everything as it was then, so it is whole in itself, whatever was rotated away before it. A chunk
that was not written to its end is left out.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import MappingProxyType

import msgpack

from bus.envelope import SnapshotPart, pack_bus_message
from bus.whole_files import append_file_whole

FORMAT = "vppd bus recording 1"
CHUNK_BYTES = 256 << 10
CHUNK_S = 1.0
HEADER_BYTES_MAX = 1 << 20
LENGTH = struct.Struct(">I")

Frame = tuple[float, bytes]


@dataclass(frozen=True)
class RecordingHeader:
    """When a recording began (s since 1970), and the configuration of the node's processes: variable -> value."""

    started: float
    settings: Mapping[str, str]


class BadRecording(Exception):
    """The file is no recording; the text names it."""


class Recorder:
    """Writes frames. `bytes_max` of a file, of which the last `files_max` are kept: FILE, FILE.1, FILE.2...

    A chunk for which there is no room is left out, and all raise OSError with the file's name: what was written before
    can be read.
    """

    def __init__(
        self, path: Path, bytes_max: int, files_max: int, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._path, self._bytes_max, self._files_max, self._settings = path, bytes_max, files_max, settings
        self._file: FileIO | None = None
        self._chunk: list[Frame] = []
        self._size, self._chunk_bytes, self._began = 0, 0, 0.0
        self.frames = 0

    def write(self, time: float, data: bytes, state: Iterable[SnapshotPart] = ()) -> None:
        """One frame; `state`, everything as it is before it, is asked for when a new file begins.

        `time`: s since 1970. That clock may be set back: then the chunk ends as well.
        """
        if self._file is None:
            self._open(time, state)
        self._chunk.append((time, data))
        self._chunk_bytes += len(data)
        self.frames += 1
        if self._chunk_bytes > CHUNK_BYTES or not 0 <= time - self._began <= CHUNK_S:
            self.flush(time)
            if self._size > self._bytes_max:
                self.close()

    def _open(self, time: float, state: Iterable[SnapshotPart]) -> None:
        for number in range(self._files_max - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._file = self._path.open("wb", buffering=0)
        self._path.chmod(0o600)
        header = {"format": FORMAT, "started": time, "settings": dict(self._settings)}
        self._append(self._file, json.dumps(header).encode() + b"\n")
        self._began = time
        self._chunk = [(time, pack_bus_message(snapshot)) for snapshot in state]

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def flush(self, time: float = 0.0) -> None:
        """Everything so far is in the file."""
        chunk, self._chunk, self._chunk_bytes, self._began = self._chunk, [], 0, time or self._began
        if self._file is not None and chunk:
            data = zlib.compress(msgpack.packb(chunk), 1)
            self._append(self._file, LENGTH.pack(len(data)) + data)

    def _append(self, file: FileIO, data: bytes) -> None:
        append_file_whole(file.fileno(), data, self._path)
        self._size += len(data)

    def close(self) -> None:
        """Ends the file; the next frame begins another."""
        try:
            self.flush()
        finally:
            if self._file is not None:
                self._file.close()
                self._file, self._size = None, 0


def read(path: Path) -> Iterator[Frame]:
    """The frames of a recording, in their order. Raises BadRecording, OSError."""
    with path.open("rb") as file:
        _header(path, file.readline(HEADER_BYTES_MAX))
        while len(length := file.read(LENGTH.size)) == LENGTH.size:
            at, size = file.tell(), LENGTH.unpack(length)[0]
            data = file.read(size)
            if len(data) < size:
                return  # the recorder ended while it wrote
            try:
                chunk = msgpack.unpackb(zlib.decompress(data))
                frames = [(float(time), bytes(frame)) for time, frame in chunk]
            except (zlib.error, ValueError, TypeError) as error:
                raise BadRecording(f"{path}: damaged at byte {at}: {error}") from None
            yield from frames


def read_header(path: Path) -> RecordingHeader:
    """The first line of a recording. Raises BadRecording, OSError."""
    with path.open("rb") as file:
        return _header(path, file.readline(HEADER_BYTES_MAX))


def _header(path: Path, first: bytes) -> RecordingHeader:
    try:
        header = json.loads(first)
        if header["format"] == FORMAT:
            settings = {str(name): str(value) for name, value in header.get("settings", {}).items()}
            return RecordingHeader(float(header.get("started", 0)), settings)
    except (ValueError, AttributeError, KeyError, TypeError):
        pass
    raise BadRecording(f"{path}: not a recording of the bus ({FORMAT!r} is not what it begins with)")
