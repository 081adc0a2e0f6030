"""One life of a name at a time: the younger is refused by name, and what it says replaces nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from bus.envelope import BusRefusal, BusWelcome, CheckpointPart, StreamRow, SubscribeWords
from bus.peer import BusPeer
from bus.process import EXIT_UNFIT
from schemas import codec
from schemas.facts import NodeFact, ProcessFact
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import RawClient, raw_client
from tests.waiting import until, until_async, until_heard

ROWS = {"n1": NodeFact(asn=1), "n2": NodeFact(asn=2)}
NAMESAKE_ROW = StreamRow("foreign", codec.encode_row_value(NodeFact(asn=9)))
ACTOR = """
import asyncio
from bus.process import run_bus_process
from schemas.facts import NodeFact

async def main(config, peer, log, stop):
    peer.publish("node", {"n1": NodeFact(asn=1)})
    await stop.wait()
    return 0

run_bus_process("kube-watch", "tests", "An actor.", main, [])
"""


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


def process(peer: BusPeer, name: str) -> ProcessFact | None:
    return peer.rows("process").get(name)


def rows(client: RawClient, **fields: Any) -> CheckpointPart:
    defaults = {"sender": client.name, "word": "node", "session": client.life, "seq": 1, "full": True}
    return CheckpointPart(**{**defaults, "rows": [NAMESAKE_ROW], **fields})


def actor(broker: BrokerProcess) -> "subprocess.Popen[str]":
    env = {**os.environ, "VPPD_RUN": str(broker.run), "NODENAME": "node1", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen([sys.executable, "-c", ACTOR], env=env, stderr=subprocess.PIPE, text=True)


def test_a_namesake_is_refused_by_name_and_the_owner_s_rows_stay(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as owner, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            owner.publish("node", ROWS)
            await until_heard(subscriber, lambda: subscriber.rows("node") == ROWS)
            with raw_client(broker.bus, "kube-watch", life=2) as namesake:
                namesake.say(rows(namesake))  # before it has an answer, and without one
                namesake.hello()
                refused = await asyncio.to_thread(namesake.next, BusRefusal)
                assert f"kube-watch: process {os.getpid()} is a second one" in refused.reason
                namesake.say(rows(namesake, seq=2))

                def is_named() -> bool:
                    namesake.hello()
                    bus = process(subscriber, "bus")
                    return bus is not None and any("is a second one" in reason for reason in bus.waiting)

                await until_heard(subscriber, is_named)
            owner.update_row("node", "n3", NodeFact(asn=3))
            await until_heard(subscriber, lambda: "n3" in subscriber.rows("node"))
            assert subscriber.rows("node") == {**ROWS, "n3": NodeFact(asn=3)}
            await until_heard(subscriber, lambda: (bus := process(subscriber, "bus")) and bus.ready)
        assert "is a second one" in broker.log()

    run(story)


def test_rows_of_one_that_has_not_said_hello_replace_nothing(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as owner, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            owner.publish("node", ROWS)
            await until_heard(subscriber, lambda: subscriber.rows("node") == ROWS)
            stranger = RawClient(broker.bus, "kube-watch", life=7)
            stranger.say(rows(stranger))
            await until_heard(
                subscriber, lambda: (bus := process(subscriber, "bus")) and bus.counters.get("unwelcome_messages")
            )
            stranger.close()
            owner.update_row("node", "n3", NodeFact(asn=3))
            await until_heard(subscriber, lambda: "n3" in subscriber.rows("node"))
            assert "foreign" not in subscriber.rows("node")

    run(story)


def test_an_owner_that_finds_another_s_rows_in_its_place_says_everything_again(broker: BrokerProcess) -> None:
    """The elder stands still, is taken for dead and replaced; the younger goes, and the elder comes back."""

    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            elder = actor(broker)
            try:
                await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"))
                elder.send_signal(signal.SIGSTOP)
                await until_heard(subscriber, lambda: (row := process(subscriber, "kube-watch")) and not row.alive)
                with raw_client(broker.bus, "kube-watch", life=2) as younger:
                    await asyncio.to_thread(younger.next, BusWelcome)
                    younger.say(rows(younger))
                    await until_heard(subscriber, lambda: list(subscriber.rows("node")) == ["foreign"])
                elder.send_signal(signal.SIGCONT)
                await until_heard(subscriber, lambda: list(subscriber.rows("node")) == ["n1"])
                assert elder.poll() is None
            finally:
                elder.kill()
                elder.communicate()

    run(story)


def test_a_second_process_of_a_name_ends_with_the_reason_and_one_started_after_a_kill_is_let_in(
    broker: BrokerProcess,
) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("process")
            first = actor(broker)
            await until_heard(subscriber, lambda: (row := process(subscriber, "kube-watch")) and row.pid == first.pid)
            second = actor(broker)
            await until_async(lambda: second.poll() is not None)
            assert second.returncode == EXIT_UNFIT
            assert f"process {second.pid} is a second one, process {first.pid} lives" in second.communicate()[1]
            first.kill()
            first.communicate()
            third = actor(broker)
            try:
                await until_heard(
                    subscriber, lambda: (row := process(subscriber, "kube-watch")) and row.pid == third.pid
                )
                assert third.poll() is None
            finally:
                third.terminate()
                assert "error" not in third.communicate()[1]

    run(story)


def test_a_second_bus_on_a_live_directory_is_refused_and_the_first_goes_on(broker: BrokerProcess) -> None:
    until(lambda: "started" in broker.log())
    env = {**os.environ, "VPPD_RUN": str(broker.run)}
    second = subprocess.Popen([sys.executable, "-m", "bus"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: second.poll() is not None, "the second ends")
    finally:
        second.kill()
    assert f"held by process {broker.pid}" in second.communicate()[1]
    assert second.returncode == 2
    with raw_client(broker.bus, "tool-test") as client:
        client.say(SubscribeWords(words=("node",)))
        assert client.next(BusWelcome)
