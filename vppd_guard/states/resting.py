"""The action of RESTING: plain Linux for a while."""

import asyncio

from vppd_guard.life import GuardEvent, GuardLife, rest_s
from vppd_guard.states.context import GuardContext


async def rest(_: GuardContext, life: GuardLife) -> GuardEvent:
    """On plain Linux, the longer the more often VPP has failed in a row."""
    await asyncio.sleep(rest_s(life))
    return GuardEvent.DONE
