"""Publisher, broker and subscriber against the simplest model: what was published last is in the view."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bus.fanout import UNREAD_S_MAX
from tests.unit.bus.sim import STEP_S, Publisher, State, Subscriber, Wire, losing

KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.binary(min_size=1, max_size=4)
OWNER = "kube-watch"
SETTLED_STEPS = 30


class Bus(RuleBasedStateMachine):
    """Steps of a tenth of a second; hypothesis decides what happens between them, and finds the shortest failure."""

    @initialize()
    def begin(self) -> None:
        self.wire = Wire()
        self.history: set[State] = {frozenset()}
        self.model: dict[str, bytes] | None = None
        self.session = 1
        self.publisher = Publisher(self.wire, OWNER, 1, self.history)
        self.subscriber = Subscriber(self.wire, "routing", {OWNER: self.history})
        self.frozen = False

    @rule(rows=st.dictionaries(KEYS, VALUES))
    def publish(self, rows: dict[str, bytes]) -> None:
        self.publisher.publish(rows)
        self.model = dict(rows)

    @precondition(lambda self: self.publisher.outbox.published)
    @rule(key=KEYS, value=st.none() | VALUES)
    def update_row(self, key: str, value: bytes | None) -> None:
        self.publisher.update_row(key, value)
        assert self.model is not None
        if value is None:
            self.model.pop(key, None)
        else:
            self.model[key] = value

    @rule(loss=st.sampled_from([0.0, 0.0, 0.5, 1.0]), seed=st.integers(0, 99))
    def pass_time(self, loss: float, seed: int) -> None:
        self._step(loss, seed)

    @rule()
    def restart_publisher(self) -> None:
        self.session += 1
        self.publisher = Publisher(self.wire, OWNER, self.session, self.history)
        self.model = None

    @rule()
    def restart_subscriber(self) -> None:
        session = self.subscriber.session + 1
        self.subscriber = Subscriber(self.wire, "routing", {OWNER: self.history}, session)
        self.frozen = False

    @rule()
    def kill_broker(self) -> None:
        self.wire.kill()
        self.wire.start()

    @rule(steps=st.integers(1, int(UNREAD_S_MAX / STEP_S) + 5))
    def freeze(self, steps: int) -> None:
        self.frozen = True
        for _ in range(steps):
            self._step(0.0, 0)
        self.frozen = False

    def _step(self, loss: float, seed: int) -> None:
        self.wire.now += STEP_S
        for client in (self.publisher, *(() if self.frozen else (self.subscriber,))):
            client.read()
            client.tick()
            self.wire.turn(losing(Random(seed), loss))

    @invariant()
    def nothing_is_made_up(self) -> None:
        if hasattr(self, "subscriber"):
            self.subscriber.check(OWNER)

    def teardown(self) -> None:
        if not hasattr(self, "subscriber"):
            return
        if self.model is None:
            self.publish({"a": b"1"})
        for _ in range(SETTLED_STEPS):
            self._step(0.0, 0)
        assert self.model is not None
        assert self.subscriber.view(OWNER) == frozenset(self.model.items())
        assert self.subscriber.mirrors[OWNER].in_sync


Bus.TestCase.settings = settings(stateful_step_count=30)
TestBus = Bus.TestCase
