"""The guard: `python -m vppd_guard [run|plan|preflight|explain|restore]`."""

import asyncio
import signal
import sys
from typing import NoReturn

from bus import lock
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process import EXIT_MISCONFIGURED, process_argument_parser, run_bus_process
from schemas.config import NodeConfig
from vppd_guard import commands
from vppd_guard.guard import UplinkGuard
from vppd_guard.report.configuration import configuration_facts

_DESCRIPTION = "Takes the uplinks from Linux, runs VPP, and gives Linux everything back when VPP ends."
_FORWARDED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)  # to VPP
_COMMANDS = {
    "run": "take the uplinks and run VPP (default)",
    "plan": "print as JSON what would be done; touches nothing",
    "preflight": "check what a takeover needs; touches nothing",
    "explain": "what the guard did, why, and what it does next; needs no bus and no VPP",
    "restore": "undo what a dead guard has left",
}


async def _main(config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> int:
    if not config.interfaces.uplinkInterfaces:
        log.error("misconfigured", variable="CALICOVPP_INTERFACES: no uplinkInterfaces")
        return EXIT_MISCONFIGURED
    try:
        lock.acquire_lock(commands.guard_lock_path(config))
    except (lock.LockHeld, OSError) as error:
        log.error("cannot start", why=error)
        return 1
    for warning in config.warnings:
        log.warning("configuration", what=warning)
    peer.publish("configuration-status", configuration_facts(config.warnings))
    peer.subscribe("epoch")
    guard = UplinkGuard(config, peer, log)
    for number in _FORWARDED:
        asyncio.get_running_loop().add_signal_handler(number, guard.forward, number)
    asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, stop.set)
    return await guard.live(stop)


def main() -> NoReturn:
    """The command line."""
    words = process_argument_parser("vppd_guard", _DESCRIPTION)
    texts = "; ".join(f"{name}: {text}" for name, text in _COMMANDS.items())
    words.add_argument("command", nargs="?", default="run", choices=_COMMANDS, metavar="COMMAND", help=texts)
    words.add_argument("--json", action="store_true", help="preflight, explain: for machines")
    options = words.parse_args()
    if options.command == "run":
        run_bus_process("guard", "vppd_guard", _DESCRIPTION, _main, argv=[])
    log = ProcessLog("guard")
    sys.exit(commands.run_guard_command(options.command, log, as_json=options.json))


if __name__ == "__main__":
    main()
