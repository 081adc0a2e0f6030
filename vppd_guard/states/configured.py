"""The action of CONFIGURED: uplinks and taps come up, and the host goes on through VPP."""

import asyncio
import time

from schemas.words import INTENT_WORD
from vppd_guard.probes import icmp
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import GuardActionFailed
from vppd_guard.states.holding import GuardHoldingUp
from vppd_guard.states.statuses import wait_until_guard_intents_hold
from vppd_guard.states.wire import silent_uplink_gateways
from vppd_guard.uplink.desired import guard_intents


async def run_guard_state(context: GuardContext, holding: GuardHoldingUp) -> None:
    """Uplinks and taps are up, and the host reaches through VPP what it reached before."""
    intents = guard_intents([uplink.target for uplink in holding.uplinks], context.config, up=True)
    context.peer.publish(INTENT_WORD, intents, cause=context.peer.new_cause("guard/host"))
    async with asyncio.timeout(context.config.takeover_wait_s):
        await wait_until_guard_intents_hold(context, holding.vpp, intents)
    # A VPP that was adopted has forwarded before: if nothing answers now, the watch finds out who is to blame.
    if holding.taken_at is not None:
        await _demand_answers(context, holding)
        took_ms = (time.monotonic() - holding.taken_at) * 1000
        context.log.info("taken over", uplinks=holding.names, took_ms=took_ms)
    await info_file.write_info_file_ready(context, holding)
    context.failed_drivers.clear()


async def _demand_answers(context: GuardContext, holding: GuardHoldingUp) -> None:
    """Raises GuardActionFailed: what answered in Linux does not any more. Each path is asked only what it can give."""
    wait_s = context.config.gateway_wait_s
    if not wait_s:
        return
    demanded = [(address, uplink.name) for uplink in holding.uplinks for address in uplink.answered_through_vpp]
    through = {address for address, _ in demanded} - await icmp.addresses_answering_ping(demanded, wait_s)
    netns = context.config.vpp_netns
    beside = [address for uplink in holding.uplinks for address in await silent_uplink_gateways(netns, uplink, wait_s)]
    silences = {f"through VPP within {wait_s:g} s": through, "on the wire beside VPP": beside}
    if whys := [f"{', '.join(sorted(silent))}: no answer {where}" for where, silent in silences.items() if silent]:
        raise GuardActionFailed(f"{'; '.join(whys)}: the NIC is given back")
