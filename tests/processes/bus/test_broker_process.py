"""Real processes over ipc: late join, kill and restart of either side, garbage on every socket."""

import asyncio
import gc
import time
import warnings
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
import zmq

from bus.envelope import BusTraceEvent, unpack_bus_message
from bus.peer import BusPeer
from bus.requester import BusAskFailed
from bus.traces import TRACES_WAITING_MAX
from schemas.facts import NodeFact
from schemas.requests import PingReply, PingRequest
from tests.processes.bus.conftest import BrokerProcess
from tests.waiting import until_async, until_heard
from tools.tap.listener import Listener

DEADLINE_S = 5.0
ROWS_MAX = 100_000  # more than a publisher can send in that time


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


NODES = {f"n{number}": NodeFact(asn=number) for number in range(1200)}


def test_a_late_joiner_gets_everything_that_was_said_before(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher:
            publisher.publish("node", NODES)
            assert await publisher.flush(DEADLINE_S)
            async with BusPeer("routing", broker.bus) as subscriber:
                subscriber.subscribe("node")
                await until_heard(subscriber, lambda: subscriber.in_sync("node", "kube-watch"), within_s=DEADLINE_S)
                assert subscriber.rows("node") == NODES

    run(story)


def test_a_broker_restart_loses_nothing(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            publisher.publish("node", NODES)
            await until_heard(subscriber, lambda: subscriber.rows("node") == NODES, within_s=DEADLINE_S)
            broker.kill()
            publisher.update_row("node", "n0", None)
            publisher.update_row("node", "new", NodeFact(asn=7))
            assert len(subscriber.rows("node")) == len(NODES), "what was heard stays while the broker is away"
            broker.start()
            await until_heard(
                subscriber,
                lambda: "new" in subscriber.rows("node") and "n0" not in subscriber.rows("node"),
                within_s=DEADLINE_S,
            )
            assert len(subscriber.rows("node")) == len(NODES)

    run(story)


def test_a_restarted_publisher_removes_nothing_before_it_has_spoken(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            async with BusPeer("kube-watch", broker.bus) as publisher:
                publisher.publish("node", {"n1": NodeFact(asn=1), "n2": NodeFact(asn=2)})
                await until_heard(subscriber, lambda: len(subscriber.rows("node")) == 2, within_s=DEADLINE_S)
            async with BusPeer("kube-watch", broker.bus) as publisher:
                await until_heard(publisher, lambda: publisher.broker_session is not None, within_s=DEADLINE_S)
                assert len(subscriber.rows("node")) == 2
                await subscriber.changes(0)
                publisher.publish("node", {"n2": NodeFact(asn=2)})
                await until_heard(subscriber, lambda: list(subscriber.rows("node")) == ["n2"], within_s=DEADLINE_S)

    run(story)


def test_a_request_is_answered_and_one_to_a_dead_service_fails_at_once(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("cni", broker.bus) as cni, BusPeer("tool-test", broker.bus) as tool:
            cni.serve(PingRequest, lambda _: PingReply(name="cni", progress=cni.progress, ready=True))
            await until_heard(tool, lambda: bool(tool.broker_session and cni.broker_session), within_s=DEADLINE_S)
            assert (await tool.ask("cni", PingRequest(), DEADLINE_S)).name == "cni"
            started = time.monotonic()
            with pytest.raises(BusAskFailed, match="nobody: not on the bus"):
                await tool.ask("nobody", PingRequest(), DEADLINE_S)
            assert time.monotonic() - started < DEADLINE_S / 2

    run(story)


def test_a_handler_that_fails_fails_its_request_alone(broker: BrokerProcess) -> None:
    def broken(_: PingRequest) -> PingReply:
        raise ValueError("on purpose")

    async def story() -> None:
        async with BusPeer("cni", broker.bus) as cni, BusPeer("tool-test", broker.bus) as tool:
            cni.serve(PingRequest, broken)
            await until_heard(tool, lambda: bool(tool.broker_session and cni.broker_session), within_s=DEADLINE_S)
            with pytest.raises(BusAskFailed, match="cni: ValueError: on purpose"):
                await tool.ask("cni", PingRequest(), DEADLINE_S)
            cni.serve(PingRequest, lambda _: PingReply(name="cni", progress=0, ready=True))
            assert (await tool.ask("cni", PingRequest(), DEADLINE_S)).ready

    run(story)


def test_garbage_on_the_sockets_is_counted_named_and_harms_nobody(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            subscriber.subscribe("process")
            await until_heard(publisher, lambda: publisher.broker_session is not None, within_s=DEADLINE_S)
            _throw_garbage(broker)
            await until_heard(
                subscriber, lambda: _count(subscriber, "bus", "malformed_messages") == 4, within_s=DEADLINE_S
            )
            publisher.publish("node", {"n1": NodeFact(asn=1)})
            await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"), within_s=DEADLINE_S)
        assert "malformed" in broker.log()
        assert broker.alive()

    run(story)


def _count(peer: BusPeer, process: str, counter: str) -> int:
    row = peer.rows("process").get(process)
    return row.counters.get(counter, 0) if row else 0


def _throw_garbage(broker: BrokerProcess) -> None:
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.IDENTITY, b"garbage")
    dealer.connect(f"ipc://{broker.bus}/broker")
    dealer.send(b"\xff\xff not msgpack")
    dealer.send(b"")
    dealer.send_multipart([b"too", b"many", b"frames"])
    dealer.send(b"\x81\xa1m\xa5rows")
    dealer.close(linger=2000)
    context.term()


def test_a_row_that_cannot_be_read_is_counted_and_the_others_live(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("routing", broker.bus) as subscriber:
            subscriber.subscribe("node")
            publisher._publications.outbox("node").publish({"bad": b"\x81\xa3asn\xa1x", "good": b"\x80"})
            await until_heard(subscriber, lambda: "good" in subscriber.rows("node"), within_s=DEADLINE_S)
            assert "bad" not in subscriber.rows("node")
            assert subscriber.counters["malformed_messages"] == 1
            assert "node bad: asn" in subscriber.last_malformed

    run(story)


def test_the_broker_refuses_a_directory_that_others_may_enter(broker: BrokerProcess) -> None:
    broker.kill()
    broker.bus.mkdir(exist_ok=True)
    broker.bus.chmod(0o755)
    broker.start()
    assert broker._process
    assert broker._process.wait(DEADLINE_S) == 2
    assert "must be 0700" in broker.log()


def test_a_tool_hears_though_the_bus_is_never_quiet(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as publisher, BusPeer("tool-test", broker.bus) as tool:
            tool.subscribe("node")
            publisher.publish("node", {})

            async def publish_rows() -> None:
                for asn in range(1, ROWS_MAX):
                    publisher.update_row("node", f"n{asn}", NodeFact(asn=asn))
                    await publisher.flush(DEADLINE_S)

            publishing = asyncio.create_task(publish_rows())
            await until_async(lambda: len(tool.rows("node")) >= 100, "the tool has its turn", DEADLINE_S)
            assert not publishing.done(), "it had its turn while the bus was busy"
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    run(story)


def test_more_notes_than_can_be_sent_are_dropped_and_counted_and_the_rest_arrive(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as publisher, AsyncExitStack() as stack:
            publisher.subscribe("node")  # who hears nothing has nothing to tell taps
            await until_heard(publisher, lambda: publisher.broker_session is not None, within_s=DEADLINE_S)
            tap = await stack.enter_async_context(Listener(broker.bus.parent))
            received: list[BusTraceEvent] = []

            async def listen() -> None:
                async for _, data in tap.frames():
                    if isinstance(message := unpack_bus_message(data), BusTraceEvent):
                        received.append(message)

            listening = asyncio.create_task(listen())
            await until_heard(publisher, lambda: publisher.tapped, within_s=DEADLINE_S)
            for number in range(TRACES_WAITING_MAX + 500):
                publisher.trace("many", str(number))
            assert publisher.counters["notes_dropped"] == 500
            await until_heard(publisher, lambda: len(received) >= TRACES_WAITING_MAX, within_s=DEADLINE_S)
            assert [note.key for note in received] == [str(number) for number in range(TRACES_WAITING_MAX)]
            listening.cancel()

    run(story)


def test_a_peer_that_leaves_at_once_leaves_nothing_undone(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("routing", broker.bus) as subscriber:
            await until_heard(subscriber, lambda: subscriber.broker_session is not None, within_s=DEADLINE_S)
            subscriber.subscribe("node")
            subscriber._tracer.tapped = True
            subscriber.trace("on the way out")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(story)
        gc.collect()


def test_the_broker_stops_cleanly_on_sigterm(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("cni", broker.bus) as cni:
            await until_heard(cni, lambda: cni.broker_session is not None, within_s=DEADLINE_S)

    run(story)
    assert broker.terminate() == 0


def test_a_cancellation_that_comes_with_an_event_is_not_lost(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("guard", broker.bus) as peer:
            hearing = asyncio.create_task(peer.changes(DEADLINE_S))
            await asyncio.sleep(0)
            peer.interrupt()
            hearing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hearing

    run(story)
