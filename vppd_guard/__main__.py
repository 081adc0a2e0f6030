"""The guard: `python -m vppd_guard [run|plan|preflight|explain|restore]`."""

import asyncio
import signal
import sys
from typing import NoReturn

from bus import lock
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process import EXIT_MISCONFIGURED, process_argument_parser, run_bus_main
from schemas.config import NodeConfig
from vppd_guard import commands
from vppd_guard.guard import UplinkGuard
from vppd_guard.host import handover
from vppd_guard.report.configuration import configuration_status_facts

_DESCRIPTION = "Takes the uplinks from Linux, runs VPP, and gives Linux everything back when VPP ends."
_FORWARDED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)  # to VPP
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, handover.GUARD_HANDOVER_SIGNAL, *_FORWARDED)
_COMMANDS = {
    "run": "take the uplinks and run VPP (default)",
    "plan": "print as JSON what would be done; touches nothing",
    "preflight": "check what a takeover needs; touches nothing",
    "explain": "what the guard did, why, and what it does next; needs no bus and no VPP",
    "restore": "undo what a dead guard has left",
}


class _GuardProgram:
    """The guard of this process, and whether it goes on as the next guard."""

    def __init__(self) -> None:
        self.handed_over = False

    async def main(self, config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> int:
        """Runs the guard until it is told to stop, or to hand over. Returns the exit code."""
        guard, told_to_hand_over, loop = UplinkGuard(config, peer, log), asyncio.Event(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, stop.set)
        loop.add_signal_handler(handover.GUARD_HANDOVER_SIGNAL, told_to_hand_over.set)
        for number in _FORWARDED:
            loop.add_signal_handler(number, guard.forward, number)
        handover.release_guard_signals(_HANDLED)
        if not config.interfaces.uplinkInterfaces:
            log.error("misconfigured", variable="CALICOVPP_INTERFACES: no uplinkInterfaces")
            return EXIT_MISCONFIGURED
        try:
            lock.acquire_lock_file(commands.guard_lock_path(config))
        except (lock.LockFileHeld, OSError) as error:
            log.error("cannot start", why=error)
            return 1
        for warning in config.warnings:
            log.warning("configuration", what=warning)
        peer.publish("configuration-status", configuration_status_facts(config.warnings))
        peer.subscribe("epoch")
        code = await guard.live(stop, told_to_hand_over)
        if guard.handed_over:
            await guard.context.end_threads()  # whatever thread is left could take a signal that is held
            await handover.hold_guard_signals(_HANDLED, stop)
            self.handed_over = True
        return code


def _run() -> NoReturn:
    program = _GuardProgram()
    code = run_bus_main("guard", "vppd_guard", _DESCRIPTION, program.main, argv=[])
    if program.handed_over:
        try:
            handover.become_next_guard()
        except OSError as error:
            ProcessLog("guard").error("cannot become the next guard", why=error, hint="one that is started adopts VPP")
            code = 1
    sys.exit(code)


def main() -> NoReturn:
    """The command line."""
    words = process_argument_parser("vppd_guard", _DESCRIPTION)
    texts = "; ".join(f"{name}: {text}" for name, text in _COMMANDS.items())
    words.add_argument("command", nargs="?", default="run", choices=_COMMANDS, metavar="COMMAND", help=texts)
    words.add_argument("--json", action="store_true", help="preflight, explain: for machines")
    options = words.parse_args()
    if options.command == "run":
        _run()
    log = ProcessLog("guard")
    sys.exit(commands.run_guard_command(options.command, log, as_json=options.json))


if __name__ == "__main__":
    main()
