"""Prints events: in colour on a terminal, no wider than it."""

import argparse
import os
import shutil
import sys

from tools.cli.tap.options import filter_of
from tools.tap import chain, show, state
from tools.tap.observer import Observer, TapEvent
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
        self.printed = 0

    def __call__(self, events: list[TapEvent]) -> None:
        fitting = [
            event for event in events if self._filter.fits(event) and (not self._chain or self._chain.fits(event))
        ]
        self.printed += len(fitting)
        for event in fitting:
            if self._json:
                print(show.as_json(event))
                continue
            if self._chain:
                hop = self._chain.hop(event)
                print(self._paint(f"+{show.duration(hop.after_s)} (+{show.duration(hop.hop_s)})", show.BOLD))
            for line in show.event_lines(event, self._columns, self._paint, self._cause):
                print(line)
            self._cause = event.cause
        if fitting:
            sys.stdout.flush()


def print_rows(observer: Observer, word: str | None, key: str, paint: Painter) -> None:
    """The rows that fit the patterns; without a word the list of words."""
    for line in state.rows(observer, word, key, columns(), paint) if word else state.words(observer):
        print(line)
