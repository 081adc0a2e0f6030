"""A life of the writer without the bus: claims are put into its objects, turns are made one by one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.vpp_writer.apply.drift import DriftCheck
from actors.vpp_writer.apply.journal import WriterJournal, WriterJournalContents
from actors.vpp_writer.apply.meeting import identify_vpp_life
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.apply.writer import VppObjectWriter
from actors.vpp_writer.kinds import vpp_request_names
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp.client import VppApiClient, VppApiGone
from actors.vpp_writer.vpp.definitions import VppApiDefinitions
from schemas.codec import value_fingerprint
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, IntentStatus
from tests.contract.machine import Vpp

DUE_S_MAX = 5.0


class Cut(Exception):
    """The writer dies here."""


class WriterLife:
    """One life of the writer's process. `directory` outlives it: the journal is there."""

    def __init__(self, socket: Path, directory: Path, runner: asyncio.Runner) -> None:
        self.socket, self.directory, self.runner = socket, directory, runner
        self.objects = ManagedObjects()
        self.journal = WriterJournal(directory / "journal")
        self.peer: Any = SimpleNamespace(counters=Counter(), tapped=False, trace=lambda *_, **__: None)
        self.recalled = WriterJournalContents()
        self.api: VppApiClient | None = None
        self.writer: VppObjectWriter | None = None
        self.version = ""

    def connect(self) -> "WriterLife":
        """Recalls the journal and meets VPP, as the process does at its start and after a new VPP."""
        if self.writer is None:
            self._recall()
        self.runner.run(self._meet())
        return self

    def _recall(self) -> None:
        self.recalled = self.journal.recall()
        for key, held_object in self.recalled.objects.items():
            self.objects.hold(key, held_object)
            self.objects.claims.set(held_object.owner, key, held_object.intent)

    async def _meet(self) -> None:
        if self.writer is not None:
            self.recalled.unfinished = dict(self.writer.unfinished)
        if self.api is not None:
            await self.api.close()
        self.api = await VppApiClient.connect(self.socket, VppApiDefinitions(vpp_request_names(), self.directory))
        self.writer = VppObjectWriter(self.api, self.objects, self.journal, self.peer)
        life = await identify_vpp_life(self.api)
        await self.writer.meet(life, self.recalled)
        self.version = str((await self.api.request("show_version")).version)
        self.recalled.life = VppLifeRecord(self.writer.epoch, life.pid, life.started, self.objects.suspects)

    def die_at(self, call: int, *, answered: bool) -> None:
        """This life ends at its write call of that number: before it is sent, or when VPP has done it."""
        api = self.api
        assert api is not None
        post, post_batch, numbers = api.post, api.post_batch, count()

        def mortal(message: str, fields: Any, take: Any) -> None:
            number = next(numbers)
            if number < call:
                post(message, fields, take)
            elif number == call and answered:
                post(message, fields, lambda _: take(Cut(message)))
            else:
                take(Cut(message))

        def mortal_many(message: str, bodies: Any, on_replies: Any, *, plain: bool = False) -> None:
            alive = [number for number, _ in zip(numbers, bodies, strict=False) if number < call + answered]
            cut = [Cut(message)] * (len(bodies) - len(alive))
            if alive and alive[-1] == call:
                post_batch(
                    message, bodies[: len(alive)], lambda got: on_replies([*got[:-1], Cut(message), *cut]), plain=plain
                )
            elif alive:
                post_batch(message, bodies[: len(alive)], lambda got: on_replies([*got, *cut]), plain=plain)
            else:
                on_replies(cut)

        api.post, api.post_batch = mortal, mortal_many  # type: ignore[method-assign]

    def deadly(self, data: bytes, kill: Callable[[], None]) -> None:
        """VPP dies of each call with these bytes in it."""
        api = self.api
        assert api is not None
        post, post_batch = api.post, api.post_batch

        def posting(message: str, fields: Any, take: Any) -> None:
            if data in api.packed(message, fields):
                kill()
            post(message, fields, take)

        def posting_many(message: str, bodies: Any, on_replies: Any, *, plain: bool = False) -> None:
            if any(data in body for body in bodies):
                kill()
            post_batch(message, bodies, on_replies, plain=plain)

        api.post, api.post_batch = posting, posting_many  # type: ignore[method-assign]

    def look(self) -> set[str]:
        """One whole pass of the drift check, and a turn. Returns what was lost."""
        writer = self.writer
        assert writer is not None

        async def whole() -> set[str]:
            drift = DriftCheck(1.0, -1.0)
            missing = await writer.check_drift(drift)
            while drift.in_pass:
                missing |= await writer.check_drift(drift)
            return missing

        missing = self.runner.run(whole())
        self.turn()
        return missing

    def want(self, *intents: Intent, owner: str = "guard") -> "WriterLife":
        """This is all that the owner wants; one turn."""
        rows = {intent.key: intent for intent in intents}
        assert len(rows) == len(intents), "two intents share a key"
        self.objects.queue.add(self.objects.claims.replace(owner, rows))
        return self.turn()

    def turn(self) -> "WriterLife":
        assert self.writer is not None
        self.runner.run(self.writer.turn())
        return self

    def status(self, intent: Intent, owner: str = "guard") -> IntentStatus | None:
        return self.objects.statuses.get(owner, intent.key)

    def unapplied(self, intents: Iterable[Intent], owner: str = "guard") -> dict[str, IntentStatus | None]:
        """Those of the intents that VPP does not hold as said, with their statuses."""
        statuses = {intent.key: (intent, self.status(intent, owner)) for intent in intents}
        return {key: status for key, (intent, status) in statuses.items() if not _holds(intent, status)}

    @property
    def writes(self) -> int:
        return self.peer.counters["vpp_writes_total"]  # type: ignore[no-any-return]

    def crash(self) -> None:
        """Ends at once: VPP sees the socket close, the journal stays as it is."""
        self.runner.run(self._close(polite=False))

    def stop(self) -> None:
        """Ends as on SIGTERM."""
        self.runner.run(self._close(polite=True))

    async def _close(self, *, polite: bool) -> None:
        self.journal.close()
        if self.api is None:
            return
        if not polite:
            self.api.closed.set()  # no farewell is sent any more
        await self.api.close()
        self.api = None


def kill_vpp_twice_writing(intent: Intent, writer: WriterLife, vpp: Vpp) -> None:
    """Two lives of VPP in a row end while the intent is being written."""
    for _ in range(2):
        writer.die_at(0, answered=False)
        with pytest.raises(Cut):
            writer.want(intent)
        vpp.kill()
        vpp.start()
        writer.connect()


def _holds(intent: Intent, status: IntentStatus | None) -> bool:
    return isinstance(status, AppliedStatus) and status.generation == value_fingerprint(intent)


__all__ = ["Cut", "VppApiGone", "WriterLife", "kill_vpp_twice_writing"]
