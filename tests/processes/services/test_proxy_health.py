"""What load balancers are told where kube-proxy would answer them: does this node serve, and is it to get traffic?"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.runtime.context import ActorContext, offline_actor_context
from actors.services.http_answers import HttpAnswers
from actors.services.proxy_health import ProxyState, ServiceProxyHealth
from bus.subscriptions import StreamChange
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.config import NodeConfig
from schemas.statuses import AppliedStatus, IntentStatus, PendingStatus
from tests.processes.services.test_health_checks import LOOPBACK, free_port, get, listening
from tests.waiting import until_async

WEB = TranslationIntent("10.96.0.10", 80, 6, (TranslationBackend("10.0.0.4", 8080),))
DNS = TranslationIntent("10.96.0.11", 53, 17, (TranslationBackend("10.0.0.5", 53),))
Story = Callable[[ServiceProxyHealth, ActorContext], Awaitable[None]]


def play(story: Story, port: int) -> None:
    async def tell() -> None:
        context = offline_actor_context("services", NodeConfig(health_check_address=LOOPBACK, healthz_port=port))
        health = ServiceProxyHealth(context, HttpAnswers(context.counters))
        context.spawn(health.run())
        try:
            await story(health, context)
        finally:
            await context.cancel_tasks()
            await health.stop()
        assert not context.failed

    asyncio.run(tell())


async def becomes(context: ActorContext, intent: TranslationIntent, status: IntentStatus) -> None:
    await context.take_statuses([StreamChange("status.services", "vpp-writer", intent.key, status)])


async def answers(port: int) -> tuple[int, int, Any]:
    """Statuses of /healthz and /livez, and whether the node is eligible."""
    healthz, _, body = await get(port, "/healthz")
    livez, _, _ = await get(port, "/livez")
    return healthz, livez, body["nodeEligible"]


def test_a_node_is_healthy_while_vpp_holds_translations_or_has_none_to_hold() -> None:
    port = free_port()

    async def story(health: ServiceProxyHealth, context: ActorContext) -> None:
        await listening(port)
        assert await answers(port) == (503, 503, True), "nothing has been decided"
        health.apply(ProxyState())
        assert await answers(port) == (200, 200, True)
        health.apply(ProxyState((WEB, DNS)))
        assert await answers(port) == (503, 503, True), "VPP has not answered"
        await becomes(context, WEB, PendingStatus(1, ("VPP",)))
        await becomes(context, DNS, AppliedStatus(1, 3))
        assert await answers(port) == (200, 200, True)
        await becomes(context, DNS, PendingStatus(1, ("VPP",)))
        assert await answers(port) == (503, 503, True), "VPP is gone"

    play(story, port)


def test_a_node_that_is_going_gets_no_more_traffic_and_lives() -> None:
    port = free_port()

    async def story(health: ServiceProxyHealth, context: ActorContext) -> None:
        await listening(port)
        health.apply(ProxyState(is_leaving=True))
        assert await answers(port) == (503, 200, False)

    play(story, port)


@pytest.mark.parametrize("path", ["/", "/healthz/x", "healthz"])
def test_other_paths_are_not_found(path: str) -> None:
    port = free_port()

    async def story(health: ServiceProxyHealth, context: ActorContext) -> None:
        await listening(port)
        assert (await get(port, path))[0] == 404

    play(story, port)


def test_a_port_that_another_process_has_is_named_once_and_harms_nothing() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()

        async def story(health: ServiceProxyHealth, context: ActorContext) -> None:
            health.apply(ProxyState())
            await asyncio.sleep(0)
            await until_async(health.is_serving)

        play(story, other.getsockname()[1])


def test_more_connections_than_there_is_room_for_are_closed_at_once_and_others_answered_afterwards() -> None:
    port = free_port()

    async def story(health: ServiceProxyHealth, context: ActorContext) -> None:
        await listening(port)
        health.apply(ProxyState())
        silent = [await asyncio.open_connection(LOOPBACK, port) for _ in range(100)]
        await until_async(lambda: context.counters["refused_health_checks"] == 100 - 64)
        for _, writer in silent:
            writer.close()
        await until_async(lambda: context.counters["bad_health_checks"] == 64 + 1)
        assert (await get(port, "/healthz"))[0] == 200

    play(story, port)
