"""What a client costs that never reads, one that talks nonsense, one that is stuck; and who is told."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import zmq

from bus.envelope import Hello, Subscribe, pack
from bus.fanout import WINDOW_BYTES
from bus.peer import Peer
from schemas.facts import EndpointSlice, Node, Process
from tests.processes.bus.conftest import BrokerProcess
from tests.waiting import until_heard

DEADLINE_S = 15.0
ROWS, TURNS = 2000, 60

GROWTH_MAX = 24 << 20  # bytes: two hearers' windows, rows that are being replaced, and what the allocator keeps


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def process(peer: Peer, name: str) -> Process | None:
    return peer.rows("process").get(name)


def memory_bytes(pid: int) -> int:
    """What the process has in memory (Linux: /proc/<pid>/status, VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


class Client:
    """A client that says what it is told to, and never reads."""

    def __init__(self, broker: BrokerProcess, name: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, f"{name}:1".encode())
        self._socket.setsockopt(zmq.RCVHWM, 1)
        self._socket.connect(f"ipc://{broker.bus}/broker")
        self._name = name

    def hello(self) -> None:
        self._socket.send(pack(Hello(name=self._name, session=1, pid=1)))

    def send(self, data: bytes) -> None:
        self._socket.send(data)

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def client(broker: BrokerProcess) -> Any:
    """One client that never reads."""
    made = Client(broker, "reads-nothing")
    yield made
    made.close()


def test_a_hearer_that_never_reads_costs_a_bounded_amount_and_is_cut_off_by_name(
    broker: BrokerProcess, client: Client
) -> None:
    async def story() -> None:
        async with Peer("kube-watch", broker.bus) as says, Peer("routing", broker.bus) as hears:
            hears.subscribe("endpoint-slice")
            hears.subscribe("process")
            client.hello()
            client.send(pack(Subscribe(words=("endpoint-slice",))))
            said = 0
            before = 0
            for turn in range(TURNS):
                rows = {f"x/{n}": EndpointSlice(service=f"{turn:04}" + "s" * 800, ip_version=4) for n in range(ROWS)}
                said += ROWS * 800
                says.publish("endpoint-slice", rows)
                client.hello()
                assert await says.flush(DEADLINE_S)
                if not turn:
                    before = memory_bytes(broker.pid)
            await until_heard(
                hears,
                lambda: (row := hears.rows("endpoint-slice").get("x/7")) and row.service[:4] == "0059",
                within_s=DEADLINE_S,
            )
            assert said > 20 * WINDOW_BYTES
            assert memory_bytes(broker.pid) - before < GROWTH_MAX

            def told() -> str:
                client.hello()
                row = process(hears, "reads-nothing")
                return row.cut_off if row else ""

            assert "not read" in await until_heard(hears, told, within_s=DEADLINE_S)
            assert process(hears, "bus").counters["hearers_cut_off"] >= 1  # type: ignore[union-attr]

    run(story)


def test_one_that_sends_nonsense_is_muted_and_named(broker: BrokerProcess, client: Client) -> None:
    async def story() -> None:
        async with Peer("kube-watch", broker.bus) as says, Peer("routing", broker.bus) as hears:
            hears.subscribe("node")
            hears.subscribe("process")
            await until_heard(hears, lambda: process(hears, "kube-watch"), within_s=DEADLINE_S)
            for _ in range(500):
                client.send(b"\xc1 nonsense")
            await until_heard(
                hears,
                lambda: (row := process(hears, "bus")) and row.counters.get("muted_messages"),
                within_s=DEADLINE_S,
            )
            says.publish("node", {"n1": Node(asn=1)})
            await until_heard(hears, lambda: "n1" in hears.rows("node"), within_s=DEADLINE_S)
            counters = process(hears, "bus").counters  # type: ignore[union-attr]
            assert counters["malformed_messages"] + counters["muted_messages"] == 500
            assert counters["senders_muted"] >= 1
            assert "reads-nothing:1" in broker.log()
            assert "not read for 1 s" in broker.log()

    run(story)


def test_nobody_speaks_for_another(broker: BrokerProcess, client: Client) -> None:
    async def story() -> None:
        async with Peer("routing", broker.bus) as hears:
            hears.subscribe("process")
            await until_heard(hears, lambda: process(hears, "routing"), within_s=DEADLINE_S)
            client.send(pack(Hello(name="vpp-writer", session=1)))
            await until_heard(
                hears,
                lambda: (row := process(hears, "bus")) and row.counters.get("malformed_messages"),
                within_s=DEADLINE_S,
            )
            assert process(hears, "vpp-writer") is None
            assert "'vpp-writer' is said by 'reads-nothing'" in broker.log()

    run(story)


def test_one_whose_loop_does_not_turn_is_alive_but_stuck(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with Peer("cni", broker.bus) as stuck, Peer("routing", broker.bus) as hears:
            hears.subscribe("process")
            stuck.progress = 5  # it has turned, and turns no more
            row = await until_heard(
                hears, lambda: (row := process(hears, "cni")) and row.stalled_s and row, within_s=DEADLINE_S
            )
            assert row.alive
            assert row.stalled_s > 5.0
            stuck.progress += 1
            await until_heard(hears, lambda: (row := process(hears, "cni")) and not row.stalled_s, within_s=DEADLINE_S)

    run(story)
