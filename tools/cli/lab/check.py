"""`vppd lab check`: what must hold on a running cluster."""

import argparse
import json
import os
import sys

from tools.cli.lab.options import add_json, add_name
from tools.lab import state
from tools.lab.checks.properties import as_line, check_lab

HELP = "assert everything that must hold; exit status 1 if something does not"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    add_name(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints each property with its figure; 1 if one does not hold."""
    results = check_lab(state.load(options.name))
    if options.json:
        print(json.dumps([vars(r) for r in results], indent=1))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(as_line(result, colour=colour) for result in results))
    return 0 if all(result.ok for result in results) else 1
