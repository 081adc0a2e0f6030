"""What subscribers cost that read late, slowly or never, and whether their views are right afterwards."""

from collections import Counter
from collections.abc import Iterable

import pytest

from bus import fanout
from bus.envelope import (
    FRAME_OVERHEAD_BYTES,
    BusBeacon,
    CheckpointPart,
    SnapshotPart,
    StreamRow,
    pack_bus_message,
    rows_to_parts,
    unpack_bus_message,
)
from bus.fanout import WINDOW_BYTES, BrokerOutgoingFrame, SubscriberFanout
from bus.mirror import RowChange, StreamMirror
from bus.stream_store import StreamStore

SUBSCRIBER = b"routing:1"
WORD, OWNER = "node", "kube-watch"


class World:
    """One publisher, one subscriber; `pipe` is what was sent and not read."""

    def __init__(self) -> None:
        self.store, self.counters = StreamStore(), Counter[str]()
        self.fanout = SubscriberFanout(self.store, self.counters)
        self.mirror = StreamMirror(RowChange)
        self.pipe: list[BrokerOutgoingFrame] = []
        self.rows: dict[str, bytes] = {}
        self.seq, self.read_bytes, self.now = 0, 0, 0.0
        self.history: list[dict[str, bytes]] = [{}]
        self.fanout.join(SUBSCRIBER, "routing", 0.0)
        self.fanout.subscribe(SUBSCRIBER, [WORD])

    def publish(self, rows: dict[str, bytes | None], full: bool = False) -> None:
        """The publisher sends a checkpoint; the broker fans it out."""
        self.seq += 1
        self.rows = {} if full else dict(self.rows)
        self.rows |= {key: value for key, value in rows.items() if value is not None}
        self.rows = {key: value for key, value in self.rows.items() if rows.get(key, value) is not None}
        self.history.append(self.rows)
        parts = rows_to_parts([StreamRow(key, value) for key, value in rows.items()])
        for number, batch in enumerate(parts):
            part = CheckpointPart(sender=OWNER, word=WORD, session=1, seq=self.seq, full=full, rows=batch)
            part.part, part.last = number, number == len(parts) - 1
            self.deliver(self.fanout.fan_out(whole) if (whole := self.store.accept(part)) else ())

    def deliver(self, frames: Iterable[BrokerOutgoingFrame]) -> None:
        self.pipe += frames
        assert self.unread <= WINDOW_BYTES + fanout.WINDOW_BYTES // 8, "the bound holds at any moment"

    @property
    def unread(self) -> int:
        return sum(len(frame.data) + FRAME_OVERHEAD_BYTES for frame in self.pipe)

    def read(self, frames: int = 1_000_000) -> None:
        """The subscriber reads so many frames and gives credit for them."""
        while self.pipe and frames:
            frames -= 1
            data = self.pipe.pop(0).data
            self.read_bytes += len(data) + FRAME_OVERHEAD_BYTES
            message = unpack_bus_message(data)
            match message:
                case CheckpointPart() if message.word == WORD:
                    self.mirror.apply(message)
                case SnapshotPart():
                    self.mirror.apply_snapshot(message)
                case BusBeacon():
                    for head in message.heads:
                        self.mirror.compare_head(head)
            assert self.view in self.history, "a mixture that never existed"
            self.deliver(self.fanout.credit(SUBSCRIBER, self.read_bytes, 0, self.now))

    def beacon(self) -> None:
        self.now += 1.1
        self.deliver(self.fanout.broadcast(BusBeacon(broker_session=1, heads=self.store.heads())))
        self.read()
        if self.mirror.fetch_due(self.now):
            self.deliver(self.fanout.fetch(SUBSCRIBER, WORD, OWNER))
            self.read()

    @property
    def view(self) -> dict[str, bytes]:
        return {key: row.value for key, row in self.mirror.stream.rows.items()}


def large(count: int, byte: bytes = b"x") -> dict[str, bytes | None]:
    return {f"n{number}": byte * 1000 for number in range(count)}


def test_a_subscriber_that_reads_gets_every_checkpoint_at_once() -> None:
    world = World()
    world.publish(large(10), full=True)
    world.read()
    world.publish({"n3": None})
    assert len(world.pipe) == 1
    world.read()
    assert world.view == world.rows
    assert world.mirror.gaps == 0


