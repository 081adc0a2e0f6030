"""`vppd bench`: measurements, as a table or as JSON."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tools.bench import bus, policy, services, writer
from tools.bench.rig import BenchFailed, table
from tools.cli.errors import UserError

Measure = Callable[[argparse.Namespace, str], Coroutine[Any, Any, dict[str, Any]]]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its subcommands."""
    bench = commands.add_parser("bench", help="measure: time, messages, memory", description=__doc__)
    several = bench.add_subparsers(dest="bench", required=True, metavar="WHAT")
    one = _add(several, "services", "Services into translations", lambda o, v: services.run(o.services, o.endpoints, v))
    one.add_argument("--services", type=int, default=10_000, help="how many (10000)")
    one.add_argument("--endpoints", type=int, default=10, help="of each (10)")
    one = _add(several, "policy", "Felix's policies into npol", lambda o, v: policy.run(o.policies, o.members, v))
    one.add_argument("--policies", type=int, default=1000, help="on one pod (1000)")
    one.add_argument("--members", type=int, default=10_000, help="of the set that all of them use (10000)")
    one = _add(several, "writer", "the VPP writer beside other clients", lambda o, v: writer.run(o.routes, o.soak, v))
    one.add_argument("--routes", type=int, default=100_000, help="how many; a tenth of it translations (100000)")
    one.add_argument("--soak", type=int, default=1_000_000, metavar="CALLS", help="for the memory over time (1000000)")
    one = _add(several, "bus", "rows, requests and memory of the bus", lambda o, _: bus.run(o.rows), vpp=False)
    one.add_argument("--rows", type=int, default=100_000, help="how many (100000)")


def _add(
    several: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    measure: Measure,
    *,
    vpp: bool = True,
) -> argparse.ArgumentParser:
    made = several.add_parser(name, help=text, description=f"Measures: {text}.")
    made.set_defaults(vpp="")
    if vpp:
        made.add_argument("--vpp", metavar="PATH", help="a real vpp instead of vppsim")
    made.add_argument("--json", action="store_true", help="print JSON")
    made.set_defaults(run=lambda options: _run(options, measure))
    return made


def _run(options: argparse.Namespace, measure: Measure) -> int:
    vpp = options.vpp or str(Path(sys.executable).with_name("vppsim"))
    try:
        result = asyncio.run(measure(options, vpp))
    except BenchFailed as failed:
        raise UserError(str(failed)) from None
    sys.stdout.write((json.dumps(result, indent=1) if options.json else table(result)) + "\n")
    return 0
