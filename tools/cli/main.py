"""The console command `vppd`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import FrameType

from tools.cli import ask, bench, completion, guard, logs, restart, status, tap
from tools.cli.command import UserError, add_command

LAB, LAB_HELP = "lab", "clusters on this machine"


def parser(*, lab: bool) -> argparse.ArgumentParser:
    """All commands; `lab`: the lab's own too, for which its code is loaded."""
    root = argparse.ArgumentParser(prog="vppd", description="Kubernetes node networking on FD.io VPP.")
    root.add_argument("--version", action="version", version=f"vppd {version('vppd')}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_command(commands, "status", status)
    add_command(commands, "logs", logs)
    add_command(commands, "restart", restart, description=restart.DESCRIPTION, failures=restart.FAILURES)
    add_command(commands, "ask", ask)
    add_command(commands, "guard", guard)
    add_command(commands, "tap", tap, description=tap.DESCRIPTION, failures=tap.FAILURES)
    lab_parser = commands.add_parser(LAB, help=LAB_HELP, description=f"`vppd lab`: {LAB_HELP}.")
    if lab:
        import_module("tools.cli.lab").add_arguments(lab_parser)
    add_command(commands, "bench", bench, description=bench.DESCRIPTION)
    add_command(commands, "completion", completion).set_defaults(root=root)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 good, 1 not, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    words, command = split_command(words)
    root = parser(lab=_needs_lab(words))
    options = root.parse_args(words, argparse.Namespace(command_words=command))
    if command and not getattr(options, "takes_command", False):
        root.error(f"no command is run here: -- {' '.join(command)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # an exception, so that a lab that is half made or half used is taken away
    try:
        code: int = options.run(options)
    except UserError as error:
        sys.stderr.write(f"vppd: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:  # a disk is full, a file may not be read: the user's to mend, not a fault to trace
        where = f"{error.filename}: " if error.filename else ""
        hint = "; are you root?" if isinstance(error, PermissionError) and os.geteuid() else ""
        sys.stderr.write(f"vppd: {where}{error.strerror or error}{hint}\n")
        return 1
    return code


def split_command(words: list[str]) -> tuple[list[str], list[str]]:
    """What is before `--`, and the command behind it, whose options are not ours."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _needs_lab(words: list[str]) -> bool:
    """Is the lab's code needed to read these arguments? A node may be without it."""
    command = words[0] if words else ""
    return command == LAB or (command == "completion" and find_spec("tools.lab") is not None)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