def test_one_that_reads_slowly_gets_each_row_once_however_often_it_changed() -> None:
    world = World()
    world.publish(large(1000), full=True)
    world.read()
    for turn in range(50):
        world.publish(large(1000, bytes([turn])))
    world.read()
    assert world.view == world.rows
    assert world.mirror.gaps == 0, "it never had to ask"
    assert world.counters["caught_up"] >= 1
    assert world.read_bytes < 10_000_000, "50 MB were published"


def test_a_full_checkpoint_larger_than_the_window_comes_as_it_reads() -> None:
    world = World()
    world.publish(large(10_000), full=True)
    world.read(3)
    assert world.view == {}, "nothing before the whole"
    world.publish({"late": b"1", "n5": None})
    world.read()
    assert world.view == world.rows
    assert world.mirror.gaps == 0


def test_one_that_never_reads_is_cut_off_by_name_and_recovers_by_a_snapshot() -> None:
    world = World()
    for turn in range(20):
        world.publish(large(1000, bytes([turn])), full=not turn)
    world.fanout.tick(0.0)
    world.fanout.tick(10.0)
    assert "bytes not read for 3 s" in world.fanout.cut_off_reason("routing")
    assert world.counters["hearers_cut_off"] == 1
    unread_before = world.unread
    world.publish(large(1000, b"last"))
    assert world.unread == unread_before, "it costs no more"
    world.read()
    assert world.fanout.cut_off_reason("routing") == ""
    assert world.view != world.rows
    world.beacon()
    assert world.view == world.rows
    assert world.counters["snapshots"] == 1


def test_one_for_whom_too_much_waits_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.publish(large(5000), full=True)
    monkeypatch.setattr(fanout, "KEYS_WAITING_MAX", 100)
    world.publish(large(5000, b"y"))
    assert "changed rows wait" in world.fanout.cut_off_reason("routing")
    world.read()
    world.beacon()
    assert world.view == world.rows


def test_a_silent_client_is_sent_nothing_until_it_reads_again() -> None:
    world = World()
    world.publish(large(5), full=True)
    world.fanout.suspend("routing", "routing: silent for 3 s")
    world.publish({"n1": b"new"})
    assert len(world.pipe) == 1
    assert world.fanout.cut_off_reason("routing") == "routing: silent for 3 s"
    world.read()
    world.beacon()
    assert world.view == world.rows


def test_a_beacon_speaks_of_nothing_that_still_waits() -> None:
    world = World()
    world.publish(large(10_000), full=True)
    assert list(world.fanout.broadcast(BusBeacon(broker_session=1, heads=world.store.heads()))) == []


def test_a_snapshot_is_as_of_one_moment_though_rows_change_while_it_is_sent() -> None:
    world = World()
    world.publish(large(9_000), full=True)
    world.pipe.clear()
    world.fanout.leave("routing")
    world.fanout.join(SUBSCRIBER, "routing", 0.0)
    world.fanout.subscribe(SUBSCRIBER, [WORD])
    world.mirror.request_snapshot()
    assert world.mirror.fetch_due(1.0)
    world.deliver(world.fanout.fetch(SUBSCRIBER, WORD, OWNER))
    for number in range(30):
        world.read(2)
        world.publish({f"n{number}": None, f"new{number}": b"1"})
    world.read()
    assert world.view == world.rows


def test_a_few_rows_of_one_stream_do_not_wait_for_a_large_checkpoint_of_another() -> None:
    world = World()
    world.fanout.subscribe(SUBSCRIBER, [WORD, "pod"])
    small = CheckpointPart(sender="cni", word="pod", session=1, seq=1, full=True, rows=[StreamRow("p", b"1")])
    world.deliver(world.fanout.fan_out(world.store.accept(small)))
    world.publish(large(20_000), full=True)
    world.read(2)
    change = CheckpointPart(sender="cni", word="pod", session=1, seq=2, rows=[StreamRow("p", b"2")])
    world.deliver(world.fanout.fan_out(world.store.accept(change)))
    assert world.pipe, "the large one is on its way"
    words = []
    while world.pipe:
        words.append(unpack_bus_message(world.pipe[0].data).word)
        world.read(1)
    assert words.index("pod") < len(words) - 10, "it came between the parts"
    assert world.view == world.rows


