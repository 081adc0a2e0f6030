"""`vppd logs`: what a process of a node has written into its log."""

import argparse
import sys

from tools.cli.command import UserError, count_between
from tools.cli.node import add_run_directory
from tools.node.logs import followed_log, last_log_lines, log_paths

HELP = "the log of a process, also of one that is dead: logs NAME [-f]"
LINES_MAX = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose log, how much of it, and the node."""
    parser.add_argument("name", metavar="NAME", help="guard, vpp-writer, ...; vpp, supervisord")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    parser.add_argument("-n", "--lines", type=count_between(0, LINES_MAX), default=50, metavar="COUNT",
                        help="how many of the last lines (%(default)s)")  # fmt: skip
    add_run_directory(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the log. Raises UserError, OSError."""
    paths = log_paths(options.directory)
    if not paths:
        raise UserError(f"{options.directory}/log: no logs there; --run DIR says where the node's processes run")
    if options.name not in paths:
        raise UserError(f"no log of {options.name}; there are: {', '.join(sorted(paths))}")
    path = paths[options.name]
    for line in last_log_lines(path, options.lines):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    for text in followed_log(path) if options.follow else ():
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0
