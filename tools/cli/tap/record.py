"""`vppd tap record`: a recording, in files that are rotated."""

import argparse
import asyncio
from pathlib import Path

from tools.cli.tap.listening import announce_heard, hear_until_ended, hear_whole
from tools.cli.tap.node_settings import node_settings
from tools.cli.tap.options import add_duration, add_node
from tools.tap.observer import Observer, TapEvent
from tools.tap.recording import Recorder

HELP = "write all that is said to a file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The node, the file, and how much."""
    add_node(parser)
    parser.add_argument("file", type=Path)
    add_duration(parser)
    parser.add_argument("--max-mb", type=float, default=100.0, metavar="MB", help="of a file (default: 100)")
    parser.add_argument("--files", type=int, default=3, metavar="N", help="files kept: FILE, FILE.1... (default: 3)")


def run(options: argparse.Namespace) -> int:
    """Records until the time is over or a signal comes."""
    observer = asyncio.run(hear_whole(options))
    settings = {} if options.connect else node_settings(observer)
    recorder = Recorder(options.file, int(options.max_mb * 1e6), max(1, options.files), settings)

    def take(now: float, data: bytes, _events: list[TapEvent], observer: Observer) -> bool:
        recorder.write(now, data, observer.snapshots())
        return False

    announce_heard(observer)
    try:
        asyncio.run(hear_until_ended(options, take))
    finally:
        recorder.close()
    size = options.file.stat().st_size if options.file.exists() else 0
    print(f"{recorder.frames} frames, {size / 1e6:.1f} MB in {options.file}")
    return 0
