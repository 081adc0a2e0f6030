"""The broker's copy of every stream: the last checkpoint is retained, heads and snapshots are read from it. Pure."""

from collections.abc import Iterator

from bus.envelope import CheckpointPart, SnapshotPart, StreamHead, iter_row_parts
from bus.stream import BusStream, CheckpointAssembly, StreamCheckpoint, StreamGap

STREAMS_OF_ONE_MAX = 64  # of one owner, those included that have begun to arrive
OWNER_BYTES_MAX = 384 << 20  # in memory, of all rows of one owner; a stream that is replaced counts twice meanwhile
_STORE_BYTES_MAX = 1 << 30
_ROW_BYTES = 200  # of memory that a row costs besides its key and value
_StreamName = tuple[str, str]  # (word, owner)


class CheckpointPartRefused(Exception):
    """A part cannot be placed; the publisher is to start over with a full checkpoint."""


class StreamRefused(Exception):
    """There is no room for the stream; the publisher is not to go on with it."""


class StreamStore:
    """Every stream's last complete checkpoint, by (word, owner)."""

    def __init__(self) -> None:
        self.streams: dict[_StreamName, BusStream] = {}
        self._assemblies: dict[_StreamName, CheckpointAssembly] = {}
        self._refused: dict[_StreamName, tuple[int, int]] = {}  # (session, checkpoint) whose other parts are dropped

    def accept(self, message: CheckpointPart, size: int = 0) -> StreamCheckpoint | None:
        """The checkpoint to be fanned out, once this part, which came as `size` bytes, completes it.

        Raises CheckpointPartRefused, StreamRefused.
        """
        name = (message.word, message.sender)
        stream = self.streams.get(name) or BusStream()
        if stream.includes(message):
            return None
        if not stream.follows(message):
            raise CheckpointPartRefused(f"checkpoint {message.seq} after {stream.seq}")
        assembly = self._assembly(name)
        try:
            checkpoint = assembly.add(message)
        except StreamGap as gap:
            raise CheckpointPartRefused(str(gap)) from None
        assembly.bytes += size + _ROW_BYTES * len(message.rows)
        self._check_room(name, size)
        if checkpoint is not None:
            stream.bytes = assembly.bytes + (0 if message.full else stream.bytes)
            assembly.apply(checkpoint, stream)
            del self._assemblies[name]
            self.streams[name] = stream
        return checkpoint

    def is_refused(self, message: CheckpointPart) -> bool:
        """Is this part of a checkpoint for which there was no room?"""
        name = (message.word, message.sender)
        if name not in self._refused:
            return False
        if self._refused[name] == (message.session, message.seq):
            return True
        del self._refused[name]
        return False

    def _assembly(self, name: _StreamName) -> CheckpointAssembly:
        if name not in self._assemblies and name not in self.streams:
            streams_of_owner = {other for other in (*self.streams, *self._assemblies) if other[1] == name[1]}
            if len(streams_of_owner) >= STREAMS_OF_ONE_MAX:
                raise StreamRefused(f"{name[1]} has {STREAMS_OF_ONE_MAX} streams already")
        return self._assemblies.setdefault(name, CheckpointAssembly())

    def _check_room(self, name: _StreamName, size: int) -> None:
        """Raises StreamRefused if the part, now in the stream's assembly, is one too many."""
        if not size:
            return  # the broker's own rows
        owner = name[1]
        why = f"the rows of {owner} have more than {OWNER_BYTES_MAX} bytes"
        if self._bytes(owner) > OWNER_BYTES_MAX:
            self._count_exactly(owner)
        if self._bytes(owner) <= OWNER_BYTES_MAX:
            if self._bytes(None) <= _STORE_BYTES_MAX:
                return
            why = f"the rows of all have more than {_STORE_BYTES_MAX} bytes"
        del self._assemblies[name]
        raise StreamRefused(why)

    def refuse(self, message: CheckpointPart) -> None:
        """The other parts of this one's checkpoint are dropped without a word."""
        self._refused[message.word, message.sender] = (message.session, message.seq)

    def _bytes(self, owner: str | None) -> int:
        """What is held of an owner, or (None) of all, at most: replaced rows may be counted with their heirs."""
        retained = sum(stream.bytes for (_, name), stream in self.streams.items() if owner in (None, name))
        unfinished = sum(part.bytes for (_, name), part in self._assemblies.items() if owner in (None, name))
        return retained + unfinished

    def _count_exactly(self, owner: str) -> None:
        for (_, name), stream in self.streams.items():
            if name == owner:
                stream.bytes = sum(_ROW_BYTES + len(row.key) + len(row.value or b"") for row in stream.rows.values())

    def drop_unfinished(self, owner: str) -> None:
        """The checkpoints of `owner` that have begun to arrive will not end."""
        for name in [name for name in self._refused if name[1] == owner]:
            del self._refused[name]
        for name in [name for name in self._assemblies if name[1] == owner]:
            del self._assemblies[name]

    def forget(self, owner: str) -> None:
        """Nobody will speak of the streams of `owner` again."""
        self.drop_unfinished(owner)
        for name in [name for name in self.streams if name[1] == owner]:
            del self.streams[name]

    def newest_session(self, owner: str) -> int:
        """The newest session of any stream of `owner`; 0 if it has none."""
        return max((s.session for (_, name), s in self.streams.items() if name == owner), default=0)

    def heads(self) -> list[StreamHead]:
        """How far every stream has come."""
        return [StreamHead(word, owner, s.session, s.seq) for (word, owner), s in self.streams.items()]

    def position(self, word: str, owner: str) -> tuple[int, int]:
        """(session, checkpoint) of a stream; (0, 0) if there is none."""
        stream = self.streams.get((word, owner))
        return (stream.session, stream.seq) if stream else (0, 0)

    def snapshot(self, word: str, owner: str) -> Iterator[SnapshotPart]:
        """The retained rows of a stream as it is now, in parts; one part of session 0 if there is none.

        Checkpoints accepted while the parts leave do not change them.
        """
        stream = self.streams.get((word, owner)) or BusStream()
        (session, seq), all_rows = self.position(word, owner), stream.copied_rows()
        for number, (rows, last) in enumerate(iter_row_parts(all_rows)):
            yield SnapshotPart(
                word=word,
                owner=owner,
                session=session,
                seq=seq,
                part=number,
                last=last,
                rows=rows,
            )
