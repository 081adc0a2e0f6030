"""A publisher, a broker and a subscriber, wired by hand: whatever is lost, the views become equal."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from bus.envelope import CheckpointPart, PublisherCredit
from bus.mirror import RowChange, StreamMirror
from bus.outbox import StreamOutbox
from bus.stream_store import CheckpointPartRefused, StreamStore

WORD, OWNER = "node", "kube-watch"


class World:
    """One stream from end to end; the fan-out may lose parts, everything may be restarted."""

    def __init__(self) -> None:
        self.session = 1
        self.outbox = StreamOutbox(OWNER, WORD)
        self.store = StreamStore()
        self.mirror = StreamMirror(RowChange)
        self.now = 0.0
        self.history: list[dict[str, bytes]] = [{}]  # every whole state that the publisher ever had
        self.wire: deque[CheckpointPart] = deque()

    def publish(self, rows: dict[str, bytes]) -> None:
        self.outbox.publish(rows)
        self.history.append(dict(rows))

    def carry(self, lose: bool) -> None:
        """Lets the publisher send all it may; the fan-out reaches the subscriber, or is lost."""
        while (part := self.outbox.next_part(self.session, self.now)) is not None:
            self.outbox.mark_sent(0.0)
            try:
                fan_out = self.store.accept(part)
                self.outbox.credit(PublisherCredit(word=WORD, session=part.session, seq=part.seq, part=part.part), 0.0)
            except CheckpointPartRefused:
                self.outbox.resend_all()
                continue
            for message in fan_out or ():
                if not lose:
                    self.mirror.apply(message)
                    self.check()

    def beacon(self) -> None:
        self.now += 2.0
        for head in self.store.heads():
            self.mirror.compare_head(head)
        if self.mirror.fetch_due(self.now):
            for part in self.store.snapshot(WORD, OWNER):
                self.mirror.apply_snapshot(part)
                self.check()

    def check(self) -> None:
        assert self.view() in self.history, "the subscriber saw a mixture that never existed"

    def view(self) -> dict[str, bytes]:
        return {key: held.value for key, held in self.mirror.stream.rows.items()}

    def restart_broker(self) -> None:
        self.store = StreamStore()
        self.outbox.resend_all()

    def restart_publisher(self) -> None:
        self.session += 1
        self.outbox = StreamOutbox(OWNER, WORD)


rows = st.dictionaries(st.sampled_from("abcde"), st.binary(min_size=1, max_size=2))
events = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), rows),
        st.tuples(st.just("carry"), st.booleans()),
        st.tuples(st.sampled_from(["beacon", "restart_broker", "restart_publisher"])),
    ),
    max_size=30,
)


@given(events, rows)
def test_after_any_disturbance_the_subscriber_equals_the_publisher(
    schedule: list[tuple[str, object]], last: dict[str, bytes]
) -> None:
    world = World()
    for name, *arguments in schedule:
        getattr(world, name)(*arguments)
    world.publish(last)
    world.carry(lose=False)
    for _ in range(3):
        world.beacon()
    assert world.view() == last


@given(rows, rows)
def test_nothing_is_removed_before_a_restarted_publisher_has_said_everything(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    world = World()
    world.publish(before)
    world.carry(lose=False)
    world.restart_publisher()
    world.carry(lose=False)
    world.beacon()
    assert world.view() == before
    world.publish(after)
    world.carry(lose=False)
    assert world.view() == after


def test_a_checkpoint_of_many_parts_is_seen_whole_or_not_at_all() -> None:
    world = World()
    world.publish({"first": b"1"})
    world.carry(lose=False)
    world.publish({f"key-{n}": b"x" * 1000 for n in range(1200)})
    sizes = set()
    while (part := world.outbox.next_part(world.session, 0.0)) is not None:
        world.outbox.mark_sent(0.0)
        for message in world.store.accept(part) or ():
            world.mirror.apply(message)
            sizes.add(len(world.view()))
        world.outbox.credit(PublisherCredit(word=WORD, session=part.session, seq=part.seq, part=part.part), 0.0)
    assert sizes == {1, 1200}


def test_rows_coalesce_by_key_while_the_broker_gives_no_credit() -> None:
    outbox = StreamOutbox(OWNER, WORD)
    outbox.publish({"n": b"0"})
    parts_sent = 0
    for value in range(1000):
        outbox.update_row("n", b"%d" % value)
        while outbox.next_part(1, 0.0) is not None:
            outbox.mark_sent(0.0)
            parts_sent += 1
    assert parts_sent == 8
    outbox.credit(PublisherCredit(word=WORD, session=1, seq=1, part=0), 0.0)
    part = outbox.next_part(1, 0.0)
    assert part is not None
    assert [(row.key, row.value) for row in part.rows] == [("n", b"999")]


def test_a_publisher_that_says_the_same_again_says_nothing() -> None:
    outbox = StreamOutbox(OWNER, WORD)
    outbox.publish({"n": b"0"})
    while outbox.next_part(1, 0.0) is not None:
        outbox.mark_sent(0.0)
    assert outbox.publish({"n": b"0"}) == (0, 0)
    assert outbox.next_part(1, 0.0) is None
