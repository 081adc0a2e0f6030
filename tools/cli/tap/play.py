"""`vppd tap play`: the events of a recording."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tools.cli.tap.listening import say
from tools.cli.tap.options import add_filters, filter_of
from tools.cli.tap.printing import Printer, painter, print_rows
from tools.tap import recording
from tools.tap.filter import unmatched_patterns
from tools.tap.observer import Observer
from tools.tap.recording import Frame

HELP = "show a recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, what of it, and from when to when."""
    parser.add_argument("file", type=Path)
    add_filters(parser)
    parser.add_argument("--from", dest="start", type=float, default=0.0, metavar="S", help="seconds into the recording")
    parser.add_argument("--to", dest="end", type=float, metavar="S", help="seconds into the recording")
    parser.add_argument("--state", nargs="?", const="*", metavar="WORD", help="the rows as they were at --to")


def run(options: argparse.Namespace) -> int:
    """Prints the recorded events."""
    observer, printer = Observer(), Printer(options)
    began: float | None = None
    for now, data in _frames(options):
        began = now if began is None else began
        events = observer.feed(data, now)
        if now - began >= options.start and options.state is None:
            printer(events)
    if options.follow and not printer.printed:
        say(f"nothing in {options.file} came from {options.follow!r}")
    elif options.state is None:
        for text in unmatched_patterns(filter_of(options), observer):
            say(text)
    if options.state is not None:
        print_rows(observer, options.state, "*", painter(options))
    return 0


def _frames(options: argparse.Namespace) -> Iterator[Frame]:
    began: float | None = None
    for now, data in recording.read(options.file):
        began = now if began is None else began
        if options.end is not None and now - began > options.end:
            return
        yield now, data
