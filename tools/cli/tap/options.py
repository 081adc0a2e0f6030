"""Options that several commands of the tap take."""

import argparse
from pathlib import Path

from tools.cli.node import add_run_directory
from tools.tap.filter import EventFilter, FieldMatch


def add_node(parser: argparse.ArgumentParser) -> None:
    """Which node: of this machine by directory, of another by address and keys."""
    add_run_directory(parser)
    parser.add_argument("--connect", metavar="tcp://HOST:PORT", default="", help="another machine's VPPD_TAP_LISTEN")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="for --connect: client.key_secret and server.key")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """What is shown, and how."""
    for short, name, text in (
        ("-p", "--process", "who says it"),
        ("-w", "--word", "node, service, intent, status.cni, note..."),
        ("-k", "--key", "of the row"),
        ("-c", "--cause", "what it came from"),
    ):
        parser.add_argument(short, name, action="append", default=[], metavar="PATTERN", help=text)
    parser.add_argument("-f", "--field", action="append", default=[], metavar="EXPR",
                        help="ip_version=4, prefix~10.48*, took_s>0.1, state!=applied")  # fmt: skip
    parser.add_argument("--follow", metavar="CAUSE", help="all that one event set off, with the time of each hop")
    parser.add_argument("--all", action="store_true", help="also the rows that were there before")
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--no-colour", action="store_true", help="no colours (as without a terminal, or with NO_COLOR)")


def add_duration(parser: argparse.ArgumentParser) -> None:
    """How long it goes on."""
    parser.add_argument("--for", dest="seconds", type=float, metavar="S", help="end after so many seconds")


def filter_of(options: argparse.Namespace) -> EventFilter:
    """The filter that the options describe. Raises BadExpression."""
    return EventFilter(
        tuple(options.process),
        tuple(options.word),
        tuple(options.key),
        tuple(options.cause),
        tuple(map(FieldMatch.read, options.field)),
        options.all,
    )
