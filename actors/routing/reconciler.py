"""Edge: keeps one gobgpd in the state that `desired.py` wants, and tells what it learns.

gobgpd may be away, start late, die, or refuse an operation: each is named, retried, and loses nothing else.
"""

import asyncio
import time

from actors.routing.desired import World, bgp, not_ready
from actors.routing.gobgp import paths
from actors.routing.gobgp.client import Gobgp, GobgpAway, GobgpRefused
from actors.routing.gobgp.plan import operations
from actors.routing.gobgp.state import PeerSeen
from actors.runtime.context import Context

LOOK_EVERY_S = 0.5  # how often sessions are looked at
COMPARE_EVERY_S = 10.0  # how often all that gobgpd holds is compared, although nothing has changed here
AWAY_S = 0.2
SETTLED_S = 0.5  # a session is seen to have told everything before the last of it has been heard


class GobgpReconciler:
    """The relation with gobgpd, over all of its lives."""

    def __init__(self, context: Context, world: World) -> None:
        self._context, self._world = context, world
        self.peers: dict[str, PeerSeen] = {}
        self.told = False  # have all peers told all their routes, in this life of gobgpd?
        self._heard_paths = False  # have we heard all the paths that this gobgpd had when we came?
        self._told_at = float("inf")  # since when have we, and have all peers told all their routes?
        self._away = "gobgpd: not reached yet"
        self._refused: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._keep_until = float("inf")
        self._compare_at = float("-inf")

    def facts_changed(self) -> None:
        """What gobgpd should hold may have changed."""
        self._compare_at = float("-inf")
        self._changed.set()

    def trouble(self) -> list[str]:
        """Why BGP is not as it should be."""
        silent = [f"BGP {p.address}: {p.state}" for p in self.peers.values() if p.state != "established"]
        return ([self._away] if self._away else []) + list(self._refused.values()) + silent

    async def run(self) -> None:
        """For ever: one gobgpd after another."""
        while True:
            try:
                async with Gobgp(self._context.config.gobgp_socket) as gobgp:
                    await self._live(gobgp)
            except GobgpAway as away:
                self._lost(str(away))
                await asyncio.sleep(AWAY_S)

    def _lost(self, why: str) -> None:
        """gobgpd is gone: what it had learnt is kept until the next one knows better."""
        if not self._away:
            self._context.log.warning("gobgpd away", why=why)
        self._away = f"gobgpd: {why}"
        self._world.kept = {**self._world.kept, **self._world.learnt}
        self._world.learnt = {}
        self.peers, self.told = {}, False
        self._heard_paths, self._told_at = False, float("inf")
        self.facts_changed()
        self._context.wake("gobgpd/away")

    async def _live(self, gobgp: Gobgp) -> None:
        await gobgp.observe()
        self._away = ""
        self._keep_until = time.monotonic() + self._context.config.bgp_restart_s
        self._context.log.info("gobgpd reached")
        await gobgp.set_log_level(self._context.config.bgp_log_level)
        watch: asyncio.Task[None] | None = None
        try:
            while True:
                if not not_ready(self._world) and self._context.heard_all:  # else BGP is left as it is
                    await self._compare(gobgp)
                    watch = watch or asyncio.create_task(self._watch(gobgp))
                    await self._look(gobgp)
                if watch and watch.done():
                    watch.result()
                await self._pause()
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _compare(self, gobgp: Gobgp) -> None:
        """Brings gobgpd to the wanted state; a refused operation is named and tried again, the others go on."""
        now = time.monotonic()
        if now < self._compare_at:
            return
        self._compare_at = now + COMPARE_EVERY_S
        plan = operations(bgp(self._world), await gobgp.observe())
        self._refused = {}
        for operation in plan:
            try:
                await gobgp.apply(operation)
            except GobgpRefused as refused:
                self._refused[refused.operation] = str(refused)
                self._context.counters["gobgp_refusals"] += 1
                self._compare_at = now + 2 * LOOK_EVERY_S
        if plan:
            names = [type(operation).__name__ for operation in plan]
            self._context.log.info("gobgpd configured", did=names, refused=list(self._refused.values()) or "-")
            self._context.wake("gobgpd/configured")

    async def _watch(self, gobgp: Gobgp) -> None:
        async for told in gobgp.best_paths():
            for error in paths.learn(self._world.learnt, told):
                self._context.counters["malformed_paths"] += 1
                self._context.log.warning("malformed path", why=error)
            self._heard_paths = True
            self._context.wake("bgp/paths")

    async def _look(self, gobgp: Gobgp) -> None:
        """Sessions as facts; once all peers have told everything, nothing is kept any more."""
        peers = await gobgp.peers()
        if peers != self.peers:
            self.peers = peers
            self._context.wake("bgp/peers")
        told = bool(peers) and all(peer.end_of_rib for peer in peers.values())
        self.told = self.told or told
        world, now = self._world, time.monotonic()
        self._told_at = min(self._told_at, now) if told and self._heard_paths else float("inf")
        if world.kept and (now - self._told_at >= SETTLED_S or now > self._keep_until):
            self._context.log.info("resynchronised", all_told=told, routes=len(world.learnt))
            world.kept = {}
            self._context.wake("bgp/resynchronised")
