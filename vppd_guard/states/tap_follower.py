"""Edge: looks what others have changed on the host taps, and keeps the undo journal up to date with it.

What is given back at the end is what holds then (`linux/following.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from schemas.words import owner_of_word
from vppd_guard.linux.captured import CapturedLink, is_link_local_address
from vppd_guard.linux.differences import comparable_linux_route
from vppd_guard.linux.following import TapState, changes_in_words, correct_tap_to, follow_tap, missing_routes
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.tap import configure_host_tap, correct_tap, read_tap, tap_link_index
from vppd_guard.linux.tap_plan import TapPlan
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.records import UplinkCapturedRecord
from vppd_guard.uplink.uplinks import DrivenUplink, uplink_probe_targets

_LOOK_S_MAX = 5.0
_TRIES_MAX = 30  # to get a first answer of a gateway, a second apart
_TAP_S_MAX = 10.0


class TapFollower:
    """The taps of a VPP that is up. `uplinks`: the main one first."""

    def __init__(self, context: GuardContext, uplinks: Sequence[DrivenUplink]) -> None:
        self.uplinks = tuple(uplinks)
        self.problem = ""  # why the undo journal is behind
        self._context = context
        self._taps: dict[str, TapState | None] = {}  # as the last look has read them
        self._unproven: dict[tuple[str, str], int] = {}  # (gateway, uplink) -> tries left
        self._written: dict[str, UplinkCapturedRecord] = {u.name: u.record for u in uplinks if u.tap_index}

    def _plan(self, number: int) -> TapPlan:
        """Linux's side of that uplink's tap. The main uplink's leads to services and pods too."""
        peer, config = self._context.peer, self._context.config
        owner = owner_of_word("ip-pool", config.node_source)
        pools = [pool.cidr for pool in peer.rows("ip-pool", owner).values()]
        return self.uplinks[number].tap_plan(
            () if number else (*config.service_prefixes, *pools),
            mtu=min(uplink.target.mtu for uplink in self.uplinks),
            vpp_prefixes_are_known=owner is None or peer.in_sync("ip-pool", owner),
        )

    async def configure(self, number: int) -> None:
        """Gives the tap of that uplink the uplink's state; from here on what others change on it is followed.

        Raises NoSuchLink, CannotRestoreLink, TimeoutError. If the undo journal cannot be written, it is behind.
        """
        uplink, executor = self.uplinks[number], self._context.executor
        plan = self._plan(number)
        index = await executor.run(_TAP_S_MAX, configure_host_tap, plan)
        tap = await executor.run(_LOOK_S_MAX, read_tap, uplink.name)
        unseen = missing_routes(plan, tap) if tap else frozenset()
        self._put(number, replace(uplink, tap_index=index, unseen=unseen))
        await self._write_what_is_behind()

    async def look(self) -> bool:
        """Has anything been followed? Raises OSError, TimeoutError."""
        before = self.uplinks
        for number, uplink in enumerate(before):
            if uplink.tap_index:
                await self._look_at(number)
        await self._write_what_is_behind()
        return any(now.captured is not was.captured for now, was in zip(self.uplinks, before, strict=True))

    async def _look_at(self, number: int) -> None:
        uplink, context = self.uplinks[number], self._context
        tap = self._taps[uplink.name] = await context.executor.run(_LOOK_S_MAX, read_tap, uplink.name)
        if tap is None or tap.link_index != uplink.tap_index:
            self._taps[uplink.name] = None  # another tap than was configured: what it lacks nobody has removed
            return
        plan = self._plan(number)
        configured = bool(uplink.target.spec.mtu)
        captured = follow_tap(plan, tap, uplink.unseen, mtu_is_configured=configured)
        if captured is not plan.captured:
            self._put(number, self._with_capture(uplink, captured, main=number == 0))
            for change in changes_in_words(plan.captured, captured):
                context.log.info("followed", uplink=uplink.name, change=change)
                context.note(f"{uplink.name}: {change}")

    async def configure_new_taps(self) -> None:
        """Gives taps that were made anew, as after somebody has deleted one in VPP, what the old ones had.

        Raises NoSuchLink, CannotRestoreLink, TimeoutError.
        """
        for number, uplink in enumerate(self.uplinks):
            index = await self._context.executor.run(_LOOK_S_MAX, tap_link_index, uplink.name)
            if index and uplink.tap_index and index != uplink.tap_index:
                self._context.log.warning("the host's tap is another one", uplink=uplink.name)
                await self.configure(number)

    def _with_capture(self, uplink: DrivenUplink, captured: CapturedLink, *, main: bool) -> DrivenUplink:
        """The uplink with a newer capture. Gateways that are none any more are not asked any more."""
        config = self._context.config
        old, new = (set(uplink_probe_targets(one, config, main=main)) for one in (uplink.captured, captured))
        for gateway in old - new:
            self._unproven.pop((gateway, uplink.name), None)
        self._unproven |= {
            (gateway, uplink.name): _TRIES_MAX for gateway in new - old if not is_link_local_address(gateway)
        }
        return uplink.with_capture(captured).with_answers(set(uplink.answered) - (old - new))

    def unproven_gateways(self) -> list[tuple[str, str]]:
        """Gateways, each with its uplink, that others have set and that have not answered through VPP yet."""
        pairs = list(self._unproven)
        self._unproven = {pair: tries - 1 for pair, tries in self._unproven.items() if tries > 1}
        return pairs

    def add_proven(self, pairs: Collection[tuple[str, str]]) -> None:
        """These gateways have answered through VPP, and must from now on."""
        for number, uplink in enumerate(self.uplinks):
            if proven := {gateway for gateway, name in pairs if name == uplink.name}:
                self._put(number, uplink.with_answers({*uplink.answered, *proven}))
        self._unproven = {pair: tries for pair, tries in self._unproven.items() if pair not in pairs}

    async def _write_what_is_behind(self) -> None:
        self.problem = ""
        for uplink in self.uplinks:
            if uplink.tap_index and self._written.get(uplink.name) != uplink.record:
                try:
                    await self._write(uplink)
                except OSError as error:
                    self.problem = f"undo journal: {error.strerror or error}: what has changed would not be given back"
                    self._context.warn_once(self.problem)

    async def _write(self, uplink: DrivenUplink) -> None:
        record = uplink.record
        await self._context.replace_captured(record)
        self._written[uplink.name] = record

    async def correct(self) -> None:
        """Brings the taps into the form that leads through VPP, as far as others have left it.

        Goes by what the last look has read: what somebody removes meanwhile is not missing, and not put back.
        """
        for number, uplink in enumerate(self.uplinks):
            if tap := self._taps.pop(uplink.name, None):
                await self._correct(number, uplink, tap)

    async def _correct(self, number: int, uplink: DrivenUplink, tap: TapState) -> None:
        context = self._context
        plan = self._plan(number)
        correction = correct_tap_to(plan, tap, uplink.unseen)
        if not correction.is_needed:
            return
        neighbour = (plan.next_hop6, plan.vpp_mac) if plan.next_hop6 else None
        try:
            problems = await context.executor.run(_TAP_S_MAX, correct_tap, uplink.name, correction, neighbour)
        except (NoSuchLink, OSError) as error:
            problems = [str(error)]
        for problem in problems:
            context.warn_once(f"{uplink.name}: {problem}")
        after = await context.executor.run(_LOOK_S_MAX, read_tap, uplink.name)
        if after is not None:  # what the kernel refuses is not asked of it again and again
            refused = missing_routes(plan, after) & set(map(comparable_linux_route, correction.added))
            self._put(number, replace(uplink, unseen=uplink.unseen | refused))

    def _put(self, number: int, uplink: DrivenUplink) -> None:
        self.uplinks = (*self.uplinks[:number], uplink, *self.uplinks[number + 1 :])
