"""What a command is: a module with its help, its arguments and its action; and errors that are for the user."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

Action = Callable[[argparse.Namespace], int]


class UserError(Exception):
    """Something that the user can do something about, in one line; exit status 1."""


class Command(Protocol):
    """A module with one command. `run` returns the exit status."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Does what the command is for. Raises UserError."""


def add_command(
    commands: "Subparsers",
    name: str,
    command: Command,
    *,
    description: str | None = None,
    failures: tuple[type[Exception], ...] = (),
) -> argparse.ArgumentParser:
    """Makes the command one of `commands`; `failures` are exceptions whose text is for the user."""
    parser = commands.add_parser(name, help=command.HELP, description=description)
    command.add_arguments(parser)
    parser.set_defaults(run=with_user_errors(command.run, failures))
    return parser


def with_user_errors(action: Action, failures: tuple[type[Exception], ...]) -> Action:
    """The action, which raises UserError in place of these exceptions."""

    def guarded(options: argparse.Namespace) -> int:
        try:
            return action(options)
        except BrokenPipeError:  # an OSError, but nobody reads its text
            raise
        except failures as error:
            raise UserError(str(error)) from None

    return guarded


def count_between(least: int, most: int) -> Callable[[str], int]:
    """Reads an argument that counts something. It raises argparse.ArgumentTypeError, which tells the bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}: a number from {least} to {most}")
        return int(text)

    return read


def name_and_value(text: str) -> tuple[str, str]:
    """`NAME=VALUE`. Raises argparse.ArgumentTypeError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: not NAME=VALUE")
    return name, value
