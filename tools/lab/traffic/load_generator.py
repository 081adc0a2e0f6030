"""Connections at a steady rate until its input ends, and an account of every one. Runs inside a namespace.

`python -m tools.lab.traffic.load_generator [--to TARGET]... [--rate N] [--held N] [--held-every S]
[--denied TARGET]... [--denied-rate N]`, where TARGET is `ADDRESS:PORT` or `[ADDRESS]:PORT` of a probe agent, or of a
service with agents behind it. Each connection to `--to` is made, hears who answers, exchanges a line, and is closed.
`--held` connections are made at the start, one after another, and exchange a line each `--held-every` seconds until
the end. `--denied` targets must be silent. Targets take turns. It prints a line when those that are held stand, and at
the end a `LoadReport`, as one line of JSON.
"""

import argparse
import asyncio
import os
import socket
import sys
import time
from contextlib import suppress
from itertools import cycle

import msgspec
from msgspec import Struct

from tools.lab.traffic.agent.ports import LOAD_LANE, FreshPorts

PATIENCE_S = 5.0  # longer than the kernel needs to send a lost SYN again, twice
DENIED_S = 0.5
HELD_PER_S = 200  # how fast those that are held begin
NAMED_MAX = 50  # failures told one by one


class Failure(Struct, frozen=True):
    """One connection that did not go as it should.

    `after_s` is the time since the load began, `by` the agent that had answered before, if one had.
    """

    after_s: float
    target: str
    reason: str
    by: str = ""


class LoadReport(Struct):
    """The outcome of all connections of a load."""

    opened: int = 0
    ok: int = 0
    failed: list[Failure] = []
    slowest_ms: float = 0.0
    by: dict[str, int] = {}  # connections, by the agent that answered
    denied: int = 0
    wrongly_allowed: list[Failure] = []
    standing: int = 0
    exchanges: int = 0  # over held connections
    broken: list[Failure] = []


Target = tuple[str, int]


class LoadGenerator:
    """All connections of one process."""

    def __init__(self) -> None:
        self.report = LoadReport()
        self._ports = FreshPorts(LOAD_LANE)
        self._began = time.monotonic()
        self._open: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self._stand = asyncio.Semaphore(0)

    async def open_connections(self, targets: list[Target], rate: float, wrong: bool) -> None:
        """Begins connections at `rate` a second until the end; a busy machine's late ones are made up for."""
        next_at, turns = time.monotonic(), cycle(targets)
        while targets and rate and not self._ending.is_set():
            work = self._denied(next(turns)) if wrong else self._connection(next(turns))
            task = asyncio.create_task(work)
            self._open.add(task)
            task.add_done_callback(self._open.discard)
            next_at += 1 / rate
            await self._pause(next_at - time.monotonic())

    async def _connection(self, target: Target) -> None:
        started, name = time.monotonic(), ""
        self.report.opened += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer, name = await self._connect(target)
                await _exchange(reader, writer, self.report.opened)
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            self._note(self.report.failed, target, _why(error), name)
            return
        self.report.ok += 1
        self.report.by[name] = self.report.by.get(name, 0) + 1
        self.report.slowest_ms = max(self.report.slowest_ms, round((time.monotonic() - started) * 1000, 1))

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
        sock = self._ports.bind_socket(socket.SOCK_STREAM, target[0])
        try:
            await asyncio.get_running_loop().sock_connect(sock, target)
        except BaseException:
            sock.close()
            raise
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            line = await reader.readline()
            if not line:
                raise ConnectionError("closed without a word")
        except BaseException:
            writer.close()
            raise
        return reader, writer, line.decode().split(" ")[0]

    async def _denied(self, target: Target) -> None:
        self.report.denied += 1
        sock = self._ports.bind_socket(socket.SOCK_STREAM, target[0])
        try:
            async with asyncio.timeout(DENIED_S):
                await asyncio.get_running_loop().sock_connect(sock, target)
                self._note(self.report.wrongly_allowed, target, "connected")
        except TimeoutError:
            pass  # silence, as it should be
        except OSError as error:
            self._note(self.report.wrongly_allowed, target, _why(error))
        finally:
            sock.close()

    async def hold_connection(self, target: Target, after_s: float, every_s: float) -> None:
        """One connection that begins after a time, and is used until the end."""
        await asyncio.sleep(after_s)
        self.report.standing += 1
        count, name = 0, ""
        try:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reader, writer, name = await self._connect(target)
            finally:
                self._stand.release()
            try:
                while not self._ending.is_set():
                    async with asyncio.timeout(PATIENCE_S):
                        await _exchange(reader, writer, count := count + 1)
                    self.report.exchanges += 1
                    await self._pause(every_s)
            finally:
                writer.close()
        except (OSError, TimeoutError) as error:
            self._note(self.report.broken, target, _why(error), name)

    def _note(self, failures: list[Failure], target: Target, reason: str, by: str = "") -> None:
        after_s = round(time.monotonic() - self._began, 2)
        failures.append(Failure(after_s, f"{target[0]} port {target[1]}", reason, by))

    async def wait_for_standing(self, standing: int) -> None:
        """Waits until so many held connections are made, or have failed."""
        for _ in range(standing):
            await self._stand.acquire()

    async def _pause(self, s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), max(0.0, s))

    def end(self) -> None:
        """Begins no more connections."""
        self._ending.set()

    async def wait_for_open(self) -> None:
        """Waits for the connections that are open."""
        await asyncio.gather(*self._open)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int) -> None:
    line = f"line {count}\n".encode()
    writer.write(line)
    await writer.drain()
    if await reader.readline() != line:
        raise ConnectionError("closed before the answer")


def _why(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else error.__class__.__name__ + f": {error}"


def parse_target(text: str) -> Target:
    """`192.0.2.1:80` or `[2001:db8::1]:80`. Raises ValueError."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


async def run(options: argparse.Namespace) -> LoadReport:
    """Until the input ends."""
    generator = LoadGenerator()
    asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else generator.end())
    standing = zip(range(options.held), cycle(options.to), strict=False)
    holds = [generator.hold_connection(to, number / HELD_PER_S, options.held_every) for number, to in standing]
    holding = asyncio.gather(*holds)
    await generator.wait_for_standing(len(holds))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    works = [
        generator.open_connections(options.to, options.rate, False),
        generator.open_connections(options.denied, options.denied_rate, True),
    ]
    await asyncio.gather(*works, holding)
    await generator.wait_for_open()
    return generator.report


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.lab.traffic.load_generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", action="append", default=[], type=parse_target, metavar="TARGET")
    parser.add_argument("--rate", type=float, default=50.0, help="connections a second, 0: none (default: 50)")
    parser.add_argument("--held", type=int, default=0, help="connections that stay (default: 0)")
    parser.add_argument("--held-every", type=float, default=0.5, help="seconds between uses (default: 0.5)")
    parser.add_argument("--denied", action="append", default=[], type=parse_target, metavar="TARGET")
    parser.add_argument("--denied-rate", type=float, default=10.0, help="a second (default: 10)")
    report = asyncio.run(run(parser.parse_args()))
    for failures in (report.failed, report.wrongly_allowed, report.broken):
        del failures[NAMED_MAX:]
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
