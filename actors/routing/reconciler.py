"""Edge: keeps gobgpd as `desired.py` says, and stores the paths that it learns beside the facts.

gobgpd may be away, start late, die, or refuse an operation: each is named, retried, and loses nothing else.
"""

import asyncio
import time

from actors.routing.desired import RoutingManagerFacts, bgp_obstacles, desired_bgp, gobgpd_log_level
from actors.routing.gobgp import paths
from actors.routing.gobgp.client import GobgpAway, GobgpClient, GobgpRefused
from actors.routing.gobgp.plan import gobgp_operations
from actors.routing.gobgp.state import BgpPeerState
from actors.runtime.context import ActorContext

POLL_EVERY_S = 0.5  # how often sessions are looked at
_COMPARE_EVERY_S = 10.0  # how often all that gobgpd holds is compared, although nothing has changed here
_RECONNECT_S = 0.2
SETTLE_S = 0.5  # a session shows End-of-RIB before the last path that came over it has reached us


class GobgpReconciler:
    """Keeps gobgpd configured, over all of its lives. Reads the facts, and writes `learnt` and `stale` of them."""

    def __init__(self, context: ActorContext, facts: RoutingManagerFacts) -> None:
        self._context, self._facts = context, facts
        self.peers: dict[str, BgpPeerState] = {}
        self.end_of_rib = False  # have all peers sent all their routes (End-of-RIB), in this life of gobgpd?
        self._paths_received = False  # do we know the paths that this gobgpd had when we came?
        self._resynced_since = float("inf")  # since when do we, and have all peers sent all their routes?
        self._away_reason = "gobgpd: not reached yet"
        self._refused: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._stale_until = float("inf")
        self._compare_at = float("-inf")

    def facts_changed(self) -> None:
        """What gobgpd should hold may have changed."""
        self._compare_at = float("-inf")
        self._changed.set()

    def unwell(self) -> list[str]:
        """Why BGP is not as it should be."""
        silent = [f"BGP {p.address}: {p.state}" for p in self.peers.values() if p.state != "established"]
        return ([self._away_reason] if self._away_reason else []) + list(self._refused.values()) + silent

    async def run(self) -> None:
        """For ever: one gobgpd after another."""
        while True:
            try:
                async with GobgpClient(self._context.config.gobgp_socket) as gobgp:
                    await self._serve(gobgp)
            except GobgpAway as away:
                self._on_away(str(away))
                await asyncio.sleep(_RECONNECT_S)

    def _on_away(self, why: str) -> None:
        """What it had learnt is stale: it stays until the next gobgpd knows better."""
        if not self._away_reason:
            self._context.log.warning("gobgpd away", why=why)
        self._away_reason = f"gobgpd: {why}"
        self._facts.stale = {**self._facts.stale, **self._facts.learnt}
        self._facts.learnt = {}
        self.peers, self.end_of_rib = {}, False
        self._paths_received, self._resynced_since = False, float("inf")
        self.facts_changed()
        self._context.wake("gobgpd/away")

    async def _serve(self, gobgp: GobgpClient) -> None:
        await gobgp.observe()
        self._away_reason = ""
        self._stale_until = time.monotonic() + self._context.config.bgp_restart_s
        self._context.log.info("gobgpd reached")
        log_level = ""
        watch: asyncio.Task[None] | None = None
        try:
            while True:
                log_level = await self._set_log_level(gobgp, log_level)
                if not bgp_obstacles(self._facts) and self._context.heard_all:  # else BGP is left as it is
                    await self._reconcile(gobgp)
                    watch = watch or asyncio.create_task(self._watch_paths(gobgp))
                    await self._poll_peers(gobgp)
                if watch and watch.done():
                    watch.result()
                await self._until_change()
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    async def _set_log_level(self, gobgp: GobgpClient, before: str) -> str:
        """Sets gobgpd's log level if it is not as before. Returns the level."""
        level = gobgpd_log_level(self._facts, self._context.config.bgp_log_level)
        if level != before:
            await gobgp.set_log_level(level)
        return level

    async def _until_change(self) -> None:
        try:
            async with asyncio.timeout(POLL_EVERY_S):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _reconcile(self, gobgp: GobgpClient) -> None:
        """Brings gobgpd to the desired state; a refused operation is named and tried again, the others go on."""
        now = time.monotonic()
        if now < self._compare_at:
            return
        self._compare_at = now + _COMPARE_EVERY_S
        plan = gobgp_operations(desired_bgp(self._facts), await gobgp.observe())
        self._refused = {}
        for operation in plan:
            try:
                await gobgp.apply(operation)
            except GobgpRefused as refused:
                self._refused[refused.operation] = str(refused)
                self._context.counters["gobgp_refusals"] += 1
                self._compare_at = now + 2 * POLL_EVERY_S
        if plan:
            names = [type(operation).__name__ for operation in plan]
            self._context.log.info("gobgpd configured", did=names, refused=list(self._refused.values()) or "-")
            self._context.wake("gobgpd/configured")

    async def _watch_paths(self, gobgp: GobgpClient) -> None:
        async for best_paths in gobgp.best_paths():
            for error in paths.update_learnt_bgp_paths(self._facts.learnt, best_paths):
                self._context.counters["malformed_paths"] += 1
                self._context.log.warning("malformed path", why=error)
            self._paths_received = True
            self._context.wake("bgp/paths")

    async def _poll_peers(self, gobgp: GobgpClient) -> None:
        """Stores the sessions; once all peers have sent all their routes, nothing is stale any more."""
        peers = await gobgp.peers()
        if peers != self.peers:
            self.peers = peers
            self._context.wake("bgp/peers")
        all_told = bool(peers) and all(peer.end_of_rib for peer in peers.values())
        self.end_of_rib = self.end_of_rib or all_told
        facts, now = self._facts, time.monotonic()
        self._resynced_since = min(self._resynced_since, now) if all_told and self._paths_received else float("inf")
        if facts.stale and (now - self._resynced_since >= SETTLE_S or now > self._stale_until):
            self._context.log.info("resynchronised", all_told=all_told, routes=len(facts.learnt))
            facts.stale = {}
            self._context.wake("bgp/resynchronised")
