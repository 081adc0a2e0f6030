"""What an earlier life knew of routes is kept until this one has heard them all."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from actors.routing import session
from actors.routing.gobgp.state import PeerSeen
from actors.routing.session import Session
from tests.waiting import until_async

TOLD = {"192.0.2.9": SimpleNamespace(end_of_rib=True, state="established", address="192.0.2.9")}


class Gobgp:
    """A gobgpd that has lived on: its sessions are established, its paths come when they are let."""

    def __init__(self) -> None:
        self.paths = asyncio.Event()

    async def peers(self) -> dict[str, PeerSeen]:
        return TOLD  # type: ignore[return-value]

    async def best_paths(self) -> AsyncIterator[list[Any]]:
        await self.paths.wait()
        yield []
        await asyncio.Event().wait()


def made() -> tuple[Session, Any]:
    world = SimpleNamespace(kept={"10.1.0.0/16": "a path"}, learnt={})
    runtime = SimpleNamespace(
        log=SimpleNamespace(info=lambda *_, **__: None), wake=lambda _: None, peer=SimpleNamespace(counters={})
    )
    manager: Any = SimpleNamespace(world=world, runtime=runtime)
    return Session(manager), world


def test_sessions_that_have_told_everything_do_not_mean_that_we_have_heard_it() -> None:
    async def story() -> None:
        one, world = made()
        one._keep_until = time.monotonic() + 60
        gobgp: Any = Gobgp()
        watching = asyncio.create_task(one._watch(gobgp))
        deadline = time.monotonic() + 2 * session.SETTLED_S
        while time.monotonic() < deadline:
            await one._look(gobgp)
            assert world.kept, "nothing has been heard of the paths"
            await asyncio.sleep(0.05)
        gobgp.paths.set()

        async def given_up() -> bool:
            await one._look(gobgp)
            return not world.kept

        await until_async(given_up, "it is not kept for ever")
        watching.cancel()

    asyncio.run(story())


def test_what_nobody_tells_again_is_not_kept_for_ever() -> None:
    async def story() -> None:
        one, world = made()
        one._keep_until = time.monotonic() - 1
        gobgp: Any = Gobgp()
        await one._look(gobgp)
        assert not world.kept

    asyncio.run(story())
