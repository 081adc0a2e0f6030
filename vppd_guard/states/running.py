"""The action of RUNNING: looks whether VPP forwards, whether the devices are there, and hears VPP's own words."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from bus.requester import AskFailed
from schemas.requests import VPP_SILENT, Ping
from vppd_guard.life import GuardEvent
from vppd_guard.linux import captured as shape
from vppd_guard.linux import namespaces
from vppd_guard.linux.moving import exists_in
from vppd_guard.probes import arp_nd, icmp
from vppd_guard.probes.verdict import ForwardingVerdict, ForwardingWatch, Observation
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import DeviceGone, NotForwarding
from vppd_guard.undo.records import LinkMoved
from vppd_guard.uplink.uplinks import DrivenUplink

EVERY_S = 1.0
ANSWER_S_MAX = 1.0
SUSPICIOUS_S = 2.5  # of silence; one lost ping is nothing
BESIDE_S_MAX = 0.6


async def run(scene: GuardContext) -> GuardEvent:
    """Until VPP no longer forwards, or a device has gone. What the writer says is heard, so that nothing piles up."""
    scene.peer.counters["takeovers"] += 1
    asked = {address for each in scene.uplinks for address in each.answered}
    watch = ForwardingWatch.begin(asked, scene.config.forward_wait_s, time.monotonic())
    moved = {record.name: record.netns for record in scene.journal.read() if isinstance(record, LinkMoved)}
    hearing = asyncio.create_task(_hear(scene))
    try:
        while True:
            await asyncio.sleep(EVERY_S)
            if gone := await asyncio.to_thread(_gone, moved):
                raise DeviceGone(f"{', '.join(gone)}: no such device any more")
            seen = await look(scene, watch)
            verdict = watch.judge(seen, time.monotonic())
            why = "" if verdict is ForwardingVerdict.FORWARDS else watch.why(seen, time.monotonic())
            if verdict is ForwardingVerdict.BLAMED:
                raise NotForwarding(f"{why}: the NIC is given back")
            suspicious = bool(why) and watch.silent_s(time.monotonic()) >= SUSPICIOUS_S
            _say(scene, why if suspicious else "")
    finally:
        hearing.cancel()


def _say(scene: GuardContext, why: str) -> None:
    """The suspicion is seen in our status all the time, and in log and history when it comes and goes."""
    before, scene.peer.waiting = scene.peer.waiting, (why,) if why else ()
    if bool(before) != bool(why):
        scene.log.warning("VPP is suspected", why=why) if why else scene.log.info("VPP forwards")
        scene.note("VPP is suspected" if why else "VPP forwards", why=why)


async def look(scene: GuardContext, watch: ForwardingWatch) -> Observation:
    """Pings; and only if nothing answers, asks further."""
    pairs = [(address, each.name) for each in scene.uplinks for address in each.answered]
    answered = await icmp.answering_addresses(pairs, ANSWER_S_MAX) if pairs else frozenset[str]()
    if answered:
        return Observation(answered=answered)
    api = await _api_answers(scene)
    if not pairs or watch.silent_s(time.monotonic()) < scene.config.forward_wait_s / 2:
        return Observation(answered=answered, api_answers=api)
    checked = [await asyncio.to_thread(_beside, scene, each) for each in scene.uplinks if each.answered]
    known = [value for value in checked if value is not None]
    return Observation(answered=answered, api_answers=api, wire_answers=any(known) if known else None)


async def _api_answers(scene: GuardContext) -> bool | None:
    """What the writer says of VPP's API."""
    try:
        pong = await scene.peer.ask("vpp-writer", Ping(), timeout_s=EVERY_S)
    except AskFailed:
        return None
    return VPP_SILENT not in pong.waiting


def _beside(scene: GuardContext, each: DrivenUplink) -> bool | None:
    """Does a gateway of the uplink answer on the wire, past VPP? None: nobody can tell."""
    if not each.driver.linux_hears_wire:
        return None
    captured = each.captured
    for version in (4, 6):
        gateway, source = shape.default_gateway(captured, version), _source(each, version)
        if gateway in each.answered and gateway and source:
            ask = partial(arp_nd.gateway_answers, captured.name, captured.mac, source, gateway, BESIDE_S_MAX)
            try:
                return namespaces.inside(scene.config.vpp_netns, ask)
            except OSError:
                return None
    return None


def _source(each: DrivenUplink, version: int) -> str | None:
    addresses = (address.partition("/")[0] for address in shape.host_addresses(each.captured))
    return next((address for address in addresses if (":" in address) == (version == 6)), None)


def _gone(moved: Mapping[str, str]) -> list[str]:
    """Links that are not any more in the namespace to which they were moved."""
    return [name for name, netns in moved.items() if not exists_in(netns, name)]


async def _hear(scene: GuardContext) -> None:
    while True:
        await scene.peer.changes(EVERY_S)
