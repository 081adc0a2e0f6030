"""`vppd lab down`: takes a cluster away."""

import argparse

from tools.cli.lab.options import add_name, say
from tools.lab.cluster import build

HELP = "take a cluster away, whatever state it is in"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    add_name(parser)


def run(options: argparse.Namespace) -> int:
    """Takes the cluster away."""
    build.remove_lab(options.name, say)
    return 0
