"""`vppd tap`: events as they happen."""

import argparse
import asyncio

from tools.cli.tap.listening import announce_heard, hear_until_ended, say
from tools.cli.tap.options import add_duration, add_filters, add_node, filter_of
from tools.cli.tap.printing import Printer
from tools.tap.filter import unmatched_patterns
from tools.tap.observer import Observer, TapEvent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, what of it, and for how long."""
    add_node(parser)
    add_filters(parser)
    add_duration(parser)


def run(options: argparse.Namespace) -> int:
    """Prints events until the time is over or a signal comes."""
    printer, event_filter = Printer(options), filter_of(options)
    complete = False

    def take(_now: float, _data: bytes, events: list[TapEvent], observer: Observer) -> bool:
        nonlocal complete
        if not complete and observer.complete:
            complete = True
            announce_heard(observer)
            for text in unmatched_patterns(event_filter, observer):
                say(text)
        printer(events)
        return False

    observer = asyncio.run(hear_until_ended(options, take))
    if options.follow and not printer.printed:
        say(f"nothing came from {options.follow!r} while this listened")
    if observer.gaps():
        say(f"{observer.gaps()} times something was missed, and the whole was asked for")
    return 0
