"""`vppd tap state`: the rows as they are now."""

import argparse
import asyncio

from tools.cli.tap.listening import hear_whole
from tools.cli.tap.options import add_node
from tools.cli.tap.printing import painter, print_rows
from tools.tap import state

HELP = "the rows as they are now, intents beside their statuses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, and which rows."""
    add_node(parser)
    parser.add_argument("word", nargs="?", metavar="WORD", help="pattern; none: the list of words")
    parser.add_argument("key", nargs="?", default="*", metavar="KEY", help="pattern")
    parser.add_argument("--diff", action="store_true", help="intents that VPP does not hold, and what they wait for")
    parser.add_argument("--no-colour", action="store_true", help="no colours")


def run(options: argparse.Namespace) -> int:
    """Prints rows; with --diff 1 if VPP does not hold every intent."""
    observer, paint = asyncio.run(hear_whole(options)), painter(options)
    if options.diff:
        lines = list(state.unapplied(observer, paint))
        print("\n".join(lines) or "VPP holds every intent")
        return 1 if lines else 0
    print_rows(observer, options.word, options.key, paint)
    return 0
