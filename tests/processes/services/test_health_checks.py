"""What a load balancer is told on a Service's health check port."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from actors.runtime.context import ActorContext, offline_actor_context
from actors.services.healthchecks import ServiceHealthChecks
from actors.services.http_answers import HttpAnswers
from schemas.config import NodeConfig
from tests.waiting import until_async

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


async def get(port: int, path: str = "/") -> tuple[int, dict[str, str], Any]:
    """(status, headers, body) of one request."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: n\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(body)


def play(story: Callable[[ServiceHealthChecks, ActorContext], Awaitable[None]]) -> None:
    async def tell() -> None:
        context = offline_actor_context("services", NodeConfig(health_check_address=LOOPBACK))
        checks = ServiceHealthChecks(context, HttpAnswers(context.counters), lambda: True)
        context.spawn(checks.run())
        try:
            await story(checks, context)
        finally:
            await context.cancel_tasks()
            await checks.stop()
        assert not context.failed

    asyncio.run(tell())


async def listening(port: int, expected: bool = True) -> None:
    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def as_expected() -> bool:
        return await listens() is expected

    await until_async(as_expected, f"port {port} listens: {expected}")


def test_a_service_with_endpoints_here_is_healthy_and_without_them_it_is_not() -> None:
    async def story(checks: ServiceHealthChecks, context: ActorContext) -> None:
        port = free_port()
        checks.apply({port: ("d/web", 2)})
        await listening(port)
        status, headers, body = await get(port)
        assert (status, headers["X-Load-Balancing-Endpoint-Weight"]) == (200, "2")
        assert body["service"] == {"namespace": "d", "name": "web"}
        assert body["localEndpoints"] == 2
        checks.apply({port: ("d/web", 0)})
        assert (await get(port))[0] == 503

    play(story)


def test_a_port_that_is_not_wanted_any_more_is_closed() -> None:
    async def story(checks: ServiceHealthChecks, context: ActorContext) -> None:
        port = free_port()
        checks.apply({port: ("d/web", 1)})
        await listening(port)
        checks.apply({})
        await listening(port, expected=False)

    play(story)


def test_a_port_that_another_has_is_named_and_nothing_else_suffers() -> None:
    async def story(checks: ServiceHealthChecks, context: ActorContext) -> None:
        with socket.socket() as occupant:
            occupant.bind((LOOPBACK, 0))
            occupant.listen()
            port, free = int(occupant.getsockname()[1]), free_port()
            checks.apply({port: ("d/taken", 1), free: ("d/web", 1)})
            await listening(free)
            assert "healthCheckNodePort" in checks.errors[port]
            assert free not in checks.errors
            assert any("d/taken" in text for text in checks.unwell())
            assert context.take_wakeup()

    play(story)


def test_who_says_nothing_sensible_is_counted_and_the_next_is_answered() -> None:
    async def story(checks: ServiceHealthChecks, context: ActorContext) -> None:
        port = free_port()
        checks.apply({port: ("d/web", 1)})
        await listening(port)
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"\xff" * 200_000)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()
        assert (await get(port))[0] == 200
        assert context.counters["bad_health_checks"]

    play(story)
