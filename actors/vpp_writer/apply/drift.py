"""Looks again and again whether VPP still holds what was written into it; somebody may have changed it by hand.

A pass is a few dumps, then every route, some at a time: other work comes between. Only reads; what is ours and gone,
or different, is the caller's to write again. What is not ours is not looked at.
"""

from actors.vpp_writer.apply import readback
from actors.vpp_writer.reconcile.objects import Objects
from actors.vpp_writer.vpp.client import VppClient

ROUTES_AT_ONCE = 500
ROUTE = "route/"


class DriftCheck:
    """The passes over one VPP. `every_s`: from the begin of one to the next; 0: never."""

    def __init__(self, every_s: float, now: float) -> None:
        self.every_s = every_s
        self._due_at = now + every_s
        self._routes: list[str] = []

    @property
    def in_pass(self) -> bool:
        """Has a pass begun that is not at its end?"""
        return bool(self._routes)

    def due(self, now: float) -> bool:
        """Is there something to look at?"""
        return self.every_s > 0 and (self.in_pass or now >= self._due_at)

    async def step(self, api: VppClient, ledger: Objects, now: float) -> set[str]:
        """Looks at some. Returns the keys of what VPP does not hold as it was written. Raises VppGone, NoAnswer."""
        held = ledger.held
        if not self._routes:
            self._due_at = now + self.every_s
            self._routes = [key for key in held if key.startswith(ROUTE)]
            return await readback.missing_but_routes(api, held)
        some, self._routes = self._routes[:ROUTES_AT_ONCE], self._routes[ROUTES_AT_ONCE:]
        return await readback.missing_routes(api, held, [key for key in some if key in held])
