"""What a subscriber that is behind is sent next: the snapshots it asked for, then the rows that have changed. Pure.

How much it is sent is for `bus/fanout.py` to say, which asks here for one message after another.
"""

from collections import Counter
from collections.abc import Iterator

from bus.envelope import BusMessage, CheckpointPart, iter_row_parts
from bus.stream import StreamName
from bus.stream_store import StreamStore
from bus.subscriber import BusSubscriber, ChangedStreamRows

_FEW_ROWS = 100  # of a stream leave between the parts of another's large checkpoint


class SubscriberCatchUp:
    """The messages that wait for subscribers, made from the store as there is room for each."""

    def __init__(self, store: StreamStore, counters: Counter[str]) -> None:
        self._store, self._counters = store, counters

    def interleaved(self, subscriber: BusSubscriber) -> BusMessage | None:
        """A small checkpoint of another stream, between the parts of a large one: a pod does not wait for all routes.

        It must be a single part, since the parts of a checkpoint come one after another. The subscriber must know the
        stream's session, since otherwise it has no rows to change.
        """
        if subscriber.sending is None or len(subscriber.changed) < 1 + (subscriber.sending_of in subscriber.changed):
            return None
        for stream, changed in subscriber.changed.items():
            if stream == subscriber.sending_of or changed is None or len(changed.rows) > _FEW_ROWS:
                continue
            (session, since), position = subscriber.positions.get(stream, (0, 0)), self._store.position(*stream)
            if session != position[0]:
                continue
            parts = list(self._catch_up(stream, changed, since))
            if len(parts) == 1:
                del subscriber.changed[stream]
                subscriber.positions[stream] = position
                self._counters["caught_up"] += 1
                return parts[0]
        return None

    def next_to_send(self, subscriber: BusSubscriber) -> Iterator[BusMessage] | None:
        """The next stream: what it asked for before what has changed. A snapshot holds the changes that wait."""
        while subscriber.fetches:
            stream, _ = subscriber.fetches.popitem(last=False)
            subscriber.changed.pop(stream, None)
            self._begin(subscriber, stream)
            self._counters["snapshots"] += 1
            return self._store.snapshot(*stream)
        while subscriber.changed:
            stream, changed = subscriber.changed.popitem(last=False)
            session, since = subscriber.positions.get(stream, (0, 0))
            if stream not in self._store.streams:
                continue  # its owner is forgotten
            if changed is not None and session != self._store.position(*stream)[0]:
                continue  # it was sent nothing of this session: it will fetch the stream when the beacon names it
            self._begin(subscriber, stream)
            self._counters["caught_up"] += 1
            return self._catch_up(stream, changed, since)
        return None

    def _begin(self, subscriber: BusSubscriber, stream: StreamName) -> None:
        """The stream is about to leave as it is now; what changes while its parts leave waits anew."""
        subscriber.positions[stream], subscriber.sending_of = self._store.position(*stream), stream

    def _catch_up(self, stream: StreamName, changed: ChangedStreamRows | None, since: int) -> Iterator[BusMessage]:
        """One checkpoint of these rows, or (None) of all, as they are now, though its parts are made as they leave."""
        rows = self._store.streams[stream].copied_rows() if changed is None else changed.rows.values()
        session, seq = self._store.position(*stream)
        for number, (part, last) in enumerate(iter_row_parts(rows)):
            yield CheckpointPart(
                sender=stream[1],
                word=stream[0],
                session=session,
                seq=seq,
                since=0 if changed is None else since,
                part=number,
                last=last,
                full=changed is None,
                rows=part,
            )
