"""The action of RETRYING: waits before the next try to restore."""

import asyncio

from vppd_guard.life import GuardLife, guard_retry_s


async def run_guard_state(life: GuardLife) -> None:
    """Waits before the next try."""
    await asyncio.sleep(guard_retry_s(life))
