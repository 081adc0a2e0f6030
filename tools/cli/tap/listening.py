"""Edge: hears a node's bus for as long as a command needs it."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable

from bus.remote_tap import client_keys
from tools.cli.command import UserError
from tools.tap.listener import Listener, lower_priority
from tools.tap.observer import Observer, TapEvent
from tools.tap.top import PROCESS

WHOLE_S_MAX = 3.0
FrameConsumer = Callable[[float, bytes, list[TapEvent], Observer], bool]
"""Takes a frame: its time, its bytes, what it says, and all that is known after it. True: it was the last one."""


def tap_on_node(options: argparse.Namespace) -> Listener:
    """The tap on the node that the options name. Raises UserError, BadCurveKeys."""
    if bool(options.connect) != bool(options.keys):
        raise UserError("--connect and --keys go together")
    lower_priority()
    return Listener(options.directory, options.connect, client_keys(options.keys) if options.connect else None)


def say(text: str) -> None:
    """A line for the user, apart from what is printed for others to read."""
    sys.stderr.write(f"vppd: {text}\n")
    sys.stderr.flush()


def announce(options: argparse.Namespace) -> None:
    """Says where the tap listens."""
    say(f"listening to {options.connect or f'{options.directory}/bus'}; Ctrl-C ends it")


def announce_heard(observer: Observer) -> None:
    """Says whom the tap hears."""
    processes = sorted(key for _, key, _, _ in observer.rows(PROCESS) if not key.startswith("tool-"))
    rows = sum(len(mirror.stream.rows) for mirror in observer.mirrors.values())
    say(f"it hears {', '.join(processes)}: {rows} rows so far")


async def hear(tap: Listener, take: FrameConsumer) -> None:
    """Hands over frame by frame until the last one. Raises NoBus."""
    async for now, data in tap.frames():
        if take(now, data, tap.observer.feed(data, now), tap.observer):
            return


async def hear_until_ended(options: argparse.Namespace, take: FrameConsumer) -> Observer:
    """Hears until `options.seconds` are over, the last frame, or a signal. Raises NoBus."""
    async with tap_on_node(options) as tap:
        announce(options)
        hearing = asyncio.create_task(hear(tap, take))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, hearing.cancel)
        try:
            async with asyncio.timeout(options.seconds):
                await hearing
        except (TimeoutError, asyncio.CancelledError):
            pass
        return tap.observer


async def hear_whole(options: argparse.Namespace) -> Observer:
    """Everything as it is now. Raises NoBus."""
    async with tap_on_node(options) as tap:
        hearing = asyncio.create_task(hear(tap, lambda *_: tap.observer.complete))
        await asyncio.wait([hearing], timeout=WHOLE_S_MAX)
        hearing.cancel()
        if hearing.done() and not hearing.cancelled() and (error := hearing.exception()):
            raise error
        return tap.observer
