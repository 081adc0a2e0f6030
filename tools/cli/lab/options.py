"""Options that several commands of the lab take, and errors that all of them may have."""

import argparse
import os
from contextlib import suppress

from tools.cli.command import Action, UserError
from tools.lab import kube, linux
from tools.lab.cluster import build, pods
from tools.lab.state import NoLab
from tools.lab.topology import BadName

FAILURES = (build.CannotBuild, linux.CommandFailed, NoLab, pods.PodFailed, kube.ApiFailed, BadName)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    default = os.environ.get("VPPD_LAB") or "lab"
    parser.add_argument("--name", default=default, help="name of the lab (default: $VPPD_LAB, else lab)")


def add_vpp(parser: argparse.ArgumentParser) -> None:
    """Which VPP."""
    parser.add_argument("--vpp", metavar="PATH", help="run real VPP in each node (default: vppsim)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The form of the output."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def as_root(action: Action) -> Action:
    """The action, which raises UserError for anybody else: it enters network namespaces and processes' directories."""

    def guarded(options: argparse.Namespace) -> int:
        if os.geteuid():
            raise UserError("this needs root: the lab's nodes and pods are network namespaces")
        return action(options)

    return guarded


def say(text: str) -> None:
    """Prints a line at once. A terminal or reader that has gone is no reason to leave a lab half made or half gone."""
    with suppress(OSError):
        print(text, flush=True)
