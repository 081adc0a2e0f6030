"""Whatever is lost, killed or frozen, and whenever: no view is a mixture, and within 3 s all equal their streams."""

from collections import Counter
from random import Random

import pytest

from bus import envelope, fanout
from tests.unit.bus.sim import STEP_S, Publisher, State, Subscriber, Wire, losing

SCHEDULES = 500
DISTURBED_S, FROZEN_S, SETTLED_S = 4.0, 10.0, 3.0
OWNERS, SUBSCRIBERS = ("kube-watch", "cni"), ("routing", "services", "tool-tap")
LOSS = 0.01


class Schedule:
    """One seed's world, and what befalls it."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.wire = Wire()
        self.histories: dict[str, set[State]] = {owner: {frozenset()} for owner in OWNERS}
        self.sessions = dict.fromkeys(OWNERS, 1)
        self.publishers = {owner: self.publisher(owner) for owner in OWNERS}
        self.subscribers = [Subscriber(self.wire, name, self.histories) for name in SUBSCRIBERS]
        self.broker_back_at = self.frozen_until = 0.0
        self.frozen: Subscriber | None = None

    def publisher(self, owner: str) -> Publisher:
        return Publisher(self.wire, owner, self.sessions[owner], self.histories[owner])

    def rows(self) -> dict[str, bytes]:
        """Sometimes more than one part, sometimes none."""
        count = self.dice.choice((0, 3, 10, 40))
        return {f"n{self.dice.randrange(50)}": self.dice.randbytes(self.dice.choice((1, 30))) for _ in range(count)}

    def disturb(self) -> None:
        roll, owner = self.dice.random(), self.dice.choice(OWNERS)
        publisher = self.publishers[owner]
        if roll < 0.25:
            publisher.publish(self.rows())
        elif roll < 0.6:
            for _ in range(self.dice.randrange(1, 8)):
                publisher.update_row(f"n{self.dice.randrange(50)}", self.dice.choice((None, self.dice.randbytes(5))))
        elif roll < 0.65:
            self.sessions[owner] += 1
            self.publishers[owner] = self.publisher(owner)
        elif roll < 0.70 and self.wire.broker is not None:
            self.wire.kill()
            self.broker_back_at = self.wire.now + self.dice.choice((0.0, 0.2, 1.0))
        elif roll < 0.72 and self.frozen is None:
            self.frozen, self.frozen_until = self.dice.choice(self.subscribers), self.wire.now + FROZEN_S

    def step(self, loss: float) -> None:
        """A tenth of a second; the order in which processes run is chance too."""
        self.wire.now += STEP_S
        if self.wire.broker is None and self.wire.now >= self.broker_back_at:
            self.wire.start()
        if self.frozen is not None and self.wire.now >= self.frozen_until:
            self.frozen = None
        work = [
            *self.publishers.values(),
            *(subscriber for subscriber in self.subscribers if subscriber is not self.frozen),
        ]
        self.dice.shuffle(work)
        lose = losing(self.dice, loss)
        for client in work:
            client.read()
            client.tick()
            if self.dice.random() < 0.5:
                self.wire.turn(lose)
        self.wire.turn(lose)

    def equal(self) -> bool:
        return all(
            subscriber.mirrors[owner].in_sync and subscriber.view(owner) == publisher.state
            for subscriber in self.subscribers
            for owner, publisher in self.publishers.items()
        )

    def run(self) -> None:
        for publisher in self.publishers.values():
            publisher.publish(self.rows())
        while self.wire.now < DISTURBED_S or self.frozen is not None:
            for _ in range(self.dice.randrange(4) if self.wire.now < DISTURBED_S else 0):
                self.disturb()
            self.step(LOSS)
        for owner, publisher in self.publishers.items():
            if not publisher.outbox.published:  # a restarted one speaks in the end
                publisher.publish(self.rows())
            assert owner in self.histories
        end = self.wire.now + SETTLED_S
        while not self.equal() and self.wire.now < end:
            self.step(0.0)
        assert self.equal(), "not equal 3 s after the disturbance ended"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, and a window of a few parts, so that little data meets every bound."""
    monkeypatch.setattr(envelope, "PART_ROWS_MAX", 7)
    monkeypatch.setattr(fanout, "WINDOW_BYTES", 4000)
    monkeypatch.setattr(fanout, "KEYS_WAITING_MAX", 30)
    monkeypatch.setattr(fanout, "TOOL_QUEUE_BYTES_MAX", 8000)


def test_views_become_what_was_said() -> None:
    counts: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        schedule = Schedule(seed)
        try:
            schedule.run()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {schedule.wire.now:.1f} s: {error}") from error
        if schedule.wire.broker:
            counts += schedule.wire.broker.counters
        counts["gaps"] += sum(m.gaps for h in schedule.subscribers for m in h.mirrors.values())
    for name in ("gaps", "snapshots", "caught_up", "hearers_cut_off", "silent_processes", "resends"):
        assert counts[name] > 20, f"the schedules hardly meet {name}: {counts}"
