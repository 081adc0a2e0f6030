"""The action of RETRYING: waits before the next try to restore."""

import asyncio

from vppd_guard.life import GuardLife, retry_s


async def act(life: GuardLife) -> None:
    """Waits before the next try."""
    await asyncio.sleep(retry_s(life))
