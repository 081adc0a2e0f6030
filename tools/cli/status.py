"""`vppd status`: a node's processes, and what VPP does not hold."""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence

from tools.cli.command import UserError
from tools.cli.node import add_run_directory
from tools.node.absences import why_absent
from tools.node.view import PROCESSES, NodeView
from tools.node.watcher import look_at_node

HELP = "a node's processes and what VPP does not hold, with reasons"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form of the output, and the node."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_run_directory(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the status; 1 if something is not ready or not applied. Raises UserError."""
    view = asyncio.run(look_at_node(options.directory))
    if not view.processes:
        causes = why_absent(options.directory, ["bus"])["bus"]
        raise UserError("; ".join([f"{options.directory}/bus: no broker answers there", *causes]))
    absences = why_absent(options.directory, view.absent())
    if options.json:
        print(json.dumps({**_as_json(view), "absent": absences}, indent=1))
    else:
        _print_processes(view, absences)
        _print(view)
    return 1 if view.unready() or view.unapplied() else 0


def _as_json(view: NodeView) -> dict[str, object]:
    return {
        "unready": view.unready(),
        "unapplied": view.unapplied(),
        "intents": len(view.intents),
        "services": len(view.services),
        "problems": view.problems(),
        "settings_without_effect": view.without_effect(),
        "epoch": view.epoch.epoch if view.epoch else None,
        "unavailable": view.epoch.unavailable if view.epoch else (),
        "processes": {name: p.counters for name, p in view.processes.items() if not name.startswith("tool-")},
    }


def _print_processes(view: NodeView, absences: Mapping[str, Sequence[str]]) -> None:
    names = {name for name in view.processes if not name.startswith("tool-")}
    for name in sorted(names | set(absences)):
        process = view.processes.get(name)
        if process is None:
            print(f"{name:<12} {'-':>7}  {'not on the bus' if name in PROCESSES else 'does not run'}")
        else:
            notes = "".join(f"; {text}" for text in process.waiting if process.ready)
            print(f"{name:<12} {process.pid:>7}  {view.state_of(name)}{notes}")
        for text in absences.get(name, ()):
            print(f"  {text}")


def _print(view: NodeView) -> None:
    print(f"VPP: {view.vpp_text()}")
    if view.epoch and view.epoch.unavailable:
        print(f"VPP lacks what these need: {', '.join(view.epoch.unavailable)}")
    print(f"intents: {len(view.intents)}, not applied: {len(view.unapplied())}")
    for text in view.unapplied():
        print(f"  {text}")
    counts = f"services: {len(view.services)}, pods: {len(view.pods)}"
    print(f"{counts}; services, pods and policies with problems: {len(view.problems())}")
    for text in view.problems():
        print(f"  {text}")
    if view.without_effect():
        print(f"settings without effect: {len(view.without_effect())}")
    for text in view.without_effect():
        print(f"  {text}")
