"""`vppd status` and `vppd ask`: a node's bus."""

import argparse
import asyncio
import json
import os
from pathlib import Path

from bus.peer import AskFailed, Peer
from schemas.requests import Ping, Pong, SetLogLevel
from tools.cli.errors import UserError
from tools.lab.view import NodeView, look

ASK_S = 3.0


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `status` and `ask`."""
    status = commands.add_parser("status", help="a node's processes and what VPP does not hold, with reasons")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)
    ask = commands.add_parser("ask", help="ask a process: ping, log-level")
    ask.add_argument("what", choices=["ping", "log-level"])
    ask.add_argument("process", help="guard, vpp-writer, kube-watch, routing, cni, services, policy")
    ask.add_argument("level", nargs="?", help="for log-level: debug, info, warning, error")
    ask.set_defaults(run=_ask)
    for parser in (status, ask):
        parser.add_argument("--run",
            dest="directory", type=Path, default=Path(os.environ.get("VPPD_RUN", "/run/vppd")), metavar="DIR",
                            help="the node's $VPPD_RUN (default: %(default)s)")  # fmt: skip


def _status(options: argparse.Namespace) -> int:
    view = asyncio.run(look(options.directory))
    if not view.processes:
        raise UserError(f"{options.directory}/bus: no broker answers there")
    if options.json:
        print(json.dumps(_as_json(view), indent=1))
    else:
        _print(view)
    return 1 if view.unready() or view.unapplied() else 0


def _as_json(view: NodeView) -> dict[str, object]:
    return {
        "unready": view.unready(),
        "unapplied": view.unapplied(),
        "intents": len(view.intents),
        "services": len(view.services),
        "problems": view.problems(),
        "epoch": view.epoch.epoch if view.epoch else None,
        "unavailable": view.epoch.unavailable if view.epoch else (),
        "processes": {name: p.counters for name, p in view.processes.items() if not name.startswith("tool-")},
    }


def _print(view: NodeView) -> None:
    for name, process in sorted(view.processes.items()):
        if not name.startswith("tool-"):
            notes = "".join(f"; {text}" for text in process.waiting if process.ready)
            print(f"{name:<12} {process.pid:>7}  {view.state_of(name)}{notes}")
    epoch = view.epoch
    print(f"VPP: epoch {epoch.epoch}, pid {epoch.pid}, {epoch.version}" if epoch and epoch.connected else "VPP: none")
    if epoch and epoch.unavailable:
        print(f"VPP lacks what these need: {', '.join(epoch.unavailable)}")
    print(f"intents: {len(view.intents)}, not applied: {len(view.unapplied())}")
    for text in view.unapplied():
        print(f"  {text}")
    print(f"services: {len(view.services)}; services and policies with problems: {len(view.problems())}")
    for text in view.problems():
        print(f"  {text}")


def _ask(options: argparse.Namespace) -> int:
    if (options.what == "log-level") != bool(options.level):
        raise UserError("log-level needs a level, ping takes none")
    request = Ping() if options.what == "ping" else SetLogLevel(options.level or "")

    async def ask() -> object:
        async with Peer(f"tool-{os.getpid()}", options.directory / "bus") as peer:
            return await peer.ask(options.process, request, ASK_S)

    try:
        reply = asyncio.run(ask())
    except AskFailed as failed:
        raise UserError(failed.reason) from None
    if isinstance(reply, Pong):
        state = "; ".join([*(["ready"] if reply.ready else []), *reply.waiting]) or "not ready"
        print(f"{reply.name}: {state}, {reply.progress} turns")
    return 0
