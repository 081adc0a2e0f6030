"""`vppd tap top`: processes and words at a glance."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from tools.cli.tap.listening import hear, tap_on_node
from tools.cli.tap.options import add_node
from tools.tap import top
from tools.tap.observer import Observer, TapEvent
from tools.tap.show import Painter

HELP = "processes and words at a glance"
TOP_EVERY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, and how often."""
    add_node(parser)
    parser.add_argument("--once", action="store_true", help="one table after a few seconds")


def run(options: argparse.Namespace) -> int:
    """Prints the tables until a signal comes."""
    rates, starts, sessions = top.Rates(), dict[str, int](), dict[str, int]()
    paint = Painter(sys.stdout.isatty())
    printed_at = time.monotonic() + (2 if options.once else 0)

    async def hearing() -> None:
        async with tap_on_node(options) as tap:

            def take(now: float, _data: bytes, events: list[TapEvent], observer: Observer) -> bool:
                nonlocal printed_at
                for event in events:
                    rates.take(event, now)
                    _count_starts(event, starts, sessions)
                if time.monotonic() - printed_at < TOP_EVERY_S:
                    return False
                printed_at = time.monotonic()
                memory = _memory(observer)
                table = "\n".join(top.table(observer, rates, memory, starts, now, paint))
                print(table if options.once else f"\033[H\033[2J{table}", flush=True)
                return bool(options.once)

            await hear(tap, take)

    asyncio.run(hearing())
    return 0


def _count_starts(event: TapEvent, starts: dict[str, int], sessions: dict[str, int]) -> None:
    if event.word == top.PROCESS and event.new:
        session = event.new.get("session", 0)
        if sessions.get(event.key, session) != session:
            starts[event.key] = starts.get(event.key, 0) + 1
        sessions[event.key] = session


def _memory(observer: Observer) -> dict[int, int]:
    """Bytes of the processes that can be seen from here (Linux: /proc/<pid>/statm)."""
    memory = {}
    for _, _, row, _ in observer.rows(top.PROCESS):
        pid = row.get("pid", 0)
        try:
            memory[pid] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            continue
    return memory
