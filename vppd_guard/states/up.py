"""The actions of UP and CONFIGURED: VPP is configured as Linux was, and the host goes on through it."""

import asyncio
import time
from collections.abc import Mapping

from schemas.codec import fingerprint
from schemas.intents import Intent, interface_key
from schemas.statuses import Applied, Failed, Pending, Rejected
from schemas.topics import INTENT, status_word
from vppd_guard.host.hooks import Point
from vppd_guard.life import Event
from vppd_guard.linux import captured as shape
from vppd_guard.linux.captured import Captured
from vppd_guard.linux.tap import dress_tap, is_tap
from vppd_guard.probes import icmp
from vppd_guard.states import info_file
from vppd_guard.states.context import Scene, Trouble
from vppd_guard.undo.records import LinkMoved
from vppd_guard.uplink.desired import intents, tap_name, through_vpp
from vppd_guard.uplink.uplinks import Uplink

HEARTBEAT_S = 0.5


async def configure(scene: Scene) -> Event:
    """Uplinks and host taps are in VPP; Linux's side of a tap is dressed as soon as there is one."""
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await _configured(scene)
    await scene.hook(Point.VPP_RUNNING)
    return Event.DONE


async def _configured(scene: Scene) -> None:
    # An adopted VPP has taps that are up: they stay so.
    adopted = all([await asyncio.to_thread(is_tap, name) for name in scene.names])
    targets = [each.target for each in scene.uplinks]
    wanted = intents(targets, scene.config, taps_up=adopted)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.new_cause("guard/uplink"))
    moved = {record.name for record in scene.journal.read() if isinstance(record, LinkMoved)}
    for each in scene.uplinks:
        created = each.target.interface
        if each.name not in moved:
            await applied(scene, {created.key: created})
        for step in each.driver.after(each.captured, each.target.spec, scene.config, scene.machine):
            if each.name not in moved:
                await scene.make(step)
        tap = wanted[interface_key(tap_name(each.name))]
        await applied(scene, {tap.key: tap})
        await _dress(scene, each)
    await applied(scene, wanted)


async def _dress(scene: Scene, each: Uplink) -> None:
    captured: Captured = each.captured
    hop = shape.next_hop(captured, 6)
    services = through_vpp(captured, scene.config) if each is scene.uplinks[0] else {}
    size, mac = each.target.mtu, each.target.tap_mac
    await scene.hands.do(10.0, dress_tap, captured, size, hop, mac, services)


async def applied(scene: Scene, wanted: Mapping[str, Intent]) -> None:
    """Waits until VPP, in its present life, holds all of these."""
    word = status_word("guard")
    while True:
        statuses = scene.peer.rows(word)
        missing = [k for k, i in wanted.items() if not _is_applied(statuses.get(k), fingerprint(i))]
        epoch = next(iter(scene.peer.rows("epoch").values()), None)
        process = scene.process
        if not missing and epoch and process and epoch.connected and epoch.pid == process.pid:
            return
        refused = [key for key in missing if isinstance(statuses.get(key), Rejected)]
        if refused:
            raise Trouble("; ".join(f"{key}: {_why(statuses.get(key))}" for key in refused))
        # What has failed is why the others wait.
        key = min(missing, key=lambda key: not isinstance(statuses.get(key), Failed)) if missing else "VPP"
        scene.peer.waiting = (f"{key}: {_why(statuses.get(key))}",)
        await scene.peer.changes(HEARTBEAT_S)


async def give_host(scene: Scene) -> Event:
    """The taps are up and the host reaches through VPP what it reached before."""
    wanted = intents([each.target for each in scene.uplinks], scene.config, taps_up=True)
    scene.peer.publish(INTENT, wanted, cause=scene.peer.new_cause("guard/host"))
    async with asyncio.timeout(scene.config.takeover_wait_s):
        await applied(scene, wanted)
    demanded = [(address, each.name) for each in scene.uplinks for address in each.answered]
    wait_s = scene.config.gateway_wait_s
    # A VPP that was adopted has forwarded before: if nothing answers now, the watch finds out who is to blame.
    if demanded and wait_s and scene.taken_at:
        silent = sorted({address for address, _ in demanded} - await icmp.answering(demanded, wait_s))
        if silent:
            raise Trouble(f"{', '.join(silent)}: no answer through VPP within {wait_s:g} s: the NIC is given back")
    if scene.taken_at:
        scene.log.info("taken over", uplinks=scene.names, took_ms=(time.monotonic() - scene.taken_at) * 1000)
    scene.taken_at = 0.0
    await info_file.ready(scene)
    scene.failed_drivers.clear()
    return Event.DONE


def _is_applied(status: object, generation: int) -> bool:
    return isinstance(status, Applied) and status.generation == generation


def _why(status: object) -> str:
    match status:
        case Failed(reason=reason) | Rejected(reason=reason):
            return reason
        case Pending(needs=needs):
            return f"waits for {', '.join(needs)}"
        case _:
            return "no answer from the VPP writer"
