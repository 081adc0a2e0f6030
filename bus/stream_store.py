"""The broker's copy of every stream: the last checkpoint is retained, heads and snapshots are read from it. Pure."""

from collections.abc import Iterator

from bus.envelope import CheckpointPart, SnapshotPart, StreamHead, iter_row_parts
from bus.stream import BusStream, CheckpointAssembly, StreamCheckpoint, StreamGap

_STREAMS_MAX = 1000


class CheckpointPartRefused(Exception):
    """A part cannot be placed; the publisher is to start over with a full checkpoint."""


class StreamStore:
    """Every stream's last complete checkpoint, by (word, owner)."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], BusStream] = {}
        self._assemblies: dict[tuple[str, str], CheckpointAssembly] = {}

    def accept(self, message: CheckpointPart) -> StreamCheckpoint | None:
        """The checkpoint to be fanned out, once this part completes it. Raises CheckpointPartRefused."""
        name = (message.word, message.sender)
        stream = self.streams.get(name) or BusStream()
        if stream.includes(message):
            return None
        if not stream.follows(message):
            raise CheckpointPartRefused(f"checkpoint {message.seq} after {stream.seq}")
        if name not in self.streams and len(self.streams) >= _STREAMS_MAX:
            raise CheckpointPartRefused(f"more than {_STREAMS_MAX} streams")
        assembly = self._assemblies.setdefault(name, CheckpointAssembly())
        try:
            checkpoint = assembly.add(message)
        except StreamGap as gap:
            raise CheckpointPartRefused(str(gap)) from None
        if checkpoint is not None:
            assembly.apply(checkpoint, stream)
            del self._assemblies[name]
            self.streams[name] = stream
        return checkpoint

    def drop_unfinished(self, owner: str) -> None:
        """The checkpoints of `owner` that have begun to arrive will not end."""
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
