"""`vppd lab`: clusters on this machine. Loaded only when it is asked for.

up              `vppd lab up`
down            `vppd lab down`
listing         `vppd lab list`
status          `vppd lab status`
status_text     what it prints, as text and as JSON
check           `vppd lab check`
demo            `vppd lab demo`
kubectl_config  `vppd lab kubectl-config`
node            `vppd lab node exec`
pod             `vppd lab pod add`, `del`, `exec`
options         options that several of them take, errors that all of them may have
become          a command in a namespace in place of this one
"""

import argparse

from tools.cli.command import Command, add_command
from tools.cli.lab import check, demo, down, kubectl_config, listing, node, pod, status, up
from tools.cli.lab.options import FAILURES, as_root

COMMANDS: dict[str, Command] = {
    "up": up,
    "down": down,
    "list": listing,
    "status": status,
    "check": check,
    "demo": demo,
    "kubectl-config": kubectl_config,
    "node": node,
}
FOR_EVERYBODY = ("list", "kubectl-config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="sub", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = add_command(commands, name, command, description=command.HELP, failures=FAILURES)
        if name not in FOR_EVERYBODY:
            added.set_defaults(run=as_root(added.get_default("run")))
    pod.add_arguments(commands.add_parser("pod", help=pod.HELP))
