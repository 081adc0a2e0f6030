"""The action of LOST: waits for the devices of uplinks that are gone."""

import asyncio

from vppd_guard.linux.moving import is_captured_link_here
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.records import uplinks_in_undo_records

_LOOK_EVERY_S = 0.5


async def run_guard_state(context: GuardContext) -> None:
    """Waits until the devices of all uplinks are there again, by their names or their MAC addresses."""
    links = [record.uplink for record in uplinks_in_undo_records(context.journal.read())]
    while True:
        if all([await asyncio.to_thread(is_captured_link_here, link) for link in links]):
            return
        await asyncio.sleep(_LOOK_EVERY_S)
