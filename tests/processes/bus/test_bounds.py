"""What clients cost that never read, send nonsense or are stuck, and how others learn of it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import zmq

from bus.envelope import BUS_PROTOCOL, BusHello, SubscriberCredit, SubscribeWords, pack_bus_message
from bus.fanout import UNPROVEN_BYTES_MAX, WINDOW_BYTES
from bus.peer import BusPeer
from schemas.facts import EndpointSliceFact, NodeFact, ProcessFact
from tests.processes.bus.conftest import BrokerProcess
from tests.waiting import until_heard

DEADLINE_S = 15.0
ROWS, TURNS = 2000, 60

GROWTH_MAX = 24 << 20  # bytes: two subscribers' windows, rows that are being replaced, and what the allocator keeps


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def process(peer: BusPeer, name: str) -> ProcessFact | None:
    return peer.rows("process").get(name)


def memory_bytes(pid: int) -> int:
    """What the process has in memory (Linux: /proc/<pid>/status, VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


class Client:
    """A client that sends what the test wants and never reads."""

    def __init__(self, broker: BrokerProcess, name: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, f"{name}:1".encode())
        self._socket.setsockopt(zmq.RCVHWM, 1)
        self._socket.connect(f"ipc://{broker.bus}/broker")
        self._name = name

    def hello(self) -> None:
        self._socket.send(pack_bus_message(BusHello(name=self._name, session=1, pid=1, protocol=BUS_PROTOCOL)))

    def send(self, data: bytes) -> None:
        self._socket.send(data)

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def client(broker: BrokerProcess) -> Any:
    """One client that never reads."""
    silent_reader = Client(broker, "reads-nothing")
    yield silent_reader
    silent_reader.close()


def test_a_subscriber_that_never_reads_costs_a_bounded_amount_and_is_cut_off_by_name(
    broker: BrokerProcess, client: Client
) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("endpoint-slice")
            subscriber.subscribe("process")
            client.hello()
            client.send(pack_bus_message(SubscribeWords(words=("endpoint-slice",))))
            bytes_published = 0
            before = 0
            for turn in range(TURNS):
                rows = {
                    f"x/{n}": EndpointSliceFact(service=f"{turn:04}" + "s" * 800, ip_version=4) for n in range(ROWS)
                }
                bytes_published += ROWS * 800
                publisher.publish("endpoint-slice", rows)
                client.hello()
                assert await publisher.flush(DEADLINE_S)
                if not turn:
                    before = memory_bytes(broker.pid)
            await until_heard(
                subscriber,
                lambda: (row := subscriber.rows("endpoint-slice").get("x/7")) and row.service[:4] == "0059",
                within_s=DEADLINE_S,
            )
            assert bytes_published > 20 * WINDOW_BYTES
            assert memory_bytes(broker.pid) - before < GROWTH_MAX

            def cut_off_reason() -> str:
                client.hello()
                row = process(subscriber, "reads-nothing")
                return row.cut_off if row else ""

            assert "not read" in await until_heard(subscriber, cut_off_reason, within_s=DEADLINE_S)
            assert process(subscriber, "bus").counters["hearers_cut_off"] >= 1  # type: ignore[union-attr]

    run(story)


def test_a_subscriber_that_lies_about_what_it_has_read_costs_a_bounded_amount(
    broker: BrokerProcess, client: Client
) -> None:
    """It never reads; ZeroMQ's queue to it, which the broker does not see, must not grow with all that is said."""

    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")
            client.hello()
            client.send(pack_bus_message(SubscribeWords(words=("endpoint-slice",))))
            before = 0
            for turn in range(TURNS):
                value = f"{turn:04}" + "s" * 1600
                rows = {f"x/{n}": EndpointSliceFact(service=value, ip_version=4) for n in range(ROWS)}
                publisher.publish("endpoint-slice", rows)
                client.hello()
                client.send(pack_bus_message(SubscriberCredit(bytes=1 << 60)))
                assert await publisher.flush(DEADLINE_S)
                before = before or memory_bytes(broker.pid)

            def cut_off_reason() -> str:
                client.hello()
                row = process(subscriber, "reads-nothing")
                return row.cut_off if row else ""

            assert "not read" in await until_heard(subscriber, cut_off_reason, within_s=DEADLINE_S)
            assert memory_bytes(broker.pid) - before < UNPROVEN_BYTES_MAX + GROWTH_MAX

    run(story)


def test_one_that_sends_nonsense_is_muted_and_named(broker: BrokerProcess, client: Client) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            await until_heard(subscriber, lambda: process(subscriber, "kube-watch"), within_s=DEADLINE_S)
            for _ in range(500):
                client.send(b"\xc1 nonsense")
            await until_heard(
                subscriber,
                lambda: (row := process(subscriber, "bus")) and row.counters.get("muted_messages"),
                within_s=DEADLINE_S,
            )
            publisher.publish("node", {"n1": NodeFact(asn=1)})
            await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"), within_s=DEADLINE_S)
            counters = process(subscriber, "bus").counters  # type: ignore[union-attr]
            assert counters["malformed_messages"] + counters["muted_messages"] == 500
            assert counters["senders_muted"] >= 1
            assert "reads-nothing:1" in broker.log()
            assert "not read for 1 s" in broker.log()

    run(story)


def test_nobody_speaks_for_another(broker: BrokerProcess, client: Client) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")
            await until_heard(subscriber, lambda: process(subscriber, "routing"), within_s=DEADLINE_S)
            client.send(pack_bus_message(BusHello(name="vpp-writer", session=1, protocol=BUS_PROTOCOL)))
            await until_heard(
                subscriber,
                lambda: (row := process(subscriber, "bus")) and row.counters.get("malformed_messages"),
                within_s=DEADLINE_S,
            )
            assert process(subscriber, "vpp-writer") is None
            assert "'vpp-writer' is said by 'reads-nothing'" in broker.log()

    run(story)


def test_one_whose_loop_does_not_turn_is_alive_but_stuck(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("cni", broker.bus) as stuck, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")
            stuck.progress = 5  # it has turned, and turns no more
            row = await until_heard(
                subscriber, lambda: (row := process(subscriber, "cni")) and row.stalled_s and row, within_s=DEADLINE_S
            )
            assert row.alive
            assert row.stalled_s > 5.0
            stuck.progress += 1
            await until_heard(
                subscriber, lambda: (row := process(subscriber, "cni")) and not row.stalled_s, within_s=DEADLINE_S
            )

    run(story)
