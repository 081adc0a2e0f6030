"""`vppd tap names`: names on the bus, for completion."""

import argparse
import asyncio

from tools.cli.tap.listening import hear_whole
from tools.cli.tap.options import add_node
from tools.tap.observer import NOTE

HELP = "names on the bus, for completion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, and names of what."""
    add_node(parser)
    parser.add_argument("what", choices=["words", "processes", "keys", "causes"])


def run(options: argparse.Namespace) -> int:
    """Prints the names, one a line."""
    observer = asyncio.run(hear_whole(options))
    names = {
        "words": lambda: {NOTE, *(word for word, _ in observer.mirrors)},
        "processes": lambda: {owner for _, owner in observer.mirrors},
        "keys": lambda: {key for mirror in observer.mirrors.values() for key in mirror.stream.rows},
        "causes": lambda: {held.cause for m in observer.mirrors.values() for held in m.stream.rows.values()} - {""},
    }[options.what]()
    print("\n".join(sorted(names)))
    return 0
