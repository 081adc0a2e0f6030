"""The action of RESTING: plain Linux for a while."""

import asyncio

from vppd_guard.life import GuardLife, guard_rest_s


async def run_guard_state(life: GuardLife) -> None:
    """On plain Linux, the longer the more often VPP has failed in a row."""
    await asyncio.sleep(guard_rest_s(life))
