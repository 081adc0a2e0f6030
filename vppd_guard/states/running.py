"""The action of RUNNING: looks whether VPP forwards and whether the devices are there."""

import asyncio
import time
from collections.abc import Callable, Mapping

from bus.requester import BusAskFailed
from schemas.requests import VPP_SILENT_REASON, PingRequest
from vppd_guard.linux.moving import link_exists_in_netns
from vppd_guard.probes import icmp
from vppd_guard.probes.verdict import ForwardingObservation, ForwardingVerdict, ForwardingWatch
from vppd_guard.states.context import GuardContext
from vppd_guard.states.failures import UplinkDeviceGone, VppNotForwarding
from vppd_guard.states.follow import TapFollowing
from vppd_guard.states.holding import GuardHoldingUp
from vppd_guard.states.wire import uplink_gateways_answer
from vppd_guard.undo.records import moved_links

_LOOK_EVERY_S = 1.0
_ANSWER_S_MAX = 1.0
_SUSPICIOUS_S = 2.5  # of silence; one lost ping is nothing


async def run_guard_state(
    context: GuardContext, holding: GuardHoldingUp, on_change: Callable[[GuardHoldingUp], None]
) -> None:
    """Looks every second.

    Raises VppNotForwarding: VPP is to blame for silence; UplinkDeviceGone: an uplink has disappeared; and OSError: it
    cannot look. Begun again after that it knows of no silence, for time without a look says nothing.

    What others change on the host taps is followed meanwhile; `on_change` is given the holding with it. The writer's
    statuses are read, so that nothing piles up.
    """
    following = TapFollowing(context, holding, on_change)
    watch = ForwardingWatch.begin(following.asked(), context.config.forward_wait_s, time.monotonic())
    moved = moved_links(context.journal.read())
    suspicion = ""
    tasks = [asyncio.create_task(_read_bus(context)), asyncio.create_task(following.run())]
    try:
        while not (ended := [task for task in tasks if task.done()]):
            await asyncio.sleep(_LOOK_EVERY_S)
            if names := await asyncio.to_thread(_vanished, moved):
                raise UplinkDeviceGone(f"{', '.join(names)}: no such device any more")
            watch.targets = frozenset(following.asked())
            observation = await _observe(context, following.holding, watch)
            verdict = watch.judge(observation, time.monotonic())
            why = "" if verdict is ForwardingVerdict.FORWARDS else watch.why(observation, time.monotonic())
            if verdict is ForwardingVerdict.BLAMED:
                raise VppNotForwarding(f"{why}: the NIC is given back")
            before, suspicion = suspicion, why if watch.silent_s(time.monotonic()) >= _SUSPICIOUS_S else ""
            _note_suspicion(context, before, suspicion)
            context.peer.waiting = (*([suspicion] if suspicion else []), *following.problems())
            await following.ask_new_gateways()
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def _note_suspicion(context: GuardContext, before: str, why: str) -> None:
    """A suspicion is in log and history when it comes and goes."""
    if bool(before) != bool(why):
        context.log.warning("VPP is suspected", why=why) if why else context.log.info("VPP forwards")
        context.note("VPP is suspected" if why else "VPP forwards", why=why)


async def _observe(context: GuardContext, holding: GuardHoldingUp, watch: ForwardingWatch) -> ForwardingObservation:
    """Pings; only if nothing answers, asks further."""
    pairs = [(address, uplink.name) for uplink in holding.uplinks for address in uplink.answered_through_vpp]
    answered = await icmp.addresses_answering_ping(pairs, _ANSWER_S_MAX) if pairs else frozenset[str]()
    if answered:
        return ForwardingObservation(answered=answered)
    api_answers = await _api_answers(context)
    if not pairs or watch.silent_s(time.monotonic()) < context.config.forward_wait_s / 2:
        return ForwardingObservation(answered=answered, api_answers=api_answers)
    netns = context.config.vpp_netns
    answers = [await uplink_gateways_answer(netns, uplink, uplink.answered_through_vpp) for uplink in holding.uplinks]
    certain = [answer for answer in answers if answer is not None]
    wire_answers = any(certain) if certain else None
    return ForwardingObservation(answered=answered, api_answers=api_answers, wire_answers=wire_answers)


async def _api_answers(context: GuardContext) -> bool | None:
    """Does VPP's API answer the writer? None: the writer does not say."""
    try:
        pong = await context.peer.ask("vpp-writer", PingRequest(), timeout_s=_LOOK_EVERY_S)
    except BusAskFailed:
        return None
    return VPP_SILENT_REASON not in pong.waiting


def _vanished(moved: Mapping[str, str]) -> list[str]:
    """The links that have left the namespace to which they were moved."""
    return [name for name, netns in moved.items() if not link_exists_in_netns(netns, name)]


async def _read_bus(context: GuardContext) -> None:
    while True:
        await context.peer.changes(_LOOK_EVERY_S)
