"""`vppd guard`: what the guard would do, does and did, on a node whose network may have just broken."""

import argparse
import os
import sys

HELP = "the uplinks' guard: explain, preflight, plan, restore"
COMMANDS = {
    "explain": "what it did, why, and what it does next; needs no bus and no VPP",
    "preflight": "what a takeover needs, and what of it is missing; touches nothing",
    "plan": "print as JSON what would be done; touches nothing",
    "restore": "undo what a dead guard has left",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The guard's own commands."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name in ("explain", "preflight"):
            command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(json=False)


def run(options: argparse.Namespace) -> int:
    """Becomes the guard's own program, with the node's environment."""
    arguments = [options.command, *(["--json"] if options.json else [])]
    os.execv(sys.executable, [sys.executable, "-m", "vppd_guard", *arguments])
