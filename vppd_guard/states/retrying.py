"""The action of RETRYING: waits before the next try to restore."""

import asyncio

from vppd_guard.life import Event, Life, retry_s
from vppd_guard.states.context import Scene


async def retry(_: Scene, life: Life) -> Event:
    """Waits before the next try."""
    await asyncio.sleep(retry_s(life))
    return Event.DONE
