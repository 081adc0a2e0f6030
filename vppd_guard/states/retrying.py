"""The action of RETRYING: waits before the next try to restore."""

import asyncio

from vppd_guard.life import GuardEvent, GuardLife, retry_s
from vppd_guard.states.context import GuardContext


async def retry(_: GuardContext, life: GuardLife) -> GuardEvent:
    """Waits before the next try."""
    await asyncio.sleep(retry_s(life))
    return GuardEvent.DONE
