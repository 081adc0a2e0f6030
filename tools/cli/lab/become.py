"""Edge: this process becomes another command, in a namespace of the lab."""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from tools.cli.command import UserError
from tools.lab import linux


def become(netns: str, command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Does not return. `command` may have a `--` before it. Raises UserError."""
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise UserError("no command; write it after --")
    sys.stdout.flush()
    line = linux.netns_command(netns, *command)
    os.execvpe(line[0], line, {**os.environ, **environment})
