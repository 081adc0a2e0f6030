"""`vppd lab kubectl-config`: how kubectl reaches a cluster."""

import argparse

from tools.cli.lab.options import add_name
from tools.lab import state
from tools.lab.cluster import initial_objects

HELP = "print a kubeconfig for the cluster's API server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    add_name(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the kubeconfig."""
    lab = state.load(options.name)
    print(initial_objects.kubeconfig(lab.name, lab.api_url))
    return 0
