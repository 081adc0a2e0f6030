"""Edge: this process becomes another command, in a namespace of the lab."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from tools.cli.command import UserError
from tools.lab import linux


def accept_command(parser: argparse.ArgumentParser) -> None:
    """The command behind `--` is for this one; it is in `options.command_words`."""
    parser.usage = f"{parser.format_usage().removeprefix('usage: ').strip()} -- COMMAND"
    parser.set_defaults(takes_command=True)


def become(netns: str, command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Does not return. Raises UserError."""
    if not command:
        raise UserError("no command; write it after --")
    sys.stdout.flush()
    line = linux.netns_command(netns, *command)
    os.execvpe(line[0], line, {**os.environ, **environment})
