"""`vppd tap export`: a recording for Perfetto or Mermaid."""

import argparse
from pathlib import Path

from tools.cli.command import UserError
from tools.tap import chain, export, recording
from tools.tap.observer import Observer

HELP = "a recording for Perfetto or Mermaid"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The recording, and in which form."""
    parser.add_argument("file", type=Path, help="a recording")
    parser.add_argument("--perfetto", type=Path, metavar="OUT", help="a trace for https://ui.perfetto.dev")
    parser.add_argument("--mermaid", metavar="CAUSE", help="a sequence diagram of one cause, on standard output")


def run(options: argparse.Namespace) -> int:
    """Writes the trace, prints the diagram. Raises UserError."""
    if not (options.perfetto or options.mermaid):
        raise UserError("export what? --perfetto OUT or --mermaid CAUSE")
    observer = Observer()
    events = [event for now, data in recording.read(options.file) for event in observer.feed(data, now)]
    if options.perfetto:
        options.perfetto.write_text(export.perfetto(events))
        print(f"{options.perfetto}: open it at https://ui.perfetto.dev")
    if options.mermaid:
        hops = list(chain.hops(events, options.mermaid))
        if not hops:
            raise UserError(f"{options.file}: nothing came from {options.mermaid}")
        print("\n".join(export.mermaid(hops)))
    return 0
