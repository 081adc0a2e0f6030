"""`vppd lab node exec`: a command in a node."""

import argparse

from tools.cli.lab.become import accept_command, become
from tools.cli.lab.options import add_name
from tools.lab import state
from tools.lab.cluster import node_processes

HELP = "run a command in a node: node exec NODE -- COMMAND"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node, and the command."""
    add_name(parser)
    parser.add_argument("action", choices=["exec"])
    parser.add_argument("node")
    accept_command(parser)


def run(options: argparse.Namespace) -> int:
    """Becomes the command, with the environment of the node's processes. Raises UserError."""
    lab = state.load(options.name)
    node = lab.node(options.node)
    become(node.netns, options.command_words, node_processes.environment(lab, node))
