"""The action of UP: VPP is configured as Linux was, and Linux's side of the taps as the uplinks were."""

import asyncio

from schemas.intents import interface_intent_key
from schemas.words import INTENT_WORD
from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.linux.tap import is_tap_link
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHoldingUp
from vppd_guard.states.statuses import wait_until_guard_intents_hold
from vppd_guard.states.tap_follower import TapFollower
from vppd_guard.undo.records import LinkMovedRecord
from vppd_guard.uplink.desired import guard_intents, host_tap_name
from vppd_guard.uplink.uplinks import DrivenUplink


async def run_guard_state(context: GuardContext, holding: GuardHoldingUp) -> GuardHoldingUp:
    """VPP has uplinks and host taps; Linux's side of a tap is configured as soon as there is one."""
    follower = TapFollower(context, holding.uplinks)
    async with asyncio.timeout(context.config.takeover_wait_s):
        # An adopted VPP has taps: what is up stays so, and what has changed on them meanwhile holds.
        adopted = all([await asyncio.to_thread(is_tap_link, name) for name in holding.names])
        await follower.look()
        targets = [uplink.target for uplink in follower.uplinks]
        intents = guard_intents(targets, context.config, up=adopted)
        context.peer.publish(INTENT_WORD, intents, cause=context.peer.new_cause("guard/uplink"))
        for number, uplink in enumerate(follower.uplinks):
            await _wait_for_uplink(context, holding, uplink)
            tap = intents[interface_intent_key(host_tap_name(uplink.name))]
            await wait_until_guard_intents_hold(context, holding.vpp, {tap.key: tap})
            await follower.configure(number)
        await wait_until_guard_intents_hold(context, holding.vpp, intents)
    holding = holding.with_uplinks(follower.uplinks)
    if not holding.host_informed:
        await context.run_hook(HostHookPoint.VPP_RUNNING, holding)
    return holding


async def _wait_for_uplink(context: GuardContext, holding: GuardHoldingUp, uplink: DrivenUplink) -> None:
    """VPP has the uplink's interface. A link that stayed until then makes room for the tap of its name."""
    if any(isinstance(record, LinkMovedRecord) and record.name == uplink.name for record in context.journal.read()):
        return
    interface, target = uplink.target.interface, uplink.target
    await wait_until_guard_intents_hold(context, holding.vpp, {interface.key: interface})
    for step in uplink.driver.steps_after_interface(uplink.captured, target.spec, context.config, context.machine):
        await context.run_step(step)
