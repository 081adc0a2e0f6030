"""The action of RESTING: plain Linux for a while."""

import asyncio

from vppd_guard.life import GuardLife, rest_s


async def act(life: GuardLife) -> None:
    """On plain Linux, the longer the more often VPP has failed in a row."""
    await asyncio.sleep(rest_s(life))
