"""`vppd bench`: measurements, as a table or as JSON."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.bench import bus, policy, services, writer
from tools.bench.rig import BenchFailed, format_result
from tools.cli.command import UserError

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
    kind.add_argument("--services", type=int, default=10_000, help="how many (10000)")
    kind.add_argument("--endpoints", type=int, default=10, help="of each (10)")
    kind = _add(commands, "policy", "Felix's policies into npol", lambda o, v: policy.run(o.policies, o.members, v))
    kind.add_argument("--policies", type=int, default=1000, help="on one pod (1000)")
    kind.add_argument("--members", type=int, default=10_000, help="of the set that all of them use (10000)")
    kind = _add(commands, "writer", "the VPP writer beside other clients", lambda o, v: writer.run(o.routes, o.soak, v))
    kind.add_argument("--routes", type=int, default=100_000, help="how many; a tenth of it translations (100000)")
    kind.add_argument("--soak", type=int, default=1_000_000, metavar="CALLS", help="for the memory over time (1000000)")
    kind = _add(commands, "bus", "rows, requests and memory of the bus", lambda o, _: bus.run(o.rows), vpp=False)
    kind.add_argument("--rows", type=int, default=100_000, help="how many (100000)")


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
    try:
        result = asyncio.run(options.measure(options, vpp))
    except BenchFailed as failed:
        raise UserError(str(failed)) from None
    sys.stdout.write((json.dumps(result, indent=1) if options.json else format_result(result)) + "\n")
    return 0
