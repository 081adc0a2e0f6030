"""The action of RESTING: plain Linux for a while."""

import asyncio

from vppd_guard.life import Event, Life, rest_s
from vppd_guard.states.context import Scene


async def rest(_: Scene, life: Life) -> Event:
    """On plain Linux, the longer the more often VPP has failed in a row."""
    await asyncio.sleep(rest_s(life))
    return Event.DONE
