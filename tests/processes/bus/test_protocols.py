"""Processes of a recorded protocol on today's bus, and today's processes on a bus of a recorded protocol.

`transcripts/protocol-<number>.json` holds the frames of a whole conversation, in hex: a process's (`peer`), and the
broker's answers. Of today's protocol everything is understood; of another one nothing is taken, and it is said by name.
Whoever changes how streams or requests travel raises `BUS_PROTOCOL`, adds a transcript and leaves the others as they
are.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import zmq

from bus.envelope import (
    BUS_PROTOCOL,
    BusAnswer,
    BusAsk,
    BusRefusal,
    BusWelcome,
    CheckpointPart,
    PublisherCredit,
    unpack_bus_message,
)
from bus.log import ProcessLog
from bus.peer import BusPeer
from schemas.facts import NodeFact, ProcessFact
from schemas.requests import PingReply, PingRequest
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import RawClient
from tests.waiting import until_async, until_heard

TRANSCRIPTS = Path(__file__).parent / "transcripts"
NAME, LIFE = "kube-watch", 1000  # of the recorded process
OLDER = list(range(1, BUS_PROTOCOL))
AFTER = {"n2": NodeFact(asn=2), "n3": NodeFact(asn=3)}  # the recorded stream at its end


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


def frames(protocol: int, side: str) -> list[bytes]:
    """What that side of the recorded conversation has said."""
    transcript = json.loads((TRANSCRIPTS / f"protocol-{protocol}.json").read_text())
    return [bytes.fromhex(frame) for frame in transcript[side]]


def process(peer: BusPeer, name: str) -> ProcessFact | None:
    return peer.rows("process").get(name)


class RecordedBroker:
    """Says to the first client what a broker has said; its Welcome first, the rest when the client has gone on."""

    def __init__(self, bus: Path, protocol: int) -> None:
        bus.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.bind(f"ipc://{bus}/broker")
        self._frames = frames(protocol, "broker")
        self.heard: list[Any] = []

    async def welcome(self) -> None:
        await until_async(lambda: self._router.poll(0), "a hello")
        self._client, hello = self._router.recv_multipart()
        self.heard.append(unpack_bus_message(hello))
        self._router.send_multipart([self._client, self._frames[0]])

    def go_on(self) -> None:
        for frame in self._frames[1:]:
            self._router.send_multipart([self._client, frame])

    def hear(self) -> list[Any]:
        while self._router.poll(0):
            self.heard.append(unpack_bus_message(self._router.recv_multipart()[1]))
        return self.heard

    def close(self) -> None:
        self._router.close(linger=0)
        self._context.term()


def test_there_is_a_transcript_of_each_protocol() -> None:
    assert {path.name for path in TRANSCRIPTS.iterdir()} == {
        f"protocol-{number}.json" for number in range(1, BUS_PROTOCOL + 1)
    }


def test_a_recorded_process_of_today_s_protocol_is_understood_by_today_s_bus(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            hello, *others = frames(BUS_PROTOCOL, "peer")
            recorded = RawClient(broker.bus, NAME, LIFE)
            try:
                recorded.say_bytes(hello)
                await asyncio.to_thread(recorded.next, BusWelcome)
                answered: dict[type[Any], int] = {}
                for frame in others:
                    recorded.say_bytes(frame)

                def all_answered() -> bool:
                    for message in recorded.waiting():
                        answered[type(message)] = answered.get(type(message), 0) + 1
                    return answered.keys() >= {PublisherCredit, CheckpointPart, BusAsk, BusAnswer}

                await until_async(all_answered, lambda: f"answers so far: {answered}")
                await until_heard(subscriber, lambda: subscriber.rows("node") == AFTER)
            finally:
                recorded.close()

    run(story)


def test_today_s_process_understands_a_recorded_broker_of_today_s_protocol(tmp_path: Path) -> None:
    async def story() -> None:
        recorded = RecordedBroker(tmp_path / "bus", BUS_PROTOCOL)
        async with BusPeer(NAME, tmp_path / "bus") as peer:
            peer.subscribe("node")
            peer.serve(PingRequest, lambda _: PingReply(name=NAME, progress=1, ready=True))
            await recorded.welcome()
            await until_async(lambda: peer.broker_session)
            recorded.go_on()
            await until_heard(peer, lambda: peer.rows("node") == AFTER)
            await until_async(lambda: any(isinstance(message, BusAnswer) for message in recorded.hear()), "its answer")
            assert peer.counters["malformed_messages"] == 0
            assert not peer.refusal
        recorded.close()

    run(story)


@pytest.mark.parametrize("protocol", OLDER)
def test_a_process_of_an_older_protocol_is_refused_by_name_and_its_rows_are_not_taken(
    broker: BrokerProcess, protocol: int
) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            old = RawClient(broker.bus, NAME, LIFE)
            try:
                for frame in frames(protocol, "peer"):
                    old.say_bytes(frame)
                refusal = await asyncio.to_thread(old.next, BusRefusal)
                expected = f"{NAME}: speaks protocol {protocol} of the bus, the bus speaks {BUS_PROTOCOL}"
                assert refusal.reason == expected
                bus = await until_heard(subscriber, lambda: (row := process(subscriber, "bus")) and row.waiting and row)
                assert bus.waiting == (expected,)
                assert not bus.ready
                assert process(subscriber, NAME) is None
                assert not subscriber.in_sync("node", NAME)
            finally:
                old.close()

    run(story)


@pytest.mark.parametrize("protocol", OLDER)
def test_a_process_on_a_bus_of_an_older_protocol_says_so_and_publishes_nothing(tmp_path: Path, protocol: int) -> None:
    async def story() -> None:
        recorded = RecordedBroker(tmp_path / "bus", protocol)
        async with BusPeer(NAME, tmp_path / "bus", ProcessLog(NAME, stream=StringIO())) as peer:
            peer.ready = True
            peer.subscribe("node")
            peer.publish("node", AFTER)
            await recorded.welcome()
            await until_async(lambda: peer.refusal)
            assert peer.refusal == f"{NAME}: speaks protocol {BUS_PROTOCOL} of the bus, the bus speaks {protocol}"
            recorded.go_on()
            hello = await until_async(
                lambda: next((m for m in recorded.hear() if m.waiting), None), "a hello that says it"
            )
            assert not hello.ready
            assert hello.waiting[0] == peer.refusal
        recorded.close()

    run(story)
