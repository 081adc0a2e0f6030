"""`vppd tap state`: the rows as they are now."""

import argparse
import asyncio

from tools.cli.tap.listening import hear_whole, say
from tools.cli.tap.options import add_node
from tools.cli.tap.printing import painter, print_rows
from tools.tap import state
from tools.tap.filter import EventFilter, unmatched_patterns

HELP = "the rows as they are now, intents beside their statuses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, and which rows."""
    add_node(parser)
    parser.add_argument("word", nargs="?", metavar="WORD", help="pattern; none: the list of words")
    parser.add_argument("key", nargs="?", default="*", metavar="KEY", help="pattern")
    parser.add_argument("--diff", action="store_true", help="intents that VPP does not hold, and what they wait for")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    parser.add_argument("--no-colour", action="store_true", help="no colours")


def run(options: argparse.Namespace) -> int:
    """Prints rows; with --diff 1 if VPP does not hold every intent."""
    observer, paint = asyncio.run(hear_whole(options)), painter(options)
    if options.diff:
        lines = list(state.unapplied(observer, paint))
        print("\n".join(lines) or "VPP holds every intent")
        return 1 if lines else 0
    wanted = EventFilter(
        words=(options.word,) if options.word else (), keys=(options.key,) if options.key != "*" else ()
    )
    for text in unmatched_patterns(wanted, observer):
        say(text)
    if options.json:
        for line in state.rows_as_json(observer, options.word or "*", options.key):
            print(line)
    else:
        print_rows(observer, options.word, options.key, paint)
    return 0
