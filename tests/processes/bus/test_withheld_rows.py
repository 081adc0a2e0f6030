"""A row or a request that cannot travel stalls itself alone, and is named."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bus.envelope import BusAnswer, BusAsk
from bus.peer import BusPeer
from bus.row_encoding import ROW_BYTES_MAX
from schemas.facts import EndpointSliceFact, ProcessFact
from schemas.requests import PingReply, PingRequest
from tests.processes.bus.conftest import BrokerProcess
from tests.processes.bus.raw import raw_client
from tests.waiting import until_heard

LEVELS = 10_000


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


def process(peer: BusPeer, name: str) -> ProcessFact | None:
    return peer.rows("process").get(name)


def endpoint_slice(service: str) -> EndpointSliceFact:
    return EndpointSliceFact(service=service, ip_version=4)


def test_a_row_that_is_too_large_or_cannot_be_said_is_named_and_the_others_travel(broker: BrokerProcess) -> None:
    too_large = endpoint_slice("x" * (2 * ROW_BYTES_MAX))

    async def story() -> None:
        async with BusPeer("kube-watch", broker.bus) as peer, BusPeer("services", broker.bus) as subscriber:
            subscriber.subscribe("endpoint-slice")
            subscriber.subscribe("process")
            peer.ready = True
            rows = {"good": endpoint_slice("a"), "large": endpoint_slice("before")}
            peer.publish("endpoint-slice", rows)
            rows |= {"large": too_large, "bad": endpoint_slice("\udcff"), "k" * 600: endpoint_slice("b")}
            peer.publish("endpoint-slice", rows)
            peer.update_row("endpoint-slice", "later", endpoint_slice("c"))
            await until_heard(subscriber, lambda: "later" in subscriber.rows("endpoint-slice"))
            assert subscriber.rows("endpoint-slice") == {
                "good": endpoint_slice("a"),
                "large": endpoint_slice("before"),
                "later": endpoint_slice("c"),
            }

            def withheld() -> str:
                row = process(subscriber, "kube-watch")
                return "\n".join(row.waiting) if row and not row.ready else ""

            reasons = await until_heard(subscriber, withheld)
            assert "endpoint-slice large: not said: " in reasons
            assert f"bytes, more than {ROW_BYTES_MAX}" in reasons
            assert "endpoint-slice bad: not said: " in reasons
            assert "its key is longer than 512 bytes" in reasons
            peer.publish("endpoint-slice", {"good": endpoint_slice("a"), "large": endpoint_slice("small again")})
            await until_heard(
                subscriber, lambda: subscriber.rows("endpoint-slice").get("large") == endpoint_slice("small again")
            )
            await until_heard(subscriber, lambda: (row := process(subscriber, "kube-watch")) and row.ready)

    run(story)


def test_a_request_of_ten_thousand_levels_is_answered_with_an_error(broker: BrokerProcess) -> None:
    async def story() -> None:
        async with BusPeer("cni", broker.bus) as service:
            service.serve(PingRequest, lambda _: PingReply(name="cni", progress=0, ready=True))
            with raw_client(broker.bus, "tool-test") as client:
                await until_heard(service, lambda: service.broker_session)
                body = b"\x82\xa3ask\xa4ping\xa1x" + b"\x91" * LEVELS + b"\xc0"
                client.say(BusAsk(id="1", service="cni", within_s=30.0, body=body))
                answer = await asyncio.to_thread(client.next, BusAnswer)
                assert answer.error.startswith("cni: malformed request: ")
                client.say(BusAsk(id="2", service="cni", within_s=30.0, body=b"\x81\xa3ask\xa4ping"))
                assert (await asyncio.to_thread(client.next, BusAnswer)).body
            assert service.failure is None

    run(story)
