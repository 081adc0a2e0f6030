"""A publisher that outruns the broker is slowed by credit; what it says meanwhile coalesces and is not lost."""

from bus.envelope import CheckpointPart, PublisherCredit
from bus.outbox import PARTS_IN_FLIGHT_MAX, StreamOutbox
from bus.stream_store import StreamStore


def send_all(outbox: StreamOutbox) -> list[CheckpointPart]:
    """What may leave now."""
    parts = []
    while (part := outbox.next_part(1, 0.0)) is not None:
        outbox.mark_sent(0.0)
        parts.append(part)
    return parts


def give_credit(outbox: StreamOutbox, store: StreamStore, parts: list[CheckpointPart]) -> None:
    for part in parts:
        store.accept(part)
        outbox.credit(PublisherCredit(word=part.word, session=part.session, seq=part.seq, part=part.part), 0.0)


def values_of(store: StreamStore) -> dict[str, bytes]:
    return {key: row.value for key, row in store.streams["node", "kube-watch"].rows.items()}


def test_without_credit_no_more_than_a_few_parts_leave() -> None:
    outbox = StreamOutbox("kube-watch", "node")
    outbox.publish({f"n{number}": b"x" for number in range(20_000)})
    assert len(send_all(outbox)) == PARTS_IN_FLIGHT_MAX
    assert send_all(outbox) == []
    assert not outbox.idle


def test_what_changes_while_it_waits_for_credit_leaves_once_with_its_last_value() -> None:
    outbox, store = StreamOutbox("kube-watch", "node"), StreamStore()
    outbox.publish({f"n{number}": b"x" for number in range(20_000)})
    parts = send_all(outbox)
    for value in range(1000):
        outbox.update_row("n7", str(value).encode())
        outbox.update_row("gone", b"1" if value % 2 else None)
    outbox.update_row("gone", None)
    rows_sent = 0
    while parts:
        rows_sent += sum(len(part.rows) for part in parts)
        give_credit(outbox, store, parts)
        parts = send_all(outbox)
    assert outbox.idle
    assert rows_sent <= 20_000 + 2, "the thousand values in between never left"
    assert values_of(store)["n7"] == b"999"
    assert "gone" not in values_of(store)
    assert len(values_of(store)) == 20_000
