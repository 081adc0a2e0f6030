"""The action of UP: VPP is configured as Linux was."""

import asyncio

from schemas.intents import interface_key
from schemas.words import INTENT
from vppd_guard.host.hooks import HookPoint
from vppd_guard.life import GuardEvent
from vppd_guard.linux import captured as shape
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.tap import configure_tap, is_tap
from vppd_guard.states.context import GuardContext
from vppd_guard.states.statuses import applied
from vppd_guard.undo.records import LinkMoved
from vppd_guard.uplink.desired import desired_intents, service_next_hops, tap_name
from vppd_guard.uplink.uplinks import DrivenUplink


async def configure(scene: GuardContext) -> GuardEvent:
    """Uplinks and host taps are in VPP; Linux's side of a tap is dressed as soon as there is one."""
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await _configured(scene)
    await scene.hook(HookPoint.VPP_RUNNING)
    return GuardEvent.DONE


async def _configured(scene: GuardContext) -> None:
    # An adopted VPP has taps that are up: they stay so.
    adopted = all([await asyncio.to_thread(is_tap, name) for name in scene.names])
    targets = [each.target for each in scene.uplinks]
    wanted = desired_intents(targets, scene.config, taps_up=adopted)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.new_cause("guard/uplink"))
    moved = {record.name for record in scene.journal.read() if isinstance(record, LinkMoved)}
    for each in scene.uplinks:
        created = each.target.interface
        if each.name not in moved:
            await applied(scene, {created.key: created})
        for step in each.driver.steps_after_interface(each.captured, each.target.spec, scene.config, scene.machine):
            if each.name not in moved:
                await scene.make(step)
        tap = wanted[interface_key(tap_name(each.name))]
        await applied(scene, {tap.key: tap})
        await _dress(scene, each)
    await applied(scene, wanted)


async def _dress(scene: GuardContext, each: DrivenUplink) -> None:
    captured: CapturedLink = each.captured
    hop = shape.vpp_next_hop(captured, 6)
    services = service_next_hops(captured, scene.config) if each is scene.uplinks[0] else {}
    size, mac = each.target.mtu, each.target.tap_mac
    await scene.hands.do(10.0, configure_tap, captured, size, hop, mac, services)
