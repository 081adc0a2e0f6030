"""`vppd lab list`: the clusters on this machine."""

import argparse
import json

from tools.cli.lab.options import add_json
from tools.lab import state

HELP = "the labs of this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form of the output."""
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints a line for each lab."""
    labs = [state.load(name) for name in state.lab_names()]
    if options.json:
        print(
            json.dumps([{"name": lab.name, "nodes": lab.nodes, "pods": len(lab.pods), "vpp": lab.vpp} for lab in labs])
        )
        return 0
    for lab in labs:
        print(f"{lab.name:<10} {lab.nodes} nodes, {len(lab.pods)} pods, VPP is {lab.vpp}")
    if not labs:
        print("no labs; `vppd lab up` makes one")
    return 0
