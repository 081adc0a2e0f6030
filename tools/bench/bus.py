"""What the bus carries: rows from a publisher over the broker to subscribers, requests, a newcomer's load, its memory;
and what the guarantees cost beside bare PUB/SUB, what taps cost, and what a flood of nonsense costs the others.

Every part is a process of its own; each figure is of one run on this machine.
"""

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from schemas import codec
from tools.bench.buswork import row
from tools.bench.rig import BenchFailed, memory_mb

WAIT_S_MAX = 120.0
SUBSCRIBERS = ("routing", "services", "policy", "cni", "guard", "vpp-writer", "h7", "h8")
REQUESTS = 300
TAPS = 3
ROUNDS = 5  # of what is compared, by turns: the best of each counts


class Worker:
    """One of the processes, and its lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process, role: str) -> None:
        self.process, self.role = process, role

    async def report(self) -> dict[str, Any]:
        """Its next line of JSON. Raises BenchFailed."""
        assert self.process.stdout
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                line = await self.process.stdout.readline()
            return dict(json.loads(line))
        except (TimeoutError, ValueError):
            raise BenchFailed(f"{self.role}: says nothing within {WAIT_S_MAX:.0f} s") from None

    def trigger(self) -> None:
        """Lets it begin its work, or end."""
        assert self.process.stdin
        self.process.stdin.write(b"\n")

    @property
    def memory_mb(self) -> float:
        """Resident memory, MB."""
        return memory_mb(self.process.pid)


async def _start(stack: AsyncExitStack, module: str, *words: str, ready: bool = True, **env: str) -> Worker:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )
    stack.push_async_callback(_end, process)
    worker = Worker(process, words[0] if words else module)
    if ready:
        await worker.report()
    return worker


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def _broker() -> AsyncIterator[tuple[AsyncExitStack, Worker, str]]:
    """A broker of its own, and the directory of its socket."""
    with tempfile.TemporaryDirectory(prefix="vppd-bench-") as directory:
        async with AsyncExitStack() as stack:
            worker = await _start(stack, "bus", ready=False, VPPD_RUN=directory)
            while not (Path(directory) / "bus" / "broker").exists():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.01)
            yield stack, worker, f"{directory}/bus"


async def run(rows: int) -> dict[str, Any]:
    """The measurement. Raises BenchFailed."""
    through = {f"hearers_{count}": await _through(rows, count) for count in (4, 8)}
    single, batched = await _bare(rows, 1), await _bare(rows, 0)
    decoded = await _bare(rows, 1, "bare-holds")
    pairs = [(await _through(rows, 1), await _through(rows, 1, taps=TAPS)) for _ in range(ROUNDS)]
    untapped, tapped = (max(each) for each in zip(*pairs, strict=True))
    idle, flooded = await _requests(), await _requests(flood=True)
    return {
        "rows": rows,
        "bytes_each": len(codec.encode_row_value(row(rows))),
        "rows_per_s": {"hearers_1": untapped} | through,
        "bare_rows_per_s": {"a_row_a_message": single, "as_our_parts": batched, "held_as_structs": decoded},
        "ratio_to_bare": {
            "a_row_a_message": round(untapped / single, 2),
            "as_our_parts": round(untapped / batched, 3),
            "held_as_structs": round(untapped / decoded, 2),
        },
        "taps": {"count": TAPS, "rows_per_s": tapped, "ratio": round(tapped / untapped, 2)},
        "request": idle,
        "request_while_flooded": flooded | {"p99_ratio": round(flooded["p99_ms"] / idle["p99_ms"], 2)},
        "newcomer": await _newcomer(rows),
    }


async def _through(rows: int, subscribers: int, taps: int = 0) -> int:
    """Rows a second from the first word until the last subscriber knows all."""
    async with _broker() as (stack, _, bus):
        for _ in range(taps):
            await _start(stack, "tools.bench.buswork", "taps", bus)
        listeners = [
            await _start(stack, "tools.bench.buswork", "hears", bus, str(rows), name)
            for name in SUBSCRIBERS[:subscribers]
        ]
        says = await _start(stack, "tools.bench.buswork", "says", bus, str(rows))
        says.trigger()
        began: float = (await says.report())["began"]
        finished: float = max([(await each.report())["ended"] for each in listeners])
        return round(rows / (finished - began))


async def _bare(rows: int, rows_each: int, role: str = "bare-hears") -> int:
    """Rows a second over bare PUB, a proxy and SUB. `rows_each`: rows a message; 0: as many as our parts have."""
    with tempfile.TemporaryDirectory(prefix="vppd-bench-") as directory:
        async with AsyncExitStack() as stack:
            await _start(stack, "tools.bench.buswork", "bare-proxy", directory)
            listener = await _start(stack, "tools.bench.buswork", role, directory, str(rows), str(rows_each))
            says = await _start(stack, "tools.bench.buswork", "bare-says", directory, str(rows), str(rows_each))
            await asyncio.sleep(0.5)  # SUB says nothing when its subscription has arrived
            says.trigger()
            began: float = (await says.report())["began"]
            finished: float = (await listener.report())["ended"]
            return round(rows / (finished - began))


async def _requests(*, flood: bool = False) -> dict[str, float]:
    """ms of a request on a bus that is idle, or flooded with nonsense by another client."""
    async with _broker() as (stack, _, bus):
        asks = await _start(stack, "tools.bench.buswork", "asks", bus, str(REQUESTS))
        if flood:
            await _start(stack, "tools.bench.buswork", "floods", bus)
        asks.trigger()
        took = sorted((await asks.report())["took"])
        return {"p50_ms": _ms(statistics.median(took)), "p99_ms": _ms(took[int(len(took) * 0.99)])}


async def _newcomer(rows: int) -> dict[str, float]:
    """The load of a newcomer after everything is published, and the broker's memory for it."""
    async with _broker() as (stack, broker, bus):
        before = broker.memory_mb
        says = await _start(stack, "tools.bench.buswork", "says", bus, str(rows))
        says.trigger()
        await says.report()
        growth_mb = broker.memory_mb - before
        report = await (await _start(stack, "tools.bench.buswork", "hears", bus, str(rows), "routing")).report()
        return {"seconds": round(report["ended"] - report["began"], 2), "broker_mb": round(growth_mb, 1)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
