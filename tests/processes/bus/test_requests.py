"""Requests on real processes: one answer or a named failure, once executed, whatever restarts meanwhile."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bus.peer import BusPeer
from bus.requester import BusAskFailed
from schemas.requests import PingReply, PingRequest
from tests.processes.bus.conftest import BrokerProcess
from tests.waiting import until_async

DEADLINE_S = 20.0
AT_ONCE_S = 2.0
PROJECT = Path(__file__).parents[3]
SERVES = """
import asyncio, sys
from pathlib import Path
from bus.peer import BusPeer
from schemas.requests import PingRequest

async def main():
    async with BusPeer("cni", Path(sys.argv[1])) as peer:
        peer.subscribe("node")
        peer.serve(PingRequest, lambda _: asyncio.sleep(60))
        while True:
            await peer.changes(0.1)
            peer.progress += 1

asyncio.run(main())
"""


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


class Service:
    """Answers pings when it is let."""

    def __init__(self, peer: BusPeer) -> None:
        self.peer, self.executed = peer, 0
        self.may_answer = asyncio.Event()
        peer.serve(PingRequest, self._ping)

    async def _ping(self, _request: PingRequest) -> PingReply:
        self.executed += 1
        await self.may_answer.wait()
        return PingReply(name="cni", progress=self.executed, ready=True)


def start_service(broker: BrokerProcess) -> "subprocess.Popen[bytes]":
    """A service as a process of its own, that never answers."""
    command = [sys.executable, "-c", SERVES, str(broker.bus)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(PROJECT)})


async def on_the_bus(stack: AsyncExitStack, name: str, broker: BrokerProcess) -> BusPeer:
    peer = await stack.enter_async_context(BusPeer(name, broker.bus))
    await until_async(lambda: peer.broker_session is not None)
    return peer


def test_a_request_that_is_open_while_the_broker_restarts_is_answered_and_executed_once(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            service = Service(await on_the_bus(stack, "cni", broker))
            asker = await on_the_bus(stack, "tool-asker", broker)
            asking = asyncio.create_task(asker.ask("cni", PingRequest(), DEADLINE_S))
            await until_async(lambda: service.executed)
            for sessions in (2, 3):
                broker.kill()
                broker.start()
                await until_async(lambda n=sessions: asker.counters["broker_sessions"] == n)
                await until_async(lambda n=sessions: service.peer.counters["broker_sessions"] == n)
            service.may_answer.set()
            assert (await asking).progress == 1
            assert service.executed == 1

    run(story)


def test_what_an_earlier_life_of_the_service_may_have_executed_is_not_executed_again(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            asker = await on_the_bus(stack, "tool-asker", broker)
            async with AsyncExitStack() as first:
                service = Service(await on_the_bus(first, "cni", broker))
                asking = asyncio.create_task(asker.ask("cni", PingRequest(), DEADLINE_S))
                await until_async(lambda: service.executed)
                broker.kill()
            again = Service(BusPeer("cni", broker.bus))
            again.may_answer.set()
            async with again.peer:
                broker.start()
                with pytest.raises(BusAskFailed, match=r"cni: (restarted|not on the bus)"):
                    await asking
            assert (service.executed, again.executed) == (1, 0)

    run(story)


def test_a_service_that_restarts_fails_what_it_was_asked_at_once(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            asker = await on_the_bus(stack, "tool-asker", broker)
            async with AsyncExitStack() as first:
                service = Service(await on_the_bus(first, "cni", broker))
                asking = asyncio.create_task(asker.ask("cni", PingRequest(), DEADLINE_S))
                await until_async(lambda: service.executed)
            began = time.monotonic()
            again = Service(await on_the_bus(stack, "cni", broker))
            with pytest.raises(BusAskFailed, match=r"cni: (restarted|has gone)"):
                await asking
            assert time.monotonic() - began < AT_ONCE_S
            assert again.executed == 0

    run(story)


def test_a_service_killed_while_it_is_asked_fails_the_request_at_once(broker: BrokerProcess) -> None:
    async def story() -> None:
        service = start_service(broker)
        async with AsyncExitStack() as stack:
            try:
                asker = await on_the_bus(stack, "tool-asker", broker)
                asker.subscribe("process")
                await until_async(lambda: "cni" in asker.rows("process"))
                asking = asyncio.create_task(asker.ask("cni", PingRequest(), DEADLINE_S))
                await asyncio.wait([asking], timeout=0.3)
            finally:
                service.kill()
                service.wait()
            began = time.monotonic()
            with pytest.raises(BusAskFailed, match="cni: has gone"):
                await asking
            with pytest.raises(BusAskFailed, match="cni: not on the bus"):
                await asker.ask("cni", PingRequest(), DEADLINE_S)
            assert time.monotonic() - began < AT_ONCE_S

    run(story)


def test_without_an_answer_it_fails_at_the_deadline_by_name(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            service = Service(await on_the_bus(stack, "cni", broker))
            asker = await on_the_bus(stack, "tool-asker", broker)
            with pytest.raises(BusAskFailed, match="cni: no answer in time"):
                await asker.ask("cni", PingRequest(), 0.5)
            assert service.executed == 1
            broker.kill()
            with pytest.raises(BusAskFailed, match=r"the bus is away|no answer in time"):
                await asker.ask("cni", PingRequest(), 0.5)

    run(story)
