"""`vppd ask`: one request to one process of a node."""

import argparse
import asyncio
import os

from bus.peer import BusPeer
from bus.requester import BusAskFailed
from schemas.requests import PingReply, PingRequest, SetLogLevelRequest
from tools.cli.command import UserError
from tools.cli.node import add_run_directory

HELP = "ask a process: ping, log-level"
ASK_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The request, the process, and the node."""
    parser.add_argument("what", choices=["ping", "log-level"])
    parser.add_argument("process", help="guard, vpp-writer, kube-watch, routing, cni, services, policy")
    parser.add_argument("level", nargs="?", help="for log-level: debug, info, warning, error")
    add_run_directory(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the reply. Raises UserError."""
    if (options.what == "log-level") != bool(options.level):
        raise UserError("log-level needs a level, ping takes none")
    request = PingRequest() if options.what == "ping" else SetLogLevelRequest(options.level or "")

    (options.directory / "bus" / "broker").exists()  # may this user look at all? Raises PermissionError

    async def ask() -> object:
        async with BusPeer(f"tool-{os.getpid()}", options.directory / "bus") as peer:
            return await peer.ask(options.process, request, ASK_S)

    try:
        reply = asyncio.run(ask())
    except BusAskFailed as failed:
        raise UserError(failed.reason) from None
    if isinstance(reply, PingReply):
        state = "; ".join([*(["ready"] if reply.ready else []), *reply.waiting]) or "not ready"
        print(f"{reply.name}: {state}, {reply.progress} turns")
    return 0
