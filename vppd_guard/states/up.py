"""The action of UP: VPP is configured as Linux was, and Linux's side of the taps as the uplinks were."""

import asyncio
from collections.abc import Mapping

from schemas.intents import Intent, interface_intent_key
from schemas.words import INTENT_WORD
from vppd_guard.host.hooks import HostHookPoint
from vppd_guard.linux.captured import host_next_hop_to_vpp
from vppd_guard.linux.tap import configure_host_tap, is_tap_link
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHoldingUp
from vppd_guard.states.statuses import wait_until_vpp_holds
from vppd_guard.undo.records import LinkMovedRecord
from vppd_guard.uplink.desired import guard_intents, host_service_next_hops, host_tap_name
from vppd_guard.uplink.uplinks import DrivenUplink

_TAP_S_MAX = 10.0


async def run_guard_state(context: GuardContext, holding: GuardHoldingUp) -> None:
    """VPP has uplinks and host taps; Linux's side of a tap is configured as soon as there is one."""
    async with asyncio.timeout(context.config.takeover_wait_s):
        # An adopted VPP has taps that are up: they stay so.
        adopted = all([await asyncio.to_thread(is_tap_link, name) for name in holding.names])
        intents = guard_intents([uplink.target for uplink in holding.uplinks], context.config, taps_up=adopted)
        context.peer.publish(INTENT_WORD, intents, cause=context.peer.new_cause("guard/uplink"))
        for uplink in holding.uplinks:
            await _wait_for_uplink(context, holding, uplink)
            await _configure_tap(context, holding, uplink, intents)
        await wait_until_vpp_holds(context, holding.vpp, intents)
    if not holding.host_informed:
        await context.run_hook(HostHookPoint.VPP_RUNNING, holding)


async def _wait_for_uplink(context: GuardContext, holding: GuardHoldingUp, uplink: DrivenUplink) -> None:
    """VPP has the uplink's interface. A link that stayed until then makes room for the tap of its name."""
    if any(isinstance(record, LinkMovedRecord) and record.name == uplink.name for record in context.journal.read()):
        return
    interface, target = uplink.target.interface, uplink.target
    await wait_until_vpp_holds(context, holding.vpp, {interface.key: interface})
    for step in uplink.driver.steps_after_interface(uplink.captured, target.spec, context.config, context.machine):
        await context.run_step(step)


async def _configure_tap(
    context: GuardContext, holding: GuardHoldingUp, uplink: DrivenUplink, intents: Mapping[str, Intent]
) -> None:
    tap, captured = intents[interface_intent_key(host_tap_name(uplink.name))], uplink.captured
    await wait_until_vpp_holds(context, holding.vpp, {tap.key: tap})
    next_hops = host_service_next_hops(captured, context.config) if uplink is holding.uplinks[0] else {}
    mtu, mac, next_hop6 = uplink.target.mtu, uplink.target.tap_mac, host_next_hop_to_vpp(captured, 6)
    await context.executor.run(_TAP_S_MAX, configure_host_tap, captured, mtu, next_hop6, mac, next_hops)
