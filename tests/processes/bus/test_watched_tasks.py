"""No process goes on without one of its tasks: what ends a task is contained, or ends the process and is said."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bus.envelope import BusWelcome, CheckpointPart, StreamRow
from bus.peer import BusPeer
from bus.process import EXIT_UNFIT
from schemas import codec
from schemas.facts import NodeFact, ProcessFact
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import raw_client
from tests.waiting import until, until_heard

LAST_NUMBER = 2**64 - 1  # that MessagePack has
LONE_SURROGATE = "file \udcff"
ACTOR = """
import asyncio
from bus.process import run_bus_process

async def broken():
    await asyncio.sleep(0.1)
    raise RuntimeError("on purpose")

async def main(config, peer, log, stop):
    {start}
    await asyncio.Event().wait()

run_bus_process("kube-watch", "tests", "An actor.", main, [])
"""


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


def process(peer: BusPeer, name: str) -> ProcessFact | None:
    return peer.rows("process").get(name)


def test_a_reason_that_cannot_be_encoded_is_said_as_well_as_it_can_be(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as peer, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")
            subscriber.subscribe("node")
            peer.waiting = (LONE_SURROGATE, "x" * 10_000)

            def waiting() -> ProcessFact | None:
                row = process(subscriber, "kube-watch")
                return row if row and row.waiting else None

            row = await until_heard(subscriber, waiting)
            assert row.waiting[0] == "file ?"
            assert len(row.waiting[1]) < 1000
            peer.publish("node", {"n1": NodeFact(asn=1)})
            await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"))
            assert peer.failure is None

    run(story)


def test_a_session_at_the_end_of_all_numbers_is_refused_and_the_next_life_speaks(broker: BrokerProcess) -> None:
    async def story() -> None:
        with raw_client(broker.bus, "kube-watch", life=LAST_NUMBER) as last:
            until(lambda: "session: Expected `int` <= " in broker.log())
            last.hello(session=5)
            await asyncio.to_thread(last.next, BusWelcome)
            rows = [StreamRow("old", codec.encode_row_value(NodeFact(asn=9)))]
            last.say(CheckpointPart(sender=last.name, word="node", session=LAST_NUMBER, seq=1, full=True, rows=rows))
            last.hello(session=5)
            await asyncio.to_thread(last.next, BusWelcome)
        async with BusPeer("kube-watch", broker.bus) as peer, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            peer.publish("node", {"n1": NodeFact(asn=1)})
            await until_heard(subscriber, lambda: list(subscriber.rows("node")) == ["n1"])

    run(story)


@pytest.mark.parametrize("start", ["peer._connection.start(broken())", "asyncio.create_task(broken())"])
def test_a_task_that_dies_ends_its_process_with_the_reason(broker: BrokerProcess, start: str) -> None:
    """One that the bus's client has started, and one that nobody waits for."""
    env = {**os.environ, "VPPD_RUN": str(broker.run), "NODENAME": "node1", "PYTHONPATH": os.getcwd()}
    line = [sys.executable, "-c", ACTOR.format(start=start)]
    actor = subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: actor.poll() is not None, "it ends")
    finally:
        actor.kill()
    text = actor.communicate()[1]
    assert actor.returncode == EXIT_UNFIT
    assert 'error kube-watch our bug error="on purpose"' in text
    assert text.count("our bug") == 1


def test_a_process_that_runs_out_of_descriptors_says_so_and_is_not_ready(broker: BrokerProcess) -> None:
    env = {**os.environ, "VPPD_RUN": str(broker.run), "NODENAME": "node1", "PYTHONPATH": os.getcwd()}
    hoard = "peer.ready = True; files = [open('/dev/null') for _ in range(110)]"
    line = [sys.executable, "-c", ACTOR.format(start=hoard)]

    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")

            def reasons() -> str:
                row = process(subscriber, "kube-watch")
                return " ".join(row.waiting) if row and not row.ready else ""

            assert "of 128 descriptors are open" in await until_heard(subscriber, reasons)

    few = (128, 128)
    actor = subprocess.Popen(
        line,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few),
    )
    try:
        run(story)
    finally:
        actor.kill()
        text = actor.communicate()[1]
    assert "error kube-watch descriptors run out" in text
