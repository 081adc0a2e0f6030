"""What every process on the bus does first and last: --help, configuration, log, signals, exit code."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from bus.log import Log
from bus.peer import Peer
from bus.sockets import UnsafeDirectory, prepare_directory
from bus.watchdog import LoopWatchdog
from schemas.config import ConfigError, NodeConfig, describe_variables, from_env
from schemas.env_readers import log_level
from schemas.requests import EmptyReply, Ping, Pong, SetLogLevel

EXIT_MISCONFIGURED = 2

_Main = Callable[[NodeConfig, Peer, Log, asyncio.Event], Awaitable[int]]


def argument_parser(command: str, description: str) -> argparse.ArgumentParser:
    """The command line that all processes share: --help, with the table of variables."""
    return argparse.ArgumentParser(
        prog=f"python -m {command}",
        description=description,
        epilog="Environment variables:\n" + describe_variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def config_or_exit(log: Log, *, required: tuple[str, ...] = ("NODENAME",)) -> NodeConfig:
    """The configuration; a wrong one ends the process with exit code 2 and one line for each error."""
    try:
        return from_env(os.environ, required=required)
    except ConfigError as error:
        for line in str(error).splitlines():
            log.error("misconfigured", variable=line)
        sys.exit(EXIT_MISCONFIGURED)


def _bus_config_or_exit(log: Log) -> NodeConfig:
    """The configuration, as `config_or_exit`, of a process on the bus; the directory of the bus is made."""
    config = config_or_exit(log)
    try:
        prepare_directory(config.bus)
    except (UnsafeDirectory, OSError) as error:
        log.error("cannot start", why=error)
        sys.exit(EXIT_MISCONFIGURED)
    log.level = config.log_level
    return config


def run_process(name: str, command: str, description: str, main: _Main, argv: Sequence[str] | None = None) -> NoReturn:
    """Runs `main` until it returns an exit code; SIGTERM and SIGINT set the event that it gets."""
    argument_parser(command, description).parse_args(argv)
    log = Log(name)
    config = _bus_config_or_exit(log)
    sys.exit(asyncio.run(_on_the_bus(name, config, log, main)))


async def _on_the_bus(name: str, config: NodeConfig, log: Log, main: _Main) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Peer(name, config.bus) as peer:
        _serve_basics(peer, log)
        log.info("started", pid=os.getpid(), session=peer.session)
        watchdog = LoopWatchdog(lambda: peer.progress, log, config.stuck_restart_s)
        watchdog.start()
        try:
            code = await main(config, peer, log, stop)
        finally:
            watchdog.stop()
        log.info("stopped", code=code)
        return code


def _serve_basics(peer: Peer, log: Log) -> None:
    """The requests that every process answers."""

    def ping(_: Ping) -> Pong:
        return Pong(name=peer.name, progress=peer.progress, ready=peer.ready, waiting=peer.waiting)

    def set_level(request: SetLogLevel) -> EmptyReply:
        try:
            log.level = log_level(request.level)
        except ValueError as error:
            raise ValueError(f"level: {error}") from None
        return EmptyReply()

    peer.serve(Ping, ping)
    peer.serve(SetLogLevel, set_level)
