"""Faults on real processes: brokers killed in a row, a subscriber frozen, a publisher killed in mid-checkpoint."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bus.peer import BusPeer
from schemas import codec
from schemas.facts import NodeFact
from tests.processes.bus.conftest import BrokerProcess
from tests.waiting import until_async, until_heard

DEADLINE_S = 20.0
EQUAL_S_MAX = 3.0
KILLS = 20
FROZEN_S = 10.0
PROJECT = Path(__file__).parents[3]

SUBSCRIBES = """
import asyncio, sys
from pathlib import Path
from bus.peer import BusPeer

async def main():
    async with BusPeer("routing", Path(sys.argv[1])) as peer:
        peer.subscribe("node")
        shown = None
        while True:
            peer.progress += 1
            await peer.changes(0.1)
            rows = peer.rows("node")
            now = (len(rows), sum(node.asn for node in rows.values()), peer.counters["bus_gaps"])
            if now != shown:
                shown = now
                print(*now, flush=True)

asyncio.run(main())
"""
PUBLISHES = """
import asyncio, sys
from pathlib import Path
from bus.peer import BusPeer
from schemas.facts import NodeFact

async def main():
    async with BusPeer("kube-watch", Path(sys.argv[1])) as peer:
        for turn in range(1, 1000000):
            peer.publish("node", {f"n{n}": NodeFact(asn=int(sys.argv[2]) + turn) for n in range(3000)})
            await peer.flush(5.0)

asyncio.run(main())
"""


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


@contextmanager
def program(text: str, broker: BrokerProcess, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", text, str(broker.bus), *words]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def test_a_broker_killed_twenty_times_while_rows_change_loses_nothing(broker: BrokerProcess) -> None:
    dice = random.Random(1)

    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            publisher.publish("node", {f"n{n}": NodeFact(asn=0) for n in range(2000)})
            for turn in range(1, KILLS + 1):
                for _ in range(50):
                    publisher.update_row(
                        "node", f"n{dice.randrange(2000)}", NodeFact(asn=turn) if dice.random() < 0.9 else None
                    )
                    if dice.random() < 0.1:
                        await subscriber.changes(dice.random() * 0.02)
                sessions = publisher.counters["broker_sessions"]
                broker.kill()
                publisher.update_row("node", "last", NodeFact(asn=turn))
                broker.start()
                await until_heard(
                    subscriber,
                    lambda t=turn: (row := subscriber.rows("node").get("last")) and row.asn == t,
                    within_s=DEADLINE_S,
                )
                # What was under way may have reached the new broker before the publisher knew that it is a new one.
                await until_heard(
                    publisher, lambda n=sessions: publisher.counters["broker_sessions"] > n, within_s=DEADLINE_S
                )
            await until_heard(
                subscriber, lambda: subscriber.rows("node") == published_rows(publisher), within_s=EQUAL_S_MAX
            )
            assert publisher.counters["broker_sessions"] >= KILLS

    run(story)


def published_rows(peer: BusPeer) -> dict[str, Any]:
    """What the publisher's own outbox holds, read as a subscriber reads it."""
    rows = peer._publications.outbox("node").rows
    return {key: codec.decode_row_value("node", key, held.value) for key, held in rows.items()}


def test_a_subscriber_frozen_for_ten_seconds_is_cut_off_and_knows_everything_3_s_after(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("cni", broker.bus) as observer:
            observer.subscribe("process")
            publisher.publish("node", {f"n{n}": NodeFact(asn=1) for n in range(3000)})
            with program(SUBSCRIBES, broker) as subscriber:
                lines = _Lines(subscriber)
                await lines.until(lambda words: words[:2] == ["3000", "3000"], DEADLINE_S)
                subscriber.send_signal(signal.SIGSTOP)
                ends, turn = time.monotonic() + FROZEN_S, 1
                while time.monotonic() < ends:
                    turn += 1
                    publisher.publish("node", {f"n{n}": NodeFact(asn=turn) for n in range(3000)})
                    assert await publisher.flush(DEADLINE_S)
                    await observer.changes(0.05)
                row = observer.rows("process")["routing"]
                assert not row.alive
                assert observer.rows("process")["bus"].counters["hearers_cut_off"] >= 1
                subscriber.send_signal(signal.SIGCONT)
                words = await lines.until(lambda words: words[1] == str(turn * 3000), EQUAL_S_MAX)
                assert turn > 10
                assert int(words[2]) >= 1, "it has noticed that it missed something"

    run(story)


def test_a_publisher_killed_while_it_speaks_leaves_a_whole_checkpoint(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            with program(PUBLISHES, broker, "0") as publisher:
                await until_heard(
                    subscriber, lambda: (row := subscriber.rows("node").get("n0")) and row.asn > 5, within_s=DEADLINE_S
                )
                publisher.kill()
            await subscriber.changes(1.0)
            rows = subscriber.rows("node")
            assert len(rows) == 3000
            assert len({node.asn for node in rows.values()}) == 1, "of one checkpoint"
            with program(PUBLISHES, broker, "1000000"):
                await until_heard(
                    subscriber, lambda: subscriber.rows("node")["n0"].asn > 1_000_000, within_s=DEADLINE_S
                )
                assert len(subscriber.rows("node")) == 3000

    run(story)


class _Lines:
    """The last line of a program, as words."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        self._file = process.stdout
        os.set_blocking(self._file.fileno(), False)
        self._data, self.words = b"", [""]

    async def until(self, condition: Callable[[list[str]], bool], within_s: float) -> list[str]:
        def has_line() -> bool:
            self._read()
            return len(self.words) > 2 and condition(self.words)

        await until_async(has_line, lambda: f"last: {self.words}", within_s)
        return self.words

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._data += os.read(self._file.fileno(), 1 << 16)
        *whole, self._data = self._data.split(b"\n")
        self.words = whole[-1].decode().split() if whole else self.words
