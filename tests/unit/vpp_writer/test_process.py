"""The writer's process between a bus and a VPP that the test decides on: what VPP is asked for, and when."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.vpp_writer.apply import journal
from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.journal import WriterJournal
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.process import WriterProcess
from actors.vpp_writer.reconcile.claims import SLICE
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.livelock import STEPS_MAX
from bus.subscriptions import StreamChange, StreamSynced
from schemas.intents import Intent, LoopbackIntent
from schemas.statuses import AppliedStatus, FailedStatus, IntentStatus
from schemas.words import INTENT_WORD, intent_status_word
from tests.unit.vpp_writer.reconcile.test_urgency import planned, route
from tests.unit.vpp_writer.scripted_vpp import WORDS, ScriptedVpp, serving
from tests.waiting import until_async

MANY = 10 * SLICE
POD = LoopbackIntent("pod/a", "02:00:00:00:00:0a", "pod-a")
PATIENCE_S = 30.0


def rows(intents: Iterable[Intent]) -> dict[str, Intent]:
    return {intent.key: intent for intent in intents}


class ScriptedBus:
    """A peer whose events are told one batch after another; `delivered` is called with each before it is."""

    def __init__(self, views: Mapping[str, dict[str, Intent]], *batches: list[Any]) -> None:
        self.views, self.batches = dict(views), list(batches)
        self.delivered: Callable[[list[Any]], None] = lambda _: None
        self.statuses: dict[str, dict[str, IntentStatus]] = {}
        self.waits_s: list[float] = []
        self.counters: Counter[str] = Counter()
        self.progress, self.broker_session, self.waiting, self.ready, self.tapped = 0, 1, (), False, False

    async def changes(self, wait_s: float, _number_max: int) -> list[Any]:
        self.waits_s.append(wait_s)
        await asyncio.sleep(min(wait_s, 0.01))
        batch = self.batches.pop(0) if self.batches else []
        self.delivered(batch)
        return batch

    def view(self, _word: str, owner: str) -> dict[str, Intent]:
        return self.views[owner]

    def publish(self, word: str, published: Mapping[str, Any]) -> None:
        self.statuses[word] = dict(published)

    def update_rows(self, word: str, changed: Mapping[str, Any], _causes: object) -> None:
        statuses = self.statuses.setdefault(word, {})
        for key, status in changed.items():
            if status is None:
                statuses.pop(key, None)
            else:
                statuses[key] = status

    def applied(self, owner: str) -> set[str]:
        """Keys of what this owner has been told to be applied."""
        statuses = self.statuses.get(intent_status_word(owner), {})
        return {key for key, status in statuses.items() if isinstance(status, AppliedStatus)}

    def subscribe(self, *_: str) -> None: ...

    def interrupt(self) -> None: ...

    def trace(self, *_: Any, **__: Any) -> None: ...


class CountingLog:
    """A log that keeps its errors."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []

    def info(self, *_: Any, **__: Any) -> None: ...

    def warning(self, *_: Any, **__: Any) -> None: ...

    def error(self, _event: str, **fields: Any) -> None:
        self.errors.append(fields)


class World:
    """The process with its bus, its log and its VPP. `run` ends when the condition holds."""

    def __init__(self, directory: Path, bus: ScriptedBus) -> None:
        self.bus, self.log, self.vpp, self.stop = bus, CountingLog(), ScriptedVpp(), asyncio.Event()
        self.directory = directory
        config = SimpleNamespace(run=directory, vpp_api=directory / "api.sock", vpp_window=128, readback_s=0.0)
        self.process = WriterProcess(cast(Any, config), cast(Any, bus), cast(Any, self.log), self.stop)

    def run(self, until: Callable[[], bool]) -> None:
        asyncio.run(asyncio.wait_for(self._run(until), PATIENCE_S))

    async def _run(self, until: Callable[[], bool]) -> None:
        async with serving(self.directory, self.vpp):
            running = asyncio.create_task(self.process.run())
            await until_async(lambda: running.done() or until(), "the process has come there", PATIENCE_S)
            assert not running.done(), running.exception()
            self.stop.set()
            await running

    def calls(self, message: str) -> list[Any]:
        """What VPP was asked for with this message, decoded, in order."""
        return [WORDS.decode(name, data) for name, data in self.vpp.requests if name == message]


def test_an_interface_is_not_kept_waiting_by_the_first_complete_stream_of_another_owner(tmp_path: Path) -> None:
    bus = ScriptedBus(
        {"routing": rows(map(route, range(MANY))), "cni": {}},
        [StreamSynced(INTENT_WORD, "cni"), StreamSynced(INTENT_WORD, "routing")],
        [StreamChange(INTENT_WORD, "cni", POD.key, POD)],
    )
    world = World(tmp_path, bus)
    queued, position = [0], [0]

    def delivered(batch: list[Any]) -> None:
        queued.append(len(world.process.objects.queue))
        if any(isinstance(event, StreamChange) for event in batch):
            position[0] = len(world.vpp.requests)

    bus.delivered = delivered
    world.run(lambda: len(bus.applied("routing")) == MANY and POD.key in bus.applied("cni"))
    growth = [after - before for before, after in pairwise(queued)]
    assert max(growth) <= SLICE + 1, "no turn takes in more"
    after_it_was_said = [name for name, _ in world.vpp.requests[position[0] :]]
    assert after_it_was_said[0] == "create_loopback", "its plan is the next, and it is alone in it"
    assert len(world.calls("ip_route_add_del")) == MANY


