"""Prints what was seen: in colour on a terminal, no wider than it."""

import argparse
import os
import shutil
import sys

from tools.cli.tap.options import filter_of
from tools.tap import chain, show, state
from tools.tap.seen import Observer, Seen
from tools.tap.show import Painter


def painter(options: argparse.Namespace) -> Painter:
    """Colours, if this is a terminal and nobody said no."""
    return Painter(sys.stdout.isatty() and not options.no_colour and "NO_COLOR" not in os.environ)


def columns() -> int:
    """The width of the terminal."""
    return shutil.get_terminal_size().columns


class Printer:
    """Prints what the options ask for."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._paint, self._json = painter(options), options.json
        self._filter = filter_of(options)
        self._chain = chain.Chain(options.follow) if options.follow else None
        self._columns = columns()
        self._cause = ""

    def __call__(self, seen: list[Seen]) -> None:
        fitting = [each for each in seen if self._filter.fits(each) and (not self._chain or self._chain.fits(each))]
        for each in fitting:
            if self._json:
                print(show.as_json(each))
                continue
            if self._chain:
                hop = self._chain.hop(each)
                print(self._paint(f"+{show.took(hop.after_s)} (+{show.took(hop.hop_s)})", show.BOLD))
            for line in show.lines(each, self._columns, self._paint, self._cause):
                print(line)
            self._cause = each.cause
        if fitting:
            sys.stdout.flush()


def print_rows(observer: Observer, word: str | None, key: str, paint: Painter) -> None:
    """The rows that fit the patterns; without a word the list of words."""
    for line in state.rows(observer, word, key, columns(), paint) if word else state.words(observer):
        print(line)
