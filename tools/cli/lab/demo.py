"""`vppd lab demo`: the story of `make demo`."""

import argparse

from tools.cli.lab.options import add_name, add_vpp, say
from tools.lab.story import demo

HELP = "the whole story: make, use, break and remove a cluster"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab, of what."""
    add_name(parser)
    add_vpp(parser)


def run(options: argparse.Namespace) -> int:
    """Tells the story; 1 if a step was not as it should be."""
    return 0 if demo.run(options.name, options.vpp, say) else 1
