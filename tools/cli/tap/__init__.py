"""`vppd tap`: what the processes of a node say to one another.

watch          `vppd tap` itself: events as they happen
record         `vppd tap record`
play           `vppd tap play`
replay         `vppd tap replay`
top            `vppd tap top`
state          `vppd tap state`
export         `vppd tap export`
keys           `vppd tap keys`
names          `vppd tap names`
options        options that several of them take
listening      hears a node's bus for them
node_settings  how the node's processes are configured
printing       prints events and rows
scrolling      a terminal that shows a part of a table
"""

import argparse

from bus.remote_tap import BadCurveKeys
from schemas.config import NodeConfigError
from tools.cli.command import add_command
from tools.cli.tap import export, keys, names, play, record, replay, state, top, watch
from tools.tap.filter import BadExpression
from tools.tap.listener import NoBus
from tools.tap.recording import BadRecording
from tools.tap.replay import NotReplayable

HELP = "what a node's processes say to one another"
DESCRIPTION = "`vppd tap`: what the processes of a node say to one another."
FAILURES = (NoBus, BadCurveKeys, BadRecording, NotReplayable, BadExpression, NodeConfigError)
COMMANDS = {
    "record": record,
    "play": play,
    "replay": replay,
    "top": top,
    "state": state,
    "export": export,
    "keys": keys,
    "names": names,
}

run = watch.run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the tap itself, and its sub-commands."""
    commands = parser.add_subparsers(dest="sub", metavar="COMMAND")
    watch.add_arguments(parser)
    for name, command in COMMANDS.items():
        add_command(commands, name, command, description=command.HELP, failures=FAILURES)
