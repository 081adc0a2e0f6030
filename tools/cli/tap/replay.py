"""`vppd tap replay`: a recording fed into a manager."""

import argparse
import os
import sys
from pathlib import Path

from schemas.config import node_config_from_env
from tools.cli.command import UserError, name_and_value
from tools.cli.tap.printing import columns, painter
from tools.tap import recording, show
from tools.tap.replay import Replay

HELP = "feed a recording into a manager and see what it wants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, the manager, and how it is configured."""
    parser.add_argument("file", type=Path)
    parser.add_argument("--into", required=True, metavar="MANAGER", help="services")
    parser.add_argument("--diff", action="store_true", help="only what it wants now and did not want then; exit 1")
    parser.add_argument("--set", action="append", default=[], type=name_and_value, metavar="NAME=VALUE",
                        help="a variable of the manager, in place of the recorded one")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--no-colour", action="store_true", help="no colours")


def run(options: argparse.Namespace) -> int:
    """Prints what the manager wants as it hears the recording. Raises UserError."""
    recorded = recording.read_header(options.file).settings
    replay = Replay(options.into, node_config_from_env({**os.environ, **recorded, **dict(options.set)}, required=()))
    width, paint = columns(), painter(options)
    changed = list(replay.feed(recording.read(options.file)))
    events = list(replay.differences()) if options.diff else changed
    for event in events:
        for line in [show.as_json(event)] if options.json else show.event_lines(event, width, paint):
            print(line)
    if replay.waits_for:
        raise UserError(f"{options.into} says nothing: the recording lacks {', '.join(replay.waits_for)}")
    for error in replay.malformed:
        sys.stderr.write(f"vppd: malformed: {error}\n")
    if options.diff and not events:
        print(f"{options.into} wants what it wanted then: {len(replay.intents)} intents")
    return 1 if options.diff and events else 0
