"""`vppd tap top`: processes and words at a glance."""

import argparse
import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

from tools.cli.tap.listening import hear, tap_on_node
from tools.cli.tap.options import add_node
from tools.cli.tap.scrolling import pressed_key, scrolled, single_keys
from tools.tap import top
from tools.tap.observer import Observer, TapEvent
from tools.tap.show import Painter

HELP = "processes and words at a glance"
TOP_EVERY_S = 1.0
ONCE_AFTER_S = 2.0
CLEAR = "\033[H\033[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, how often, and in which order."""
    add_node(parser)
    parser.add_argument("--once", action="store_true", help="one table after a few seconds")
    parser.add_argument("--sort", choices=top.SORT_KEYS, default="name", help="largest first (default: by name)")


def run(options: argparse.Namespace) -> int:
    """Prints the tables until a signal comes. On a terminal: arrows scroll, `s` sorts otherwise, `q` ends."""
    screen = TopScreen(options.sort, whole=options.once)
    if options.once:
        asyncio.run(_hear_once(options, screen))
        return 0
    with single_keys() as has_keys:
        asyncio.run(_hear_on(options, screen, has_keys=has_keys))
    return 0


async def _hear_once(options: argparse.Namespace, screen: "TopScreen") -> None:
    async with tap_on_node(options) as tap:
        due = time.monotonic() + ONCE_AFTER_S

        def take(now: float, _data: bytes, events: list[TapEvent], observer: Observer) -> bool:
            screen.take(events, observer, now)
            return time.monotonic() >= due

        await hear(tap, take)
    screen.draw()


async def _hear_on(options: argparse.Namespace, screen: "TopScreen", *, has_keys: bool) -> None:
    loop = asyncio.get_running_loop()
    async with tap_on_node(options) as tap:

        def take(now: float, _data: bytes, events: list[TapEvent], observer: Observer) -> bool:
            screen.take(events, observer, now)
            return False

        hearing = asyncio.create_task(hear(tap, take))

        def press() -> None:
            if not screen.press(pressed_key()):
                hearing.cancel()

        if has_keys:
            loop.add_reader(sys.stdin.fileno(), press)
        while not hearing.done():
            await asyncio.wait([hearing], timeout=TOP_EVERY_S)
            screen.draw()
        if not hearing.cancelled():
            await hearing


class TopScreen:
    """What is known of processes and words, and the part of it that is shown."""

    def __init__(self, sort: str, *, whole: bool) -> None:
        """`whole`: all lines once, instead of those that fit the terminal again and again."""
        self._sort, self._whole, self._first_line, self._last_line = sort, whole, 0, 0
        self._rates, self._starts, self._sessions = top.Rates(), dict[str, int](), dict[str, int]()
        self._paint = Painter(sys.stdout.isatty())
        self._observer: Observer | None = None
        self._now = 0.0

    def take(self, events: list[TapEvent], observer: Observer, now: float) -> None:
        """What was heard at `now`, s since 1970."""
        self._observer, self._now = observer, now
        for event in events:
            self._rates.take(event, now)
            self._count_start(event)

    def press(self, key: str) -> bool:
        """A key was pressed. False: it was the last one."""
        if key == "sort":
            self._sort = top.SORT_KEYS[(top.SORT_KEYS.index(self._sort) + 1) % len(top.SORT_KEYS)]
        page = shutil.get_terminal_size().lines // 2
        self._first_line = scrolled(self._first_line, key, page, self._last_line)
        self.draw()
        return key != "quit"

    def draw(self) -> None:
        """Prints the tables."""
        if self._observer is None:
            return
        memory = _memory(self._observer)
        processes = top.process_table(
            self._observer, self._rates, memory, self._starts, self._now, self._paint, self._sort
        )
        words = top.word_table(self._observer, self._rates, self._now, self._sort)
        self._last_line = max(0, len(words.lines) - 1)
        height = len(processes.lines) + len(words.lines) + 4 if self._whole else shutil.get_terminal_size().lines - 1
        lines = top.fit_screen(processes, words, height, self._first_line, self._paint)
        print("\n".join(lines) if self._whole else CLEAR + "\n".join(lines), flush=True)

    def _count_start(self, event: TapEvent) -> None:
        if event.word == top.PROCESS and event.new:
            session = event.new.get("session", 0)
            if self._sessions.get(event.key, session) != session:
                self._starts[event.key] = self._starts.get(event.key, 0) + 1
            self._sessions[event.key] = session


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
