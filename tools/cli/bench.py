"""`vppd bench`: measurements, as a table or as JSON."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.bench import bus, cni, policy, services, writer
from tools.bench.rig import BenchFailed, format_result
from tools.cli.command import UserError, count_between

if TYPE_CHECKING:
    from tools.cli.command import Subparsers

HELP = "measure: time, messages, memory"
DESCRIPTION = "`vppd bench`: measurements, as a table or as JSON."
Measure = Callable[[argparse.Namespace, str], Coroutine[Any, Any, dict[str, Any]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be measured, and with how much."""
    commands = parser.add_subparsers(dest="bench", required=True, metavar="WHAT")
    kind = _add(
        commands, "services", "Services into translations", lambda o, v: services.run(o.services, o.endpoints, v)
    )
    _count(kind, "--services", 10_000, "how many", most=60_000)
    _count(kind, "--endpoints", 10, "of each", most=1000)
    kind = _add(commands, "policy", "Felix's policies into npol", lambda o, v: policy.run(o.policies, o.members, v))
    _count(kind, "--policies", 1000, "on one pod", most=100_000)
    _count(kind, "--members", 10_000, "of the set that all of them use", most=1_000_000)
    kind = _add(commands, "cni", "the CNI server's ADDs", lambda o, v: cni.run(o.pods, o.rate, o.rounds, v))
    _count(kind, "--pods", 250, "in each round", most=10_000)
    _count(kind, "--rate", 10, "ADDs a second", most=1000)
    _count(kind, "--rounds", 1, "of ADDs and DELs", most=10_000)
    kind = _add(commands, "writer", "the VPP writer beside other clients", lambda o, v: writer.run(o.routes, o.soak, v))
    _count(kind, "--routes", 100_000, "how many; a tenth of it translations", least=100, most=10_000_000)
    _count(kind, "--soak", 1_000_000, "calls, for the memory over time", least=1000, most=1_000_000_000)
    kind = _add(commands, "bus", "rows, requests and memory of the bus", lambda o, _: bus.run(o.rows), vpp=False)
    _count(kind, "--rows", 100_000, "how many", most=10_000_000)


def _count(parser: argparse.ArgumentParser, name: str, default: int, text: str, *, most: int, least: int = 1) -> None:
    help_text = f"{text} (default: %(default)s)"
    parser.add_argument(name, type=count_between(least, most), default=default, metavar="N", help=help_text)


def _add(
    commands: "Subparsers", name: str, text: str, measure: Measure, *, vpp: bool = True
) -> argparse.ArgumentParser:
    bench = commands.add_parser(name, help=text, description=f"Measures: {text}.")
    bench.set_defaults(vpp="", measure=measure)
    if vpp:
        bench.add_argument("--vpp", metavar="PATH", help="a real vpp instead of vppsim")
    bench.add_argument("--json", action="store_true", help="print JSON")
    return bench


def run(options: argparse.Namespace) -> int:
    """Measures, and prints the figures. Raises UserError."""
    vpp = options.vpp or str(Path(sys.executable).with_name("vppsim"))
    if not os.access(vpp, os.X_OK):
        raise UserError(f"{vpp}: not an executable")
    try:
        result = asyncio.run(options.measure(options, vpp))
    except BenchFailed as failed:
        raise UserError(str(failed)) from None
    sys.stdout.write((json.dumps(result, indent=1) if options.json else format_result(result)) + "\n")
    return 0
