"""A large checkpoint is applied part by part and step by step: rows are counted, nothing is timed."""

from typing import Any

import pytest

from bus import fanout
from bus.broker import Broker
from bus.envelope import (
    BUS_PROTOCOL,
    FRAME_OVERHEAD_BYTES,
    PART_ROWS_MAX,
    BusHello,
    CheckpointPart,
    SnapshotPart,
    StreamRow,
    SubscriberCredit,
    SubscribeWords,
    iter_row_parts,
    pack_bus_message,
    unpack_bus_message,
)
from bus.fanout import WINDOW_BYTES
from bus.mirror import STEP_ROWS, MirrorSteps, RowChange, StreamMirror
from bus.stream import BusStream

PARTS = 40
WORD, OWNER, SUBSCRIBER = "node", "kube-watch", "routing"


class CountingMirror:
    """A mirror that counts the rows it has compared."""

    def __init__(self) -> None:
        self.compared = 0
        self.mirror: StreamMirror[RowChange] = StreamMirror(self._make_change)

    def _make_change(self, key: str, value: bytes | None, cause: str, before: bytes | None) -> RowChange:
        self.compared += 1
        return RowChange(key, value, cause, before)

    def run(self, steps: MirrorSteps[RowChange]) -> tuple[list[int], dict[str, RowChange]]:
        """(rows compared in each step, the changes)."""
        counts = list[int]()
        while True:
            before = self.compared
            try:
                next(steps)
            except StopIteration as end:
                changes: dict[str, RowChange] = end.value
                return [*counts, self.compared - before], changes
            counts.append(self.compared - before)


def large(byte: bytes = b"x", size: int = 100) -> list[StreamRow]:
    return [StreamRow(f"n{number}", byte * size) for number in range(PARTS * PART_ROWS_MAX)]


def checkpoint(seq: int, rows: list[StreamRow], *, full: bool = False) -> list[CheckpointPart]:
    """Its parts."""
    cut = enumerate(iter_row_parts(rows))
    return [
        CheckpointPart(sender=OWNER, word=WORD, session=1, seq=seq, part=n, last=end, full=full, rows=r)
        for n, (r, end) in cut
    ]


def snapshot(rows: list[StreamRow]) -> list[SnapshotPart]:
    """The parts of a snapshot of these rows."""
    cut = enumerate(iter_row_parts(rows))
    return [SnapshotPart(word=WORD, owner=OWNER, session=1, seq=7, part=n, last=end, rows=r) for n, (r, end) in cut]


def test_the_last_part_of_a_checkpoint_costs_a_subscriber_no_more_than_the_others() -> None:
    counted = CountingMirror()
    counted.mirror.apply(CheckpointPart(sender=OWNER, word=WORD, session=1, seq=1, full=True))
    changes: dict[str, RowChange] = {}
    for part in checkpoint(2, large()):
        assert not changes, "nothing counts before the last part"
        run, changes = counted.run(counted.mirror.apply_in_steps(part))
        assert max(run) <= STEP_ROWS
    assert len(changes) == len(counted.mirror.stream.rows) == PARTS * PART_ROWS_MAX


def test_a_snapshot_is_looked_into_as_it_comes() -> None:
    counted = CountingMirror()
    counted.mirror.request_snapshot()
    assert counted.mirror.fetch_due(0.0)
    changes: dict[str, RowChange] = {}
    for part in snapshot(large()):
        assert not counted.mirror.in_sync
        run, changes = counted.run(counted.mirror.apply_snapshot_in_steps(part))
        assert max(run) <= STEP_ROWS
    assert counted.mirror.in_sync
    assert len(changes) == PARTS * PART_ROWS_MAX


def test_a_snapshot_that_is_coming_is_not_asked_for_again() -> None:
    mirror, now = StreamMirror(RowChange), 0.0
    mirror.request_snapshot()
    assert mirror.fetch_due(now)
    for part in snapshot(large()):
        now += 0.9
        mirror.apply_snapshot(part)
        assert not mirror.fetch_due(now)
    assert mirror.in_sync


def test_one_that_has_stopped_coming_is_asked_for_again_from_its_begin() -> None:
    mirror = StreamMirror(RowChange)
    mirror.request_snapshot()
    assert mirror.fetch_due(0.0)
    parts = snapshot(large())
    mirror.apply_snapshot(parts[0])
    assert not mirror.fetch_due(2.0)
    assert mirror.fetch_due(3.0)
    assert mirror.apply_snapshot(parts[1]) == {}
    for part in parts:
        mirror.apply_snapshot(part)
    assert mirror.in_sync


class Bus:
    """The broker with one publisher and one subscriber that has read all."""

    def __init__(self) -> None:
        self.broker, self.read = Broker(session=1), 0
        for name in (OWNER, SUBSCRIBER):
            self.exchange(name, BusHello(name=name, session=1, protocol=BUS_PROTOCOL))
        self.exchange(SUBSCRIBER, SubscribeWords(words=(WORD,)))

    def exchange(self, name: str, message: Any) -> list[Any]:
        """A message of that client. Returns what the broker sends the subscriber."""
        frames = [
            f
            for f in self.broker.receive(f"{name}:1".encode(), pack_bus_message(message), 0.0)
            if f.to == f"{SUBSCRIBER}:1".encode()
        ]
        self.read += sum(len(frame.data) + FRAME_OVERHEAD_BYTES for frame in frames)
        return [unpack_bus_message(frame.data) for frame in frames]

    def drain(self) -> list[Any]:
        """All that comes as the subscriber reads."""
        received = []
        while more := self.exchange(SUBSCRIBER, SubscriberCredit(bytes=self.read)):
            received += more
        return received


@pytest.mark.parametrize("full", [False, True])
def test_the_last_part_costs_the_broker_no_more_than_what_may_leave_at_once(
    monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    bus, packed = Bus(), list[Any]()
    bus.exchange(OWNER, CheckpointPart(sender=OWNER, word=WORD, session=1, seq=1, full=True))
    bus.drain()

    def counting_pack(message: Any) -> bytes:
        packed.append(message)
        return pack_bus_message(message)

    parts = checkpoint(2, large(size=1000), full=full)
    for part in parts[:-1]:
        assert not [m for m in bus.exchange(OWNER, part) if isinstance(m, CheckpointPart)]
    monkeypatch.setattr(fanout, "pack_bus_message", counting_pack)
    received = bus.exchange(OWNER, parts[-1])
    window = WINDOW_BYTES // 1000
    assert sum(len(message.rows) for message in packed if isinstance(message, CheckpointPart)) <= 2 * window
    mirror = StreamMirror(RowChange)
    mirror.apply(CheckpointPart(sender=OWNER, word=WORD, session=1, seq=1, full=True))
    for message in [*received, *bus.drain()]:
        if isinstance(message, CheckpointPart):
            mirror.apply(message)
    assert len(mirror.stream.rows) == PARTS * PART_ROWS_MAX
    assert mirror.gaps == 0


def test_what_is_told_of_a_stream_is_how_it_was_then() -> None:
    stream = BusStream(1, 1)
    stream.rows = {key: StreamRow(key, key.encode()) for key in "abc"}
    rows = stream.copied_rows()
    first = next(rows)
    del stream.rows["b"]
    stream.rows["d"] = StreamRow("d", b"d")
    assert [first.key, *(row.key for row in rows)] == ["a", "b", "c"]
