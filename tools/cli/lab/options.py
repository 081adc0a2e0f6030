"""Options that several commands of the lab take, and errors that all of them may have."""

import argparse

from tools.lab import kube, linux
from tools.lab.cluster import build, pods
from tools.lab.state import NoLab
from tools.lab.topology import BadName

FAILURES = (build.CannotBuild, linux.CommandFailed, NoLab, pods.PodFailed, kube.ApiFailed, BadName)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Which lab."""
    parser.add_argument("--name", default="lab", help="name of the lab (default: lab)")


def add_vpp(parser: argparse.ArgumentParser) -> None:
    """Which VPP."""
    parser.add_argument("--vpp", metavar="PATH", help="run real VPP in each node (default: vppsim)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The form of the output."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def name_and_value(text: str) -> tuple[str, str]:
    """`NAME=VALUE`. Raises argparse.ArgumentTypeError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: not NAME=VALUE")
    return name, value