def test_nothing_is_removed_before_the_owner_has_said_all(tmp_path: Path) -> None:
    held = {intent.key: HeldObject("routing", intent) for intent in map(route, range(2))}
    journal = WriterJournal(tmp_path / "writer" / "journal")
    journal.start(VppLifeRecord(1, 0, 0), held)
    journal.close()
    bus = ScriptedBus(
        {"routing": rows([route(1)])},
        [StreamChange(INTENT_WORD, "routing", route(1).key, route(1))],
        [],
        [StreamSynced(INTENT_WORD, "routing")],
    )
    world = World(tmp_path, bus)
    calls_before_all_was_said = list[Any]()

    def delivered(batch: list[Any]) -> None:
        if batch and isinstance(batch[0], StreamSynced):
            calls_before_all_was_said.extend(world.calls("ip_route_add_del"))

    bus.delivered = delivered
    world.run(lambda: bus.applied("routing") == {route(1).key} and bool(_deletes(world)))
    assert not [call for call in calls_before_all_was_said if not call.is_add]
    (call,) = world.calls("ip_route_add_del")[len(calls_before_all_was_said) :]
    assert not call.is_add, "nothing is written, either"
    assert f"{ip_address(call.route.prefix.address.un.ip4)}/{call.route.prefix.len}" == route(0).prefix


def _deletes(world: World) -> list[Any]:
    return [call for call in world.calls("ip_route_add_del") if not call.is_add]


class TirelessWriter:
    """A writer that always has something to do."""

    epoch = 1

    async def step(self) -> bool:
        return True


def test_objects_that_undo_one_another_cost_some_steps_a_second_and_one_line(tmp_path: Path) -> None:
    bus = ScriptedBus({"cni": rows([POD])})
    world = World(tmp_path, bus)

    async def turns(number: int) -> None:
        for _ in range(number):
            await world.process.turn(cast(Any, TirelessWriter()), DriftCheck(0.0, 0.0))

    asyncio.run(turns(3 * STEPS_MAX))
    assert bus.waits_s.count(0) == STEPS_MAX
    assert all(wait_s > 0 for wait_s in bus.waits_s[STEPS_MAX:])
    assert len(world.log.errors) == 1
    bus.batches, bus.waits_s = [[StreamSynced(INTENT_WORD, "cni")]], []
    asyncio.run(turns(2))
    assert bus.waits_s[-1] == 0, "what is new is done at once"


def test_a_long_first_stream_is_not_taken_for_objects_that_undo_one_another(tmp_path: Path) -> None:
    routes = rows(map(route, range(2 * STEPS_MAX * SLICE)))
    bus = ScriptedBus({"routing": routes}, [], [StreamSynced(INTENT_WORD, "routing")])
    world = World(tmp_path, bus)
    objects = world.process.objects

    class PlanningWriter:
        """Its VPP takes everything."""

        epoch = 1

        async def step(self) -> bool:
            return bool(planned(objects))

    async def turns() -> None:
        while bus.batches or world.process.takeovers or objects.queue:
            await world.process.turn(cast(Any, PlanningWriter()), DriftCheck(0.0, 0.0))

    asyncio.run(turns())
    assert objects.held.keys() == routes.keys()
    assert not world.log.errors
    assert set(bus.waits_s[2:]) == {0}


def test_a_refused_object_is_tried_again_although_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = ScriptedBus({"cni": rows([POD])}, [StreamSynced(INTENT_WORD, "cni")])
    world = World(tmp_path, bus)
    wall_clock, set_back_s = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: wall_clock() - set_back_s[0])

    def answer(message: str, context: int) -> bytes:
        refused = message == "create_loopback" and len(world.calls(message)) == 1
        return world.vpp.reply(message, context, retval=-1 if refused else 0)

    def is_applied() -> bool:
        status = bus.statuses.get(intent_status_word("cni"), {}).get(POD.key)
        if isinstance(status, FailedStatus):
            assert abs(status.retry_at - time.time()) < PATIENCE_S or set_back_s[0], "people are told by their clock"
            set_back_s[0] = 3600
        return isinstance(status, AppliedStatus)

    world.vpp.answer = answer
    world.run(is_applied)
    assert set_back_s[0], "it was refused first"


def test_a_journal_without_room_is_named_until_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = ScriptedBus({"cni": rows([POD])}, [StreamSynced(INTENT_WORD, "cni")])
    world = World(tmp_path, bus)
    write, names = os.write, list[str]()
    monkeypatch.setattr(os, "write", lambda handle, data: 0)
    monkeypatch.setattr(journal, "JOURNAL_AGAIN_S", 0.0)

    def is_well_again() -> bool:
        if bus.applied("cni") == {POD.key} and bus.waiting:
            names.extend(bus.waiting)
            monkeypatch.setattr(os, "write", write)
        return bool(names) and bus.ready

    world.run(is_well_again)
    assert names[0] == f"journal: {tmp_path}/writer/journal: No space left on device"
    assert [error["why"] for error in world.log.errors] == [names[0].removeprefix("journal: ")]
    assert world.process.journal.trouble == ""
