"""How fast the writer is, beside other ways to make the same calls of the same VPP: `vpp_papi` one by one and many at a
time, bytes that were packed before, our writer from intents in memory, and our writer as a process behind the bus.

Then one change among many objects held, an interface while all routes are being loaded, and memory over many calls.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from actors.vpp_writer import gc_tuning
from actors.vpp_writer.apply.journal import WriterJournal, WriterJournalContents
from actors.vpp_writer.apply.meeting import identify_vpp_life
from actors.vpp_writer.apply.writer import VppObjectWriter
from actors.vpp_writer.kinds import vpp_request_names
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp.client import VppApiClient
from actors.vpp_writer.vpp.definitions import VppApiDefinitions
from bus.peer import BusPeer
from bus.subscriptions import StreamChange
from schemas.cnat import TranslationIntent
from schemas.intents import Intent, TapIntent
from schemas.npol import IpSetIntent
from schemas.statuses import AppliedStatus
from schemas.words import intent_status_word
from tools.bench import writerload
from tools.bench.rig import BenchFailed, Rig, memory_mb, quantiles_ms
from tools.bench.vppclients import WINDOWS, PrepackedClient, SyncClient, async_rate
from tools.bench.writerload import Load

SYNC_CALLS_MAX = 5000  # of vpp_papi's, which takes long
CHANGES = 300
TRANSLATIONS_PER_ROUTE, TAPS = 10, 100
CONNECT_S_MAX = 30.0
DONE_S_MAX = 300.0


class Local:
    """The writer in this process: intents go straight into its objects."""

    def __init__(self, api: VppApiClient, directory: Path) -> None:
        self.api, self.objects = api, ManagedObjects()
        self.peer = cast(BusPeer, SimpleNamespace(counters=Counter(), tapped=False, trace=lambda *_, **__: None))
        self.writer = VppObjectWriter(api, self.objects, WriterJournal(directory / "journal"), self.peer)

    async def bring(self, intents: Iterable[Intent], owner: str = "routing") -> float:
        """Makes these all that the owner wants. Returns s until every status is there. Raises BenchFailed."""
        rows = {intent.key: intent for intent in intents}
        began = time.monotonic()
        self.objects.queue.add(self.objects.claims.replace(owner, rows))
        while self.objects.has_work(time.monotonic()):
            await self.writer.step()
            self.objects.statuses.take_changes()
        took = time.monotonic() - began
        said = self.objects.statuses.get
        if wrong := [key for key in rows if not isinstance(said(owner, key), AppliedStatus)]:
            raise BenchFailed(f"{len(wrong)} not applied: {wrong[0]}: {said(owner, wrong[0])}")
        return took

    async def change(self, intent: Intent, owner: str = "routing") -> float:
        """One change; s until VPP has answered and the status is there."""
        began = time.monotonic()
        self.objects.claims.set(owner, intent.key, intent)
        self.objects.queue.add((intent.key,))
        await self.writer.turn()
        return time.monotonic() - began


class Remote:
    """The writer as a process of its own; the benchmark speaks as its owners."""

    def __init__(self, rig: Rig, peers: dict[str, BusPeer]) -> None:
        self.rig, self.peers = rig, peers
        for owner, peer in peers.items():
            peer.subscribe(intent_status_word(owner), "vpp-writer")
            peer.publish("intent", {})

    async def until(self, owner: str, keys: Iterable[str], *, withdrawn: bool = False) -> None:
        """Waits until these are applied, or have no status any more. Raises BenchFailed."""
        waiting = set(keys)
        deadline = time.monotonic() + DONE_S_MAX
        while waiting:
            if time.monotonic() > deadline:
                raise BenchFailed(f"{len(waiting)} of {owner} not done within {DONE_S_MAX:.0f} s")
            for event in await self.peers[owner].changes(1.0):
                if isinstance(event, StreamChange) and (
                    event.value is None if withdrawn else isinstance(event.value, AppliedStatus)
                ):
                    waiting.discard(event.key)

    async def bring(self, intents: Iterable[Intent], owner: str = "routing") -> float:
        """Makes these all that the owner wants; it wanted nothing before. Returns s until every status is there."""
        rows = {intent.key: intent for intent in intents}
        began = time.monotonic()
        self.peers[owner].publish("intent", rows)
        await self.until(owner, rows)
        return time.monotonic() - began

    async def withdraw(self, owner: str = "routing") -> None:
        """The owner wants nothing any more."""
        keys = list(self.peers[owner].rows(intent_status_word(owner)))
        self.peers[owner].publish("intent", {})
        await self.until(owner, keys, withdrawn=True)

    async def say(self, intent: Intent, owner: str) -> float:
        """One intent; s until its status has come."""
        began = time.monotonic()
        self.peers[owner].update_row("intent", intent.key, intent)
        await self.until(owner, [intent.key])
        return time.monotonic() - began


async def run(count: int, soak: int, vpp: str) -> dict[str, Any]:
    """The measurement. Raises BenchFailed."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="vppd-bench-", dir=_memory())))
        gc_tuning.tune_writer_garbage_collector()
        rig = Rig(directory, "", vpp)
        rig.start_vpp()
        stack.callback(rig.stop)
        path = rig.run / "vpp" / "vpp-api.sock"
        api = await _connect(path, directory)
        stack.push_async_callback(api.close)
        loads = [
            writerload.routes(count),
            writerload.translations(count // TRANSLATIONS_PER_ROUTE),
            writerload.members(count),
            writerload.taps(min(TAPS, count), stack.enter_context(_namespace())),
        ]
        local = Local(api, directory)
        await local.writer.meet(await identify_vpp_life(api), WriterJournalContents())
        result: dict[str, Any] = {"vpp": vpp, "routes": count}
        plain = SyncClient(path)
        stack.callback(plain.close)
        for load in loads:
            result[load.name] = await _column(load, path, plain, local)
        result["one change among"] = {str(held): await _changes(local, held) for held in _sizes(count)}
        result["memory"] = await _soak(local, rig, count, soak)
        await local.bring([])
        rig.start_others()
        await rig.listen()
        await stack.enter_async_context(rig.peer)
        async with _remote(rig, "routing", "services", "policy", "cni", "guard") as remote:
            for load in loads:
                result[load.name] |= await _over_the_bus(load, remote)
            result["one change over the bus"] = await _remote_changes(remote, count)
        async with _remote(rig, "services", "policy", "cni", "guard") as remote:
            result["interfaces during a load"] = await _during(remote, count)
        return result


@contextmanager
def _namespace() -> Iterator[Path]:
    """A network namespace for the interfaces' other ends. Raises BenchFailed."""
    name = f"vppd-bench-{os.getpid()}"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchFailed(f"no network namespace: {error}") from None
    try:
        yield Path("/run/netns") / name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _memory() -> str | None:
    """Where journals are in a node: in memory; None: there is no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _sizes(count: int) -> list[int]:
    return [count // 100, count // 10, count]


async def _connect(path: Path, cache: Path) -> VppApiClient:
    deadline = time.monotonic() + CONNECT_S_MAX
    while True:
        try:
            return await VppApiClient.connect(path, VppApiDefinitions(vpp_request_names(), cache))
        except Exception as error:
            if time.monotonic() > deadline:
                raise BenchFailed(f"VPP does not answer: {error}") from None
            await asyncio.sleep(0.1)


async def _column(load: Load, path: Path, plain: SyncClient, local: Local) -> dict[str, Any]:
    """Rows a second of each way."""
    ways = await _foreign_rates(load, path, plain)
    ways["our writer"] = load.rows / await local.bring(load.intents)
    await local.bring([])
    rates: dict[str, Any] = {"rows": load.rows} | {name: round(rate) for name, rate in ways.items()}
    rates["ratio to vpp_papi"] = round(ways["our writer"] / ways["vpp_papi"], 1)
    if "raw bytes" in ways:
        rates["ratio to raw bytes"] = round(ways["our writer"] / ways["raw bytes"], 2)
    return rates


async def _foreign_rates(load: Load, path: Path, plain: SyncClient) -> dict[str, float]:
    """Rows a second of the ways that are not ours; VPP is as before after each."""
    if load.kind is TapIntent:  # what they cost is Linux's time; one way will do
        began = time.monotonic()
        replies = [plain.call(*call) for call in load.calls]
        took = time.monotonic() - began
        for reply in replies:
            plain.call("tap_delete_v2", {"sw_if_index": reply.sw_if_index})
        return {"vpp_papi": load.rows / took}
    sets = [plain.call("npol_ipset_create", {"type": 0}).set_id for _ in load.intents if load.kind is IpSetIntent]
    calls = load.calls or writerload.member_calls(sets, load)
    rows_each, first_calls = load.rows / len(calls), calls[:SYNC_CALLS_MAX]
    ways = {"vpp_papi": plain.rate(first_calls) * rows_each}
    ways["vpp_papi, async"] = await async_rate(path, first_calls) * rows_each
    _undo(load, plain)
    raw, frames, best = PrepackedClient(path, plain), plain.packed(calls), 0.0
    for window in WINDOWS:
        best = max(best, raw.rate(frames, window))
        _undo(load, plain)
    raw.close()
    for number in sets:
        plain.call("npol_ipset_delete", {"set_id": number})
    return ways | {"raw bytes": best * rows_each}


def _undo(load: Load, plain: SyncClient) -> None:
    """Takes away what was made, so that it is made anew."""
    if load.kind is TranslationIntent:
        for row in plain.client.api.cnat_translation_dump():
            plain.call("cnat_translation_del", {"id": row.translation.id})
    elif load.undo:
        raw = PrepackedClient(plain.path, plain)
        raw.rate(plain.packed(load.undo), WINDOWS[-1], fine=True)
        raw.close()


async def _changes(local: Local, held: int) -> dict[str, float]:
    """ms of one changed route among so many."""
    await local.bring(writerload.route(number) for number in range(held))
    took = [await local.change(writerload.route(number % held, 1)) for number in range(CHANGES)]
    return quantiles_ms(took)


async def _soak(local: Local, rig: Rig, held: int, calls: int) -> dict[str, Any]:
    """Resident memory, MB, before and after many changes of routes that are held."""
    vpp = rig.processes["vpp"].pid
    before = (memory_mb(vpp), memory_mb(os.getpid()))
    for turn in range(1, calls // held + 1):
        await local.bring(writerload.route(number, turn) for number in range(held))
    after = (memory_mb(vpp), memory_mb(os.getpid()))
    return {
        "calls": calls // held * held,
        "vpp_mb": [round(each[0], 1) for each in (before, after)],
        "writer_mb": [round(each[1], 1) for each in (before, after)],
    }


@asynccontextmanager
async def _remote(rig: Rig, *owners: str) -> AsyncIterator[Remote]:
    """The benchmark as these owners."""
    async with AsyncExitStack() as stack:
        peers = {name: await stack.enter_async_context(BusPeer(name, rig.run / "bus")) for name in owners}
        await rig.wait_until(lambda: rig.ready("vpp-writer"), "the writer is ready", CONNECT_S_MAX)
        yield Remote(rig, peers)


async def _over_the_bus(load: Load, remote: Remote) -> dict[str, Any]:
    """Rows a second, and what the writer's process needs for one."""
    pid = remote.rig.processes["vpp-writer"].pid
    before = memory_mb(pid)
    took = await remote.bring(load.intents)
    growth_mb = memory_mb(pid) - before
    await remote.withdraw()
    bytes_a_row = round(growth_mb * 2**20 / load.rows)
    return {"over the bus": round(load.rows / took), "writer's memory, bytes a row": bytes_a_row}


async def _remote_changes(remote: Remote, held: int) -> dict[str, float]:
    await remote.bring(writerload.route(number) for number in range(held))
    took = []
    for number in range(CHANGES):
        took.append(await remote.say(writerload.route(number, 1), "routing"))
        await asyncio.sleep(0.005)
    await remote.withdraw()
    return quantiles_ms(took)


async def _during(remote: Remote, count: int) -> dict[str, Any]:
    """ms of an interface intent while another process has all routes loaded, and how long that took."""
    work = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.bench.writerwork", str(remote.rig.run / "bus"), str(count), stdin=-1, stdout=-1
    )
    assert work.stdin
    assert work.stdout
    try:
        await work.stdout.readline()
        work.stdin.write(b"\n")
        loading = asyncio.create_task(work.stdout.readline())
        took = []
        for interface in writerload.loopbacks(10_000):
            if loading.done():
                break
            took.append(await remote.say(interface, "cni"))
            await asyncio.sleep(0.01)
        seconds = json.loads(await loading)["seconds"]
    finally:
        work.kill()
        await work.wait()
    return {"interfaces": len(took), **quantiles_ms(took), "routes a second": round(count / seconds)}
