"""What an earlier life knew of routes stays until this one has heard them all, or the restart time is over."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from actors.routing.desired import RoutingManagerFacts
from actors.routing.reconciler import POLL_EVERY_S, SETTLE_S, GobgpReconciler
from actors.runtime.context import offline_actor_context
from schemas.config import NodeConfig
from schemas.facts import BgpConfigurationFact, NodeFact
from schemas.proto import gobgp_pb2 as pb
from tests.processes.gobgp.standin import Standin, standing_in
from tests.waiting import until_async

STALE = {"10.1.0.0/16": "192.0.2.9"}
Story = Callable[[Standin, RoutingManagerFacts, GobgpReconciler], Awaitable[None]]


def play(story: Story, restart_s: int) -> None:
    """A story of a reconciler that knows a route of an earlier life, and of a gobgpd that has lived on."""

    async def tell() -> None:
        facts = RoutingManagerFacts(me="n1", nodes={"n1": NodeFact(ip4="192.0.2.1/24")}, stale=dict(STALE))
        with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
            context = offline_actor_context(
                "routing", NodeConfig(node="n1", run=Path(directory), bgp_restart_s=restart_s)
            )
            context.set_waiting((), heard_all=True)
            async with standing_in(context.config.gobgp_socket) as gobgpd:
                reconciler = GobgpReconciler(context, facts)
                context.spawn(reconciler.run())
                await story(gobgpd, facts, reconciler)
                await context.cancel_tasks()
        assert not context.failed

    asyncio.run(tell())


def test_sessions_that_have_told_everything_do_not_mean_that_we_have_heard_it() -> None:
    async def story(gobgpd: Standin, facts: RoutingManagerFacts, reconciler: GobgpReconciler) -> None:
        await until_async(lambda: reconciler.end_of_rib)
        looks, started = gobgpd.looks, time.monotonic()
        await until_async(lambda: gobgpd.looks >= looks + 3 and time.monotonic() > started + SETTLE_S + POLL_EVERY_S)
        assert facts.stale == STALE, "nothing has been heard of the paths"
        gobgpd.paths.set()
        await until_async(lambda: not facts.stale)

    play(story, restart_s=60)


def test_what_nobody_tells_again_is_not_kept_for_ever() -> None:
    async def story(gobgpd: Standin, facts: RoutingManagerFacts, reconciler: GobgpReconciler) -> None:
        await until_async(lambda: not facts.stale)

    play(story, restart_s=0)


def test_the_log_severity_of_the_cluster_is_gobgpd_s_also_when_it_changes() -> None:
    async def story(gobgpd: Standin, facts: RoutingManagerFacts, reconciler: GobgpReconciler) -> None:
        await until_async(lambda: gobgpd.level == pb.SetLogLevelRequest.INFO)
        facts.configurations["default"] = BgpConfigurationFact(log_severity="Warning")
        reconciler.facts_changed()
        await until_async(lambda: gobgpd.level == pb.SetLogLevelRequest.WARN)

    play(story, restart_s=60)
