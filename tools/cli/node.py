"""The option that says which node is meant: where its processes have their sockets."""

import argparse
import os
from pathlib import Path


def add_run_directory(parser: argparse.ArgumentParser) -> None:
    """Adds `--run`, as `options.directory`."""
    default = Path(os.environ.get("VPPD_RUN", "/run/vppd"))
    parser.add_argument("--run", dest="directory", type=Path, default=default, metavar="DIR",
                        help="the node's $VPPD_RUN (default: %(default)s)")  # fmt: skip
