"""The command `vppsim`, invoked as VPP is: `vppsim -c startup.conf`."""

import argparse
import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from bus.log import ProcessLog
from tools.vppsim.cli import commands
from tools.vppsim.cnat.settings import CnatSettings
from tools.vppsim.cnat.settings import parse as parse_cnat
from tools.vppsim.devices.maker import DeviceMaker
from tools.vppsim.loop import EventLoop
from tools.vppsim.server import ApiSocket
from tools.vppsim.startup import StartupConfig, StartupError, parse_config
from tools.vppsim.vpp import TICK_S, Vpp

NOT_FOR_PRODUCTION = "a stand-in for VPP for laptops and CI; not for production"


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Exit status 1: the configuration is not valid."""
    options = _parser().parse_args(arguments)
    log = ProcessLog("vppsim")
    try:
        startup = parse_config(options.config.read_text())
        cnat = parse_cnat(startup.cnat)
    except (OSError, UnicodeDecodeError, StartupError) as error:
        log.error("bad_configuration", file=options.config, error=error)
        return 1
    with _log_stream(startup) as stream:
        serve(startup, cnat, ProcessLog("vppsim", stream=stream))
    return 0


def serve(startup: StartupConfig, cnat: CnatSettings, log: ProcessLog) -> None:
    """Serve the API until a signal comes."""
    loop = EventLoop()
    loop.stop_on(signal.SIGTERM, signal.SIGINT)
    vpp = Vpp(DeviceMaker(loop), log, startup.answers_ping, cnat)
    server = ApiSocket(loop, startup.api_socket, vpp, log)
    vpp.send_event = server.send_event
    _execute(startup.exec_file, vpp, log)
    if startup.pid_file is not None:
        startup.pid_file.parent.mkdir(parents=True, exist_ok=True)
        startup.pid_file.write_text(f"{os.getpid()}\n")

    def tick() -> None:
        vpp.tick()
        loop.call_after(TICK_S, tick)

    loop.call_after(TICK_S, tick)
    log.info("ready", api=startup.api_socket, pid=os.getpid(), notice=NOT_FOR_PRODUCTION)
    loop.run()
    server.close()
    log.info("stopped")


def _execute(path: Path | None, vpp: Vpp, log: ProcessLog) -> None:
    """Run the commands of the `exec` file; answers, also to unknown commands, are logged."""
    if path is None or not path.exists():
        return
    for line in path.read_text().splitlines():
        _, answer = commands.run_cli_commands(vpp, line.split("#")[0])
        if answer:
            log.info("exec", line=line, answer=answer)


def _log_stream(startup: StartupConfig) -> AbstractContextManager[TextIO]:
    return startup.log_file.open("a") if startup.log_file else nullcontext(sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vppsim", description=f"vppsim: {NOT_FOR_PRODUCTION}")
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="VPP's startup.conf")
    return parser
