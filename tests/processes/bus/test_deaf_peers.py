"""A process whose connection is given up by ZeroMQ, or leads nowhere, says so and comes back by itself."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable, Coroutine
from io import StringIO
from pathlib import Path
from typing import Any

import zmq

from bus.envelope import BUS_MESSAGE_BYTES_MAX, BusWelcome, pack_bus_message
from bus.log import ProcessLog
from bus.peer import BusPeer
from schemas.facts import NodeFact
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import raw_client
from tests.waiting import until_async, until_heard


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


class FalseBroker:
    """Binds the broker's place, and answers the first message of each client with a frame of the test's."""

    def __init__(self, bus: Path, answer: bytes) -> None:
        bus.mkdir(mode=0o700)
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.bind(f"ipc://{bus}/broker")
        self._answer = answer

    async def answer_one(self) -> None:
        await until_async(lambda: self._router.poll(0), "a hello")
        self._router.send_multipart([self._router.recv_multipart()[0], self._answer])

    def close(self) -> None:
        self._router.close(linger=0)
        self._context.term()


async def comes_back(peer: BusPeer, broker: BrokerProcess, text: StringIO) -> None:
    """A broker is started: the peer is heard by it again, and has said what was wrong."""
    broker.start()
    async with BusPeer("routing", broker.bus) as subscriber:
        subscriber.subscribe("node")
        peer.publish("node", {"n1": NodeFact(asn=1)})
        await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"))
    assert "warning kube-watch the bus does not answer" in text.getvalue()
    await until_async(lambda: "the bus answers again" in text.getvalue())
    assert text.getvalue().count("does not answer") == 1, "said once"


def test_a_frame_that_is_too_large_makes_nobody_deaf_for_ever(broker: BrokerProcess) -> None:
    async def story() -> None:
        broker.kill()
        shutil.rmtree(broker.bus, ignore_errors=True)
        text = StringIO()
        false_broker = FalseBroker(broker.bus, b"x" * (BUS_MESSAGE_BYTES_MAX + 1))
        async with BusPeer("kube-watch", broker.bus, ProcessLog("kube-watch", stream=text)) as peer:
            await false_broker.answer_one()
            await until_async(lambda: "does not answer" in text.getvalue(), "it notices")
            false_broker.close()
            await comes_back(peer, broker, text)

    run(story)


def test_a_listener_that_is_no_broker_makes_nobody_deaf_for_ever(broker: BrokerProcess) -> None:
    async def story() -> None:
        broker.kill()
        text = StringIO()
        shutil.rmtree(broker.bus, ignore_errors=True)
        broker.bus.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(broker.bus / "broker"))
            listener.listen()
            async with BusPeer("kube-watch", broker.bus, ProcessLog("kube-watch", stream=text)) as peer:
                connection, _ = await asyncio.to_thread(listener.accept)
                connection.send(b"220 mail.example ESMTP\r\n" * 10)
                await until_async(lambda: "does not answer" in text.getvalue(), "it notices")
                connection.close()
                listener.close()
                (broker.bus / "broker").unlink()
                await comes_back(peer, broker, text)

    run(story)


def test_a_broker_of_another_protocol_is_told_nothing_and_named(broker: BrokerProcess) -> None:
    """A bus that is older than its processes: none of them looks ready."""

    async def story() -> None:
        broker.kill()
        shutil.rmtree(broker.bus, ignore_errors=True)
        false_broker = FalseBroker(broker.bus, pack_bus_message(BusWelcome(broker_session=1)))
        async with BusPeer("kube-watch", broker.bus, ProcessLog("kube-watch", stream=StringIO())) as peer:
            peer.publish("node", {"n1": NodeFact(asn=1)})
            await false_broker.answer_one()
            await until_async(lambda: peer.refusal)
            assert peer.refusal == "kube-watch: speaks protocol 2 of the bus, the bus speaks 1"
            assert peer.broker_session is None
        false_broker.close()

    run(story)


def test_a_deleted_socket_or_directory_is_said_and_made_again(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as peer:
            peer.publish("node", {"n1": NodeFact(asn=1)})
            assert await peer.flush(20.0)
            deletions = ((broker.bus / "broker").unlink, lambda: shutil.rmtree(broker.bus))
            for number, delete in enumerate(deletions):
                delete()
                await until_async(lambda n=number: broker.log().count("bound anew") == n + 1)
                with raw_client(broker.bus, f"tool-{number}") as client:
                    assert await asyncio.to_thread(client.next, BusWelcome)
            assert os.stat(broker.bus).st_mode & 0o777 == 0o700
            assert peer.counters["bus_reconnects"] == 0, "who is connected does not notice"

    run(story)