def test_a_restarted_subscriber_does_not_inherit_what_its_earlier_life_had_not_read() -> None:
    world = World()
    world.publish(large(1000), full=True)
    world.publish(large(9000, b"y"))
    world.pipe.clear()
    world.fanout.join(b"routing:2", "routing", 0.0)
    world.fanout.subscribe(b"routing:2", [WORD])
    world.publish({"n1": b"z"})
    assert [frame.to for frame in world.pipe] == [b"routing:2"]
    assert pack_bus_message(unpack_bus_message(world.pipe[0].data)) == world.pipe[0].data


TAP = b"tool-tap-1:1"


def world_with_tap() -> tuple[World, StreamMirror]:
    """A world with a tap that subscribes to the word, and the tap's mirror."""
    world = World()
    world.fanout.join(TAP, "tool-tap-1", 0.0)
    world.fanout.subscribe(TAP, [WORD])
    return world, StreamMirror(RowChange)


def read_by_tap(frames: Iterable[BrokerOutgoingFrame], mirror: StreamMirror) -> int:
    """The tap reads the frames. Returns their size, bytes."""
    size = 0
    for frame in frames:
        assert frame.to == TAP
        size += len(frame.data) + FRAME_OVERHEAD_BYTES
        match message := unpack_bus_message(frame.data):
            case CheckpointPart():
                mirror.apply(message)
            case SnapshotPart():
                mirror.apply_snapshot(message)
            case BusBeacon():
                for head in message.heads:
                    mirror.compare_head(head)
    return size


def test_a_tap_hears_nothing_before_there_is_time_and_then_all_in_order() -> None:
    world, mirror = world_with_tap()
    world.publish(large(3), full=True)
    for turn in range(5):
        world.publish({"n1": bytes([turn])})
    assert {frame.to for frame in world.pipe} == {SUBSCRIBER}
    read_by_tap(world.fanout.serve_tools(), mirror)
    assert mirror.gaps == 0
    assert {key: row.value for key, row in mirror.stream.rows.items()} == world.rows


def test_a_tap_that_does_not_read_costs_a_bound_and_recovers_by_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "TOOL_QUEUE_BYTES_MAX", 50_000)
    world, mirror = world_with_tap()
    world.publish(large(30), full=True)
    read = read_by_tap(world.fanout.serve_tools(), mirror)
    world.publish(large(60, b"y"))
    assert "bytes wait for it to read" in world.fanout.cut_off_reason("tool-tap-1")
    assert list(world.fanout.serve_tools()) == []
    world.fanout.credit(TAP, read, 0, 1.0)
    assert world.fanout.cut_off_reason("tool-tap-1") == ""
    list(world.fanout.broadcast(BusBeacon(broker_session=1, heads=world.store.heads())))
    read_by_tap(world.fanout.serve_tools(), mirror)
    assert mirror.fetch_due(5.0), "the beacon tells it what it missed"
    world.fanout.fetch(TAP, WORD, OWNER)
    world.publish({"n7": None})
    read_by_tap(world.fanout.serve_tools(), mirror)
    assert {key: row.value for key, row in mirror.stream.rows.items()} == world.rows


def test_what_changes_while_a_tap_is_sent_a_snapshot_comes_after_it() -> None:
    world, mirror = world_with_tap()
    world.publish(large(4_000), full=True)
    world.fanout.suspend("tool-tap-1", "on purpose")
    world.publish({"n0": b"before"})
    world.fanout.credit(TAP, 1, 0, 0.0)
    world.fanout.subscribe(TAP, [WORD])
    mirror.request_snapshot()
    assert mirror.fetch_due(5.0)
    world.fanout.fetch(TAP, WORD, OWNER)
    read = 0
    for turn in range(30):
        frames = list(world.fanout.serve_tools())
        read += read_by_tap(frames, mirror)
        world.publish({"n1": bytes([turn])})
        world.fanout.credit(TAP, read, 0, 1.0)
    read_by_tap(world.fanout.serve_tools(), mirror)
    assert mirror.gaps == 0
    assert {key: row.value for key, row in mirror.stream.rows.items()} == world.rows


def test_the_broker_is_busy_as_long_as_one_that_works_has_much_to_read() -> None:
    world, _ = world_with_tap()
    world.publish(large(100), full=True)
    assert world.fanout.backlogged
    world.read()
    assert not world.fanout.backlogged
