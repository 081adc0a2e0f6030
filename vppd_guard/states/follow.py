"""Follows what others change on the host taps into VPP and the facts, while VPP carries the uplinks."""

import asyncio
import time
from collections.abc import Callable

from schemas.intents import AddressIntent
from schemas.statuses import AppliedStatus, FailedStatus, RejectedStatus, unapplied_intent_reason
from schemas.words import INTENT_WORD, intent_status_word
from vppd_guard.drivers.names import uplink_intent_name
from vppd_guard.linux import namespaces
from vppd_guard.linux.captured import uplink_vpp_addresses
from vppd_guard.linux.events import LinkEvents
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.moving import raise_link_mtu
from vppd_guard.probes import arp_nd, icmp
from vppd_guard.states import info_file
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHoldingUp
from vppd_guard.states.tap_follower import TapFollower
from vppd_guard.undo.records import moved_links
from vppd_guard.uplink.desired import guard_intents
from vppd_guard.uplink.uplinks import DrivenUplink

_LOOK_EVERY_S = 5.0  # without any notice
_PAUSE_S = 0.05  # changes come in groups
_BUSY_SHARE = 0.1  # of the time, where notices never end
_ANNOUNCED_WITHIN_S = 10.0
_ANSWER_S_MAX = 1.0


class TapFollowing:
    """Follows until cancelled. `on_change`: is given the guard's holding with the newer uplinks."""

    def __init__(
        self, context: GuardContext, holding: GuardHoldingUp, on_change: Callable[[GuardHoldingUp], None]
    ) -> None:
        self.holding = holding
        self._context, self._on_change = context, on_change
        self._follower = TapFollower(context, holding.uplinks)
        self._announcements: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Looks whenever the kernel says that something has changed, and now and then."""
        try:
            with LinkEvents() as events:
                while True:
                    began_at = time.monotonic()
                    try:
                        await self._look()
                    except (NoSuchLink, OSError, TimeoutError) as error:
                        self._context.warn_once(f"the host's taps cannot be looked at: {error}")
                    took_s = time.monotonic() - began_at
                    await events.wait(_LOOK_EVERY_S)
                    await asyncio.sleep(max(_PAUSE_S, took_s / _BUSY_SHARE))
        finally:
            for task in self._announcements:
                task.cancel()

    async def _look(self) -> None:
        changed = await self._follower.look()
        await self._follower.configure_new_taps()
        await self._follower.correct()
        before, self.holding = self.holding, self.holding.with_uplinks(self._follower.uplinks)
        if changed:
            await self._raise_mtus()
            self._publish()
            self._on_change(self.holding)
            await info_file.write_info_file_ready(self._context, self.holding)
            for was, uplink in zip(before.uplinks, self.holding.uplinks, strict=True):
                self._announce(was, uplink)

    def _publish(self) -> None:
        context = self._context
        intents = guard_intents([uplink.target for uplink in self.holding.uplinks], context.config, up=True)
        context.peer.publish(INTENT_WORD, intents, cause=context.peer.new_cause("guard/followed"))

    async def _raise_mtus(self) -> None:
        """The links below VPP carry what VPP may send now."""
        moved = moved_links(self._context.journal.read())
        for uplink in self.holding.uplinks:
            if netns := moved.get(uplink.name):
                try:
                    await asyncio.to_thread(raise_link_mtu, netns, uplink.name, uplink.target.mtu)
                except OSError as error:
                    self._context.warn_once(f"{uplink.name}: MTU {uplink.target.mtu}: {error.strerror or error}")

    def _announce(self, was: DrivenUplink, uplink: DrivenUplink) -> None:
        """Neighbours are told of addresses that have come: what the host's software sends of this ends in VPP."""
        before = _addresses_in_vpp(was, self._context)
        for address in _addresses_in_vpp(uplink, self._context) - before if uplink.driver.linux_hears_wire else ():
            task = asyncio.create_task(self._announce_once_held(uplink, address))
            self._announcements.add(task)
            task.add_done_callback(self._announcements.discard)

    async def _announce_once_held(self, uplink: DrivenUplink, address: str) -> None:
        key, captured = AddressIntent(uplink_intent_name(uplink.name), address).key, uplink.captured
        until = time.monotonic() + _ANNOUNCED_WITHIN_S
        while not isinstance(self._context.peer.rows(intent_status_word("guard")).get(key), AppliedStatus):
            if time.monotonic() > until:
                return
            await asyncio.sleep(_PAUSE_S)
        try:
            await asyncio.to_thread(
                namespaces.run_inside_netns,
                self._context.config.vpp_netns,
                lambda: arp_nd.announce_address(captured.name, captured.mac, address.partition("/")[0]),
            )
        except OSError as error:
            self._context.warn_once(f"{uplink.name}: {address} cannot be announced: {error.strerror or error}")

    def asked(self) -> set[str]:
        """Addresses that must answer through VPP."""
        return {address for uplink in self.holding.uplinks for address in uplink.answered_through_vpp}

    async def ask_new_gateways(self) -> None:
        """A gateway that others have set is asked for from then on when it has answered through VPP once."""
        if pairs := self._follower.unproven_gateways():
            answered = await icmp.addresses_answering_ping(pairs, _ANSWER_S_MAX)
            self._follower.add_proven([(gateway, name) for gateway, name in pairs if gateway in answered])
            self.holding = self.holding.with_uplinks(self._follower.uplinks)

    def problems(self) -> list[str]:
        """What of that which others have changed does not hold."""
        statuses = self._context.peer.rows(intent_status_word("guard"))
        bad = {key: status for key, status in statuses.items() if isinstance(status, FailedStatus | RejectedStatus)}
        refused = [f"{key}: {unapplied_intent_reason(status)}" for key, status in sorted(bad.items())]
        return [*refused, *([self._follower.problem] if self._follower.problem else [])]


def _addresses_in_vpp(uplink: DrivenUplink, context: GuardContext) -> set[str]:
    return set(uplink_vpp_addresses(uplink.captured, context.config.debug.translateUplinkAddrMaskTo64))
