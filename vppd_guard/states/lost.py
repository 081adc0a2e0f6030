"""The action of LOST: waits for the devices of uplinks that are gone."""

import asyncio

from vppd_guard.life import GuardEvent, GuardLife
from vppd_guard.linux.moving import is_here
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.records import captured_uplinks

LOOK_EVERY_S = 0.5


async def await_return(scene: GuardContext, _: GuardLife) -> GuardEvent:
    """Until the devices of all uplinks are there again, by their names or their MAC addresses."""
    uplinks = [record.uplink for record in captured_uplinks(scene.journal.read())]
    while True:
        found = [await asyncio.to_thread(is_here, uplink) for uplink in uplinks]
        if all(found):
            return GuardEvent.DONE
        await asyncio.sleep(LOOK_EVERY_S)
