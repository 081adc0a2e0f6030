"""What every process on the bus does first and last: --help, configuration, log, signals, exit code."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process_health import ProcessHealth
from bus.sockets import UnsafeBusDirectory, prepare_bus_directory
from bus.watchdog import LoopWatchdog
from schemas.config import NodeConfig, NodeConfigError, describe_env_variables, node_config_from_env
from schemas.env_readers import env_log_level
from schemas.requests import EmptyRequestReply, PingReply, PingRequest, SetLogLevelRequest

EXIT_UNFIT = 1
EXIT_MISCONFIGURED = 2
_STOP_S_MAX = 5.0

_Main = Callable[[NodeConfig, BusPeer, ProcessLog, asyncio.Event], Coroutine[Any, Any, int]]


def process_argument_parser(command: str, description: str) -> argparse.ArgumentParser:
    """The command line that all processes share: --help, with the table of variables."""
    return argparse.ArgumentParser(
        prog=f"python -m {command}",
        description=description,
        epilog="Environment variables:\n" + describe_env_variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def node_config_or_exit(log: ProcessLog, *, required: tuple[str, ...] = ("NODENAME",)) -> NodeConfig:
    """The configuration; a wrong one ends the process with exit code 2 and one line for each error."""
    try:
        return node_config_from_env(os.environ, required=required)
    except NodeConfigError as error:
        for line in str(error).splitlines():
            log.error("misconfigured", variable=line)
        sys.exit(EXIT_MISCONFIGURED)


def _bus_config_or_exit(log: ProcessLog) -> NodeConfig:
    """The configuration, as `node_config_or_exit`, of a process on the bus; the directory of the bus is made."""
    config = node_config_or_exit(log)
    try:
        prepare_bus_directory(config.bus)
    except (UnsafeBusDirectory, OSError) as error:
        log.error("cannot start", why=error)
        sys.exit(EXIT_MISCONFIGURED)
    log.level = config.log_level
    return config


def run_bus_process(
    name: str, command: str, description: str, main: _Main, argv: Sequence[str] | None = None
) -> NoReturn:
    """Runs `main` until it returns an exit code; SIGTERM and SIGINT set the event that it gets."""
    sys.exit(run_bus_main(name, command, description, main, argv))


def run_bus_main(name: str, command: str, description: str, main: _Main, argv: Sequence[str] | None = None) -> int:
    """`run_bus_process`, but for a process that does not end with `main`. Returns the exit code."""
    process_argument_parser(command, description).parse_args(argv)
    log = ProcessLog(name)
    config = _bus_config_or_exit(log)
    return asyncio.run(_on_the_bus(name, config, log, main))


async def _on_the_bus(name: str, config: NodeConfig, log: ProcessLog, main: _Main) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with BusPeer(name, config.bus, log) as peer:
        _serve_basics(peer, log)
        log.info("started", pid=os.getpid(), session=peer.session)
        watchdog = LoopWatchdog(lambda: peer.progress, log, config.stuck_restart_s)
        watchdog.start()
        health = ProcessHealth(peer, log)
        loop.set_exception_handler(health.take_unhandled)
        try:
            code = await _until_unfit(main(config, peer, log, stop), health, stop)
        finally:
            watchdog.stop()
        log.info("stopped", code=code)
        return code


async def _until_unfit(work: Coroutine[Any, Any, int], health: ProcessHealth, stop: asyncio.Event) -> int:
    """The work's exit code. A process that is unfit is told to stop, has a moment for it, and ends with an error."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(health.unfit())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        watching.result()
        stop.set()
        await asyncio.wait((working,), timeout=_STOP_S_MAX)
        return EXIT_UNFIT
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


def _serve_basics(peer: BusPeer, log: ProcessLog) -> None:
    """The requests that every process answers."""

    def ping(_: PingRequest) -> PingReply:
        return PingReply(name=peer.name, progress=peer.progress, ready=peer.ready, waiting=peer.waiting)

    def set_level(request: SetLogLevelRequest) -> EmptyRequestReply:
        try:
            log.level = env_log_level(request.level)
        except ValueError as error:
            raise ValueError(f"level: {error}") from None
        return EmptyRequestReply()

    peer.serve(PingRequest, ping)
    peer.serve(SetLogLevelRequest, set_level)
