"""The action of CONFIGURED: the taps come up, and the host goes on through VPP."""

import asyncio
import time

from schemas.words import INTENT
from vppd_guard.life import GuardEvent
from vppd_guard.probes import icmp
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import ActionFailed
from vppd_guard.states.statuses import applied
from vppd_guard.uplink.desired import desired_intents


async def give_host(scene: GuardContext) -> GuardEvent:
    """The taps are up and the host reaches through VPP what it reached before."""
    wanted = desired_intents([each.target for each in scene.uplinks], scene.config, taps_up=True)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.new_cause("guard/host"))
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await applied(scene, wanted)
    demanded = [(address, each.name) for each in scene.uplinks for address in each.answered]
    wait_s = scene.config.gateway_wait_s
    # A VPP that was adopted has forwarded before: if nothing answers now, the watch finds out who is to blame.
    if demanded and wait_s and scene.taken_at:
        silent = sorted({address for address, _ in demanded} - await icmp.answering_addresses(demanded, wait_s))
        if silent:
            raise ActionFailed(f"{', '.join(silent)}: no answer through VPP within {wait_s:g} s: the NIC is given back")
    if scene.taken_at:
        scene.log.info("taken over", uplinks=scene.names, took_ms=(time.monotonic() - scene.taken_at) * 1000)
    scene.taken_at = 0.0
    await info_file.ready(scene)
    scene.failed_drivers.clear()
    return GuardEvent.DONE
