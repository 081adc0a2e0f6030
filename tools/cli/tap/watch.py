"""`vppd tap`: events as they happen."""

import argparse
import asyncio
import sys

from tools.cli.tap.listening import hear_until_ended
from tools.cli.tap.options import add_duration, add_filters, add_node
from tools.cli.tap.printing import Printer
from tools.tap.observer import Observer, TapEvent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, what of it, and for how long."""
    add_node(parser)
    add_filters(parser)
    add_duration(parser)


def run(options: argparse.Namespace) -> int:
    """Prints events until the time is over or a signal comes."""
    printer = Printer(options)

    def take(_now: float, _data: bytes, events: list[TapEvent], _observer: Observer) -> bool:
        printer(events)
        return False

    observer = asyncio.run(hear_until_ended(options, take))
    if observer.gaps():
        sys.stderr.write(f"vppd: {observer.gaps()} times something was missed, and the whole was asked for\n")
    return 0
