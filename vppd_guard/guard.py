"""Runs the actions of the states, and tells the bus. What follows from what is in `life.py`.

Before each change of Linux the undo journal is written; restoring needs neither the bus nor VPP.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bus.log import Log
from bus.peer import AskFailed, Peer
from schemas.codec import fingerprint
from schemas.config import NodeConfig, UplinkSpec
from schemas.facts import Uplink, VppProcess
from schemas.intents import Intent, interface_key
from schemas.requests import Ping
from schemas.statuses import Applied, Failed, Pending, Rejected
from schemas.topics import INTENT, status_word
from vppd_guard import captured as shape
from vppd_guard import linux, probe, undo, vpp
from vppd_guard.captured import CannotCapture, Captured
from vppd_guard.drivers.registry import driver_named
from vppd_guard.life import Event, Life, State, rest_s, step
from vppd_guard.startup_conf import BadTemplate, Driven, Rendered, render
from vppd_guard.wanted import intents, mtu, tap_name, through_vpp, uplink_name

VPP_ANSWERS_S_MAX = 10.0
PREFLIGHT_PAUSE_S = 0.2
HEARTBEAT_S = 0.5
GATEWAY_BEFORE_S = 1.0
VPP_SIDE_MAC = "02:ca:11:c0:fd:00"


class Trouble(Exception):
    """An action failed; the text says why."""


class Guard:
    """One uplink, one VPP."""

    def __init__(self, config: NodeConfig, uplink: UplinkSpec, peer: Peer, log: Log) -> None:
        self.config, self.uplink, self.peer, self.log = config, uplink, peer, log
        self.journal = undo.UndoJournal(config.state / "guard")
        self.life = Life()
        self.captured: Captured | None = None
        self.process: vpp.VppProcess | None = None
        self.changed_at = time.monotonic()
        self.trouble = ""
        self._ended = ""  # why the last VPP ended
        self._taken_at = 0.0
        self._actions: dict[State, Callable[[], Awaitable[None]]] = {
            State.PREFLIGHT: self._preflight,
            State.CAPTURED: self._take,
            State.TAKEN: self._start_vpp,
            State.UP: self._configure,
            State.CONFIGURED: self._give_host,
            State.RUNNING: self._run,
            State.RESTORING: self._restore,
            State.RESTING: self._rest,
        }

    # --- the loop

    async def live(self, stop: asyncio.Event) -> int:
        """Until stopped. Returns the exit code: 0 if Linux has everything back."""
        self.peer.subscribe(status_word("guard"))
        beating = asyncio.create_task(self._beat())
        await self._first_state()
        self._report()
        while self.life.state is not State.STOPPED:
            event = await self._act(stop)
            self._enter(step(self.life, event, time.monotonic()), event)
        beating.cancel()
        return 1 if self.journal.read() else 0

    async def _first_state(self) -> None:
        """What an earlier guard has left: a VPP to adopt, something to undo, or nothing."""
        records = self.journal.read()
        self.captured, left = undo.captured_in(records), undo.vpp_in(records)
        if self.captured is None:
            return
        self.process = vpp.adopt(left.pid, left.started) if left else None
        adoptable = self.process is not None and self.captured.name == self.uplink.interfaceName
        # A guard that was killed right after starting VPP could not note it: such a VPP is ended, not adopted.
        self.process = self.process or vpp.find(self.config.vpp_run / "startup.conf")
        if self.process is not None and adoptable:
            self.log.info("adopted", pid=self.process.pid, uplink=self.captured.name)
            self.life = Life(state=State.UP)
        else:
            self.log.warning("unfinished business", records=len(records), uplink=self.captured.name)
            self.life = Life(state=State.RESTORING)

    async def _act(self, stop: asyncio.Event) -> Event:
        """Runs the state's action; VPP's end and the order to stop cut it short, but never restoring."""
        action: asyncio.Future[Any] = asyncio.ensure_future(self._actions[self.life.state]())
        watched: dict[asyncio.Future[Any], Event] = {}
        if self.life.state is not State.RESTORING:
            watched[asyncio.ensure_future(stop.wait())] = Event.STOP
            if self.process is not None:
                watched[asyncio.ensure_future(self.process.ended.wait())] = Event.VPP_ENDED
        await asyncio.wait([action, *watched], return_when=asyncio.FIRST_COMPLETED)
        first = next((event for future, event in watched.items() if future.done()), None)
        for future in (*watched, *([action] if first else [])):
            future.cancel()
        results = await asyncio.gather(action, *watched, return_exceptions=True)
        if first is not None:
            self.trouble = f"VPP {self.process.reason}" if first is Event.VPP_ENDED and self.process else ""
            return first
        return self._outcome(results[0])

    def _outcome(self, result: object) -> Event:
        if not isinstance(result, BaseException):
            self.trouble = ""
            return Event.DONE
        self.trouble = str(result) or type(result).__name__
        if not isinstance(result, Trouble | CannotCapture | linux.NoLink | BadTemplate | OSError | TimeoutError):
            self.trouble = f"{type(result).__name__}: {result}"
        return Event.LATE if isinstance(result, TimeoutError) else Event.FAILED

    def _enter(self, life: Life, event: Event) -> None:
        now = time.monotonic()
        took_ms = (now - self.changed_at) * 1000
        write = self.log.info if event in (Event.DONE, Event.STOP) else self.log.warning
        why = {"why": self.trouble} if self.trouble else {}
        write("state", was=self.life.state.value, by=event.value, now=life.state.value, took_ms=took_ms, **why)
        self.life, self.changed_at = life, now
        self._report()

    def _report(self) -> None:
        """The facts, and our own readiness."""
        state = self.life.state
        running = state is State.RUNNING
        waiting = () if running else (f"{state.value}: {self.trouble}" if self.trouble else state.value,)
        self.peer.ready, self.peer.waiting = running, waiting
        vpp_up = self.process is not None and not self.process.ended.is_set()
        pid = self.process.pid if self.process and vpp_up else 0
        process = VppProcess(state="up" if vpp_up else "down", pid=pid, reason="" if vpp_up else self._ended)
        self.peer.publish("vpp", {"vpp": process})
        if self.captured is not None:
            self.peer.publish("uplink", {self.captured.name: self._uplink_fact(self.captured)})

    def _uplink_fact(self, captured: Captured) -> Uplink:
        state = {State.RUNNING: "running", State.UP: "taking", State.CONFIGURED: "taking", State.TAKEN: "taking"}
        return Uplink(
            state=state.get(self.life.state, "linux"),
            mtu=mtu(captured, self.uplink),
            interface=uplink_name(captured.name),
            host_tap=tap_name(captured.name),
            addresses=tuple(shape.addresses(captured)),
            next_hop4=shape.next_hop(captured, 4),
            next_hop6=shape.next_hop(captured, 6),
        )

    async def _beat(self) -> None:
        while True:
            self.peer.progress += 1
            await asyncio.sleep(HEARTBEAT_S)

    # --- the actions

    async def _preflight(self) -> None:
        """Nothing is taken before the bus and the writer answer and VPP's configuration can be rendered."""
        if not self.config.vpp_binary.exists():
            raise Trouble(f"VPPD_VPP_BIN: {self.config.vpp_binary}: no such file")
        while True:
            try:
                await self.peer.ask("vpp-writer", Ping(), timeout_s=1.0)
                break
            except AskFailed as failed:
                self.peer.waiting = (f"preflight: {failed.reason}",)
                await asyncio.sleep(PREFLIGHT_PAUSE_S)
        name = self.uplink.interfaceName
        if await asyncio.to_thread(linux.is_tap, name):
            raise Trouble(f"uplink {name}: is a tap; another VPP holds it")
        captured = await asyncio.to_thread(linux.capture, name)
        shape.check(captured, self.uplink.ipFamilies)
        self._render(captured)
        self.captured = await self._with_gateway(captured)

    async def _with_gateway(self, captured: Captured) -> Captured:
        """Notes whether the gateway answers now: only then must it answer through VPP."""
        gateway = shape.gateway(captured, 4) or shape.gateway(captured, 6)
        if gateway is None:
            return captured
        answers = await probe.answers(gateway, captured.name, GATEWAY_BEFORE_S)
        return Captured(**{f: getattr(captured, f) for f in captured.__struct_fields__} | {"gateway_answers": answers})

    async def _take(self) -> None:
        """The link leaves Linux for VPP's namespace."""
        captured = self._captured()
        self._taken_at = time.monotonic()
        self.journal.note(undo.UplinkCaptured(captured))
        await asyncio.to_thread(linux.ensure_netns, self.config.vpp_netns)
        self.journal.note(undo.LinkMoved(captured.name, self.config.vpp_netns))
        await asyncio.to_thread(linux.promiscuous, captured.name, True)
        await asyncio.to_thread(linux.move_away, captured.name, self.config.vpp_netns)

    async def _start_vpp(self) -> None:
        """VPP runs and accepts API clients."""
        rendered = self._render(self._captured())
        run = self.config.vpp_run
        run.mkdir(mode=0o755, parents=True, exist_ok=True)
        (run / "startup.conf").write_text(rendered.conf)
        (run / "startup.exec").write_text(rendered.exec)
        self.config.vpp_api.unlink(missing_ok=True)
        self.process = vpp.start(
            self.config.vpp_binary,
            run / "startup.conf",
            self.config.vpp_netns,
            self.config.vpp_preload,
            run / "vpp.log",
        )
        self.journal.note(undo.VppStarted(self.process.pid, self.process.started))
        if not await self.process.answers(self.config.vpp_api, VPP_ANSWERS_S_MAX):
            raise Trouble(f"VPP {self.process.reason or 'does not accept API clients'}; see {run / 'vpp.log'}")

    def _render(self, captured: Captured) -> Rendered:
        return render(self.config, [Driven(captured, self.uplink, driver_named("af_packet"))])

    async def _configure(self) -> None:
        """Uplink and host tap are in VPP; Linux's side of the tap is dressed as soon as there is a tap."""
        async with asyncio.timeout(self.config.takeover_wait_s):
            await self._configured()

    async def _configured(self) -> None:
        captured = self._captured()
        # An adopted VPP has a tap that is up: it stays so.
        adopted = await asyncio.to_thread(linux.is_tap, captured.name)
        wanted = intents(captured, self.uplink, self.config, tap_up=adopted)
        self.peer.publish(INTENT, wanted, cause=self.peer.cause("guard/uplink"))
        tap = wanted[interface_key(tap_name(captured.name))]
        await self._applied({tap.key: tap})
        await self._dress(captured)
        await self._applied(wanted)

    async def _dress(self, captured: Captured) -> None:
        hop, size = shape.next_hop(captured, 6), mtu(captured, self.uplink)
        services = through_vpp(captured, self.config)
        await asyncio.to_thread(linux.dress_tap, captured, size, hop, VPP_SIDE_MAC, services)

    async def _applied(self, wanted: dict[str, Intent]) -> None:
        """Waits until VPP, in its present life, holds all of these."""
        word = status_word("guard")
        while True:
            statuses = self.peer.rows(word)
            missing = [k for k, i in wanted.items() if not _is_applied(statuses.get(k), fingerprint(i))]
            epoch = next(iter(self.peer.rows("epoch").values()), None)
            if not missing and epoch and self.process and epoch.connected and epoch.pid == self.process.pid:
                return
            key = missing[0] if missing else "VPP"
            self.peer.waiting = (f"{self.life.state.value}: {key}: {_why(statuses.get(key))}",)
            self.trouble = self.peer.waiting[0]
            await self.peer.changes(HEARTBEAT_S)

    async def _give_host(self) -> None:
        """The tap is up and the host reaches its gateway through VPP as it did before."""
        captured = self._captured()
        wanted = intents(captured, self.uplink, self.config, tap_up=True)
        self.peer.publish(INTENT, wanted, cause=self.peer.cause("guard/host"))
        async with asyncio.timeout(self.config.takeover_wait_s):
            await self._applied(wanted)
        gateway = shape.gateway(captured, 4) or shape.gateway(captured, 6)
        asked = gateway if captured.gateway_answers and self.config.gateway_wait_s else None
        if asked and not await probe.answers(asked, captured.name, self.config.gateway_wait_s):
            raise Trouble(f"gateway {asked} does not answer through VPP: the NIC is given back")
        if self._taken_at:
            self.log.info("taken over", uplink=captured.name, took_ms=(time.monotonic() - self._taken_at) * 1000)
        self._taken_at = 0.0

    async def _run(self) -> None:
        """Until something happens; what the writer says is heard so that nothing piles up."""
        self.peer.counters["takeovers"] += 1
        while True:
            await self.peer.changes(HEARTBEAT_S)

    async def _restore(self) -> None:
        """Linux has its link back, as it was. VPP ends first: its tap holds the link's name."""
        started = time.monotonic()
        if self.process is not None:
            await self.process.stop()
            self._ended, self.process = self.process.reason, None
        records = self.journal.read()
        captured = undo.captured_in(records)
        if captured is not None:
            await asyncio.to_thread(give_back, captured, records)
            self.log.info("restored", uplink=captured.name, took_ms=(time.monotonic() - started) * 1000)
        self.journal.clear()
        self.peer.counters["restores"] += 1

    async def _rest(self) -> None:
        """On plain Linux, the longer the more often VPP has failed in a row."""
        await asyncio.sleep(rest_s(self.life))

    def _captured(self) -> Captured:
        if self.captured is None:
            raise Trouble("nothing captured")
        return self.captured


def give_back(captured: Captured, records: list[undo.Record]) -> None:
    """Undoes what the records tell. Blocking. Raises NoLink, OSError."""
    for record in reversed(records):
        if isinstance(record, undo.LinkMoved):
            linux.bring_back(captured, record.netns)
    linux.restore(captured)


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
