"""Random disturbances of the bus, its files and its descriptors: afterwards all is known, or it is said what is not.

Each disturbance is followed by a look: what is published now must reach a subscriber that was there before and one that
comes only now, every process must be ready, and the broker must not have grown. `make test PROFILE=thorough`: 1,000.
"""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

from bus.envelope import BusAsk, CheckpointPart, FetchSnapshot, StreamRow, SubscriberCredit, SubscribeWords
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.row_encoding import ROW_BYTES_MAX
from schemas.facts import EndpointSliceFact, NodeFact
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import RawClient
from tests.waiting import until_heard

USUAL_EXAMPLES = 25
DISTURBANCES = 10 if settings().max_examples <= USUAL_EXAMPLES else settings().max_examples
SEED = 1
GROWTH_BYTES_MAX = 64 << 20
STEP_S_MAX = 60.0


class Node:
    """A broker, a publisher, a subscriber, and whatever disturbs them."""

    def __init__(self, broker: BrokerProcess, publisher: BusPeer, subscriber: BusPeer, dice: Random) -> None:
        self.broker, self.publisher, self.subscriber, self.dice = broker, publisher, subscriber, dice
        self.turn = 0
        self.rows: dict[str, NodeFact] = {}
        self.strangers = 0

    def stranger(self, name: str = "") -> RawClient:
        self.strangers += 1
        return RawClient(self.broker.bus, name or f"tool-stranger-{self.strangers}", self.strangers)

    async def look(self) -> None:
        """Raises AssertionError unless all is as it must be, or becomes so."""
        self.turn += 1
        self.rows[f"n{self.dice.randrange(20)}"] = NodeFact(asn=self.turn)
        self.publisher.publish("node", self.rows)
        await until_heard(
            self.subscriber, lambda: self.subscriber.rows("node") == self.rows, "the subscriber knows all"
        )
        async with BusPeer(f"tool-look-{self.turn}", self.broker.bus) as latecomer:
            latecomer.subscribe("node")
            await until_heard(latecomer, lambda: latecomer.rows("node") == self.rows, "who comes now knows all")
        await until_heard(self.subscriber, lambda: not self.unready(), lambda: f"ready: {self.unready()}")
        assert self.broker.alive()
        assert self.publisher.failure is None
        assert self.subscriber.failure is None

    def unready(self) -> dict[str, tuple[str, ...]]:
        rows = self.subscriber.rows("process")
        return {
            name: rows[name].waiting if name in rows else ("not on the bus",)
            for name in ("bus", "kube-watch", "routing")
            if name not in rows or not (rows[name].alive and rows[name].ready)
        }


async def killed_broker(node: Node) -> None:
    node.broker.kill()
    node.broker.start()


async def stopped_broker(node: Node) -> None:
    os.kill(node.broker.pid, signal.SIGSTOP)
    await node.subscriber.changes(node.dice.choice([0.2, 1.0, 4.0]))
    os.kill(node.broker.pid, signal.SIGCONT)


async def deleted_socket(node: Node) -> None:
    (node.broker.bus / "broker").unlink(missing_ok=True)


async def deleted_directory(node: Node) -> None:
    shutil.rmtree(node.broker.bus, ignore_errors=True)


async def namesake(node: Node) -> None:
    with ExitStack() as stack:
        client = node.stranger("kube-watch")
        stack.callback(client.close)
        for _ in range(3):
            client.hello()
            rows = [StreamRow("foreign", b"\x80")]
            client.say(
                CheckpointPart(sender="kube-watch", word="node", session=client.life, seq=1, full=True, rows=rows)
            )
            await node.subscriber.changes(0.1)


async def garbage(node: Node) -> None:
    client = node.stranger()
    for _ in range(node.dice.randrange(1, 200)):
        client.say_bytes(node.dice.randbytes(node.dice.randrange(100)))
    await node.subscriber.changes(0.1)
    client.close()


async def greedy(node: Node) -> None:
    """A client that goes to every bound: unfinished and unplaceable streams, requests, fetches, credit for nothing."""
    client = node.stranger()
    client.hello()
    client.say(SubscribeWords(words=("*",)))
    rows = [StreamRow(f"k{n}", b"x" * 1000) for n in range(100)]
    for number in range(node.dice.randrange(1, 200)):
        word = f"w{node.dice.randrange(100)}"
        seq = node.dice.choice([1, 1, 7])
        client.say(
            CheckpointPart(
                sender=client.name, word=word, session=1, seq=seq, full=seq == 1, part=number % 2, last=False, rows=rows
            )
        )
        client.say(BusAsk(id=f"{client.name}{number}", service="routing", within_s=1e9, body=b"\x91" * 10_000))
        client.say(FetchSnapshot(word="node", owner="kube-watch"))
        client.say(SubscriberCredit(bytes=1 << 50))
    await node.subscriber.changes(0.2)
    client.close()


async def crowd(node: Node) -> None:
    with ExitStack() as stack:
        for _ in range(node.dice.randrange(1, 300)):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            with suppress(OSError):
                client.connect(str(node.broker.bus / "broker"))
        await node.subscriber.changes(0.2)


async def row_that_cannot_travel(node: Node) -> None:
    node.publisher.publish(
        "endpoint-slice",
        {"x": EndpointSliceFact(service=node.dice.choice(["\udcff", "x" * (ROW_BYTES_MAX + 1)]), ip_version=4)},
    )
    await until_heard(node.subscriber, lambda: "kube-watch" in node.unready(), "it is named")
    node.publisher.publish("endpoint-slice", {})


async def unspeakable_reason(node: Node) -> None:
    node.publisher.waiting = ("\udcff" * node.dice.randrange(1, 1000),)
    await node.subscriber.changes(0.6)
    node.publisher.waiting = ()


WAYS: tuple[Callable[[Node], Awaitable[None]], ...] = (
    killed_broker,
    stopped_broker,
    deleted_socket,
    deleted_directory,
    namesake,
    garbage,
    greedy,
    crowd,
    row_that_cannot_travel,
    unspeakable_reason,
)


def memory_bytes(pid: int) -> int:
    """What the process has in memory (Linux: /proc/<pid>/status, VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def disturbances(dice: Random) -> Iterator[Callable[[Node], Awaitable[None]]]:
    """Every way once, in random order, and then any."""
    order = list(WAYS)
    dice.shuffle(order)
    yield from order[:DISTURBANCES]
    for _ in range(DISTURBANCES - len(order)):
        yield dice.choice(WAYS)


@pytest.mark.parametrize("seed", [SEED])
def test_after_any_disturbance_all_is_known_and_ready(broker: BrokerProcess, seed: int) -> None:
    async def story() -> None:
        dice = Random(seed)
        log = ProcessLog("test", stream=StringIO())
        async with (
            BusPeer("kube-watch", broker.bus, log) as publisher,
            BusPeer("routing", broker.bus, log) as subscriber,
        ):
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            publisher.ready = subscriber.ready = True
            node = Node(broker, publisher, subscriber, dice)
            await node.look()
            before = memory_bytes(broker.pid)
            done: list[str] = []
            for disturb in disturbances(dice):
                done.append(disturb.__name__)
                try:
                    async with asyncio.timeout(STEP_S_MAX):
                        await disturb(node)
                        await node.look()
                except (AssertionError, TimeoutError) as error:
                    raise AssertionError(f"seed {seed}, after {done[-5:]}: {error or 'it takes too long'}") from error
                assert memory_bytes(broker.pid) - before < GROWTH_BYTES_MAX, done[-5:]

    asyncio.run(story())
