"""The console command `vppd`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from tools.cli import bench, completion, guard, lab, node, tap
from tools.cli.errors import UserError


def parser() -> argparse.ArgumentParser:
    """All commands."""
    made = argparse.ArgumentParser(prog="vppd", description="Kubernetes node networking on FD.io VPP.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    node.add_parser(commands)
    guard.add_parser(commands)
    tap.add_parser(commands)
    lab.add_parser(commands)
    bench.add_parser(commands)
    completion.add_parser(commands, made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 good, 1 not, 2 wrong usage."""
    options = parser().parse_args(argv)
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
    return code


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
