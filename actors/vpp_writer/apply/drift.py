"""Looks again and again whether VPP still holds what was written into it; somebody may have changed it by hand.

A pass is a few dumps, then every route, some at a time: other work comes between. Only reads; what is ours and gone,
or different, is the caller's to write again. What is not ours is not looked at.
"""

from collections.abc import Mapping

from actors.vpp_writer.apply import readback
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.vpp.client import VppApiClient

_LOOKUPS_AT_ONCE = 500


class DriftCheck:
    """The passes over one VPP. `every_s`: from the begin of one to the next; 0: never."""

    def __init__(self, every_s: float, now: float) -> None:
        self.every_s = every_s
        self._due_at = now + every_s
        self._keys: list[str] = []  # to be looked up in this pass

    @property
    def in_pass(self) -> bool:
        """Has a pass begun that is not at its end?"""
        return bool(self._keys)

    def due(self, now: float) -> bool:
        """Is there something to look at?"""
        return self.every_s > 0 and (self.in_pass or now >= self._due_at)

    async def step(self, api: VppApiClient, objects: Mapping[str, HeldObject], now: float) -> set[str]:
        """Looks at some. Returns the keys of what VPP does not hold as written. Raises VppApiGone, NoVppAnswer."""
        if not self._keys:
            self._due_at = now + self.every_s
            self._keys = readback.keys_with_vpp_lookup(objects)
            return await readback.missing_objects_by_dump(api, objects)
        keys, self._keys = self._keys[:_LOOKUPS_AT_ONCE], self._keys[_LOOKUPS_AT_ONCE:]
        return await readback.missing_objects_by_lookup(api, objects, [key for key in keys if key in objects])
