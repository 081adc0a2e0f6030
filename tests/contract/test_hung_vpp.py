"""A VPP that stands still, and objects that VPP dies of, among very many that it does not."""

import asyncio
import os
import signal
from collections.abc import Callable

from actors.vpp_writer.vpp.client import CALL_S_MAX, VppApiGone
from schemas.intents import Intent, RouteIntent, RoutePath
from schemas.npol import IpSetIntent, PolicyIntent, PolicyRule
from schemas.statuses import RejectedStatus
from tests.contract.living import WriterLife
from tests.contract.machine import Vpp
from tests.waiting import holds_async, until_async

REAL = bool(os.environ.get("VPP"))
MANY = 100_000 if REAL else 3_000
OBJECTS = 10_000 if REAL else 2_000
NOTICED_S_MAX = 2.0
WAITED_S = CALL_S_MAX + 1.0  # longer than a call may take while VPP answers others


def routes(count: int) -> list[Intent]:
    prefixes = (f"20.{n >> 16}.{n >> 8 & 255}.{n & 255}/32" for n in range(count))
    return [
        RouteIntent("default", prefix, (RoutePath(next_hop=f"192.0.2.{n % 9 + 1}"),))
        for n, prefix in enumerate(prefixes)
    ]


def test_a_stopped_vpp_is_noticed_and_nothing_is_lost_when_it_goes_on(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    writer = life()
    intents = routes(500)

    async def story() -> None:
        assert writer.api is not None
        assert writer.writer is not None
        vpp.tell(signal.SIGSTOP)
        await until_async(lambda api=writer.api: not api.answers, "it is noticed in an idle VPP", NOTICED_S_MAX)
        writer.objects.queue.add(writer.objects.claims.replace("guard", {one.key: one for one in intents}))
        turn = asyncio.create_task(writer.writer.turn())
        await holds_async(lambda api=writer.api: not turn.done() and not api.answers, "VPP is waited for", WAITED_S)
        vpp.tell(signal.SIGCONT)
        await asyncio.wait_for(turn, 10)
        assert writer.api.answers

    try:
        writer.runner.run(story())
    finally:
        vpp.tell(signal.SIGCONT)
    assert writer.unapplied(intents) == {}
    assert writer.peer.counters["vpp_errors_total"] == 0
    assert {one.prefix for one in intents if isinstance(one, RouteIntent)} <= set(vpp.routes())


def test_an_object_that_vpp_dies_of_is_found_among_thousands(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    poison = RouteIntent("default", "10.66.77.0/24", (RoutePath(),))
    harmless = routes(OBJECTS)
    intents = [*harmless[: OBJECTS // 2], poison, *harmless[OBJECTS // 2 :]]
    writer, deaths = life(), 0
    writer.objects.queue.add(writer.objects.claims.replace("guard", {one.key: one for one in intents}))
    while True:
        writer.deadly(bytes([10, 66, 77, 0]), vpp.kill)
        try:
            writer.turn()
            break
        except VppApiGone:
            deaths += 1
            assert deaths <= 2, "it is quarantined after two"
            vpp.start()
            writer.connect()
    status = writer.status(poison)
    assert isinstance(status, RejectedStatus)
    assert "VPP died 2 times in a row" in status.reason
    assert writer.unapplied(harmless) == {}
    assert "10.66.77.0/24" not in vpp.routes()
    assert len(vpp.routes()) > OBJECTS


def test_a_restart_with_very_many_objects_writes_nothing(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    sets = [IpSetIntent(f"set-{n}", "ip", tuple(f"30.{n}.{m >> 8}.{m & 255}" for m in range(1000))) for n in range(5)]
    rules = tuple(PolicyRule("allow", protocol=6) for _ in range(3))
    policies = [PolicyIntent(f"policy-{n}", rx=rules, tx=rules) for n in range(50)]
    intents: list[Intent] = [*routes(MANY), *sets, *policies]
    life().want(*intents).crash()
    second = life().want(*intents)
    assert second.writes == 0
    assert second.unapplied(intents) == {}
    assert second.look() == set()
    assert second.writes == 0
