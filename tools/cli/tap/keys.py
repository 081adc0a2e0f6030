"""`vppd tap keys`: the keys of taps that come in from elsewhere."""

import argparse
from pathlib import Path

from bus.remote_tap import make_keys

HELP = "make the keys with which taps come in from elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where they go."""
    parser.add_argument("keys", type=Path, metavar="DIR", help="what VPPD_TAP_KEYS names")


def run(options: argparse.Namespace) -> int:
    """Makes the keys, and tells how to use them. Raises BadCurveKeys."""
    for path in make_keys(options.keys):
        print(path)
    print(f"On the node: VPPD_TAP_KEYS={options.keys}, VPPD_TAP_LISTEN=tcp://ADDRESS:PORT. To tap from elsewhere, take")
    print("server.key and client.key_secret with you: vppd tap --connect tcp://ADDRESS:PORT --keys DIR")
    return 0
