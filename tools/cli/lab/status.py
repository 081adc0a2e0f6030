"""`vppd lab status`: how a cluster is."""

import argparse
import asyncio
import json

from tools.cli.lab import status_text
from tools.cli.lab.options import add_json, add_name
from tools.lab import state
from tools.lab.checks.properties import look_at_nodes

HELP = "nodes, processes, BGP sessions, intents, services, policies, pods"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    add_name(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the status."""
    lab = state.load(options.name)
    views = asyncio.run(look_at_nodes(lab))
    if options.json:
        print(json.dumps(status_text.as_json(lab, views), indent=1))
        return 0
    print("\n".join(status_text.lines(lab, views)))
    return 0
