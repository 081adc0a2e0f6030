"""The guard: `python -m vppd_guard [run|plan|restore]`."""

import asyncio
import sys
from typing import NoReturn

import msgspec

from bus.log import Log
from bus.peer import Peer
from bus.process import EXIT_MISCONFIGURED, load, parser, run_process
from schemas.config import NodeConfig, UplinkSpec
from vppd_guard import captured as shape
from vppd_guard import linux, undo, vpp
from vppd_guard.drivers.registry import driver_named
from vppd_guard.guard import Guard, give_back
from vppd_guard.startup_conf import BadTemplate, Driven, render
from vppd_guard.wanted import intents

DESCRIPTION = "Takes the uplink from Linux, runs VPP, and gives Linux everything back when VPP ends."


def uplink_of(config: NodeConfig) -> UplinkSpec | str:
    """The one uplink, or why there is none."""
    uplinks = config.interfaces.uplinkInterfaces
    if not uplinks:
        return "CALICOVPP_INTERFACES: no uplinkInterfaces"
    if len(uplinks) > 1:
        return "CALICOVPP_INTERFACES: several uplinkInterfaces are not supported yet"
    return uplinks[0]


async def _main(config: NodeConfig, peer: Peer, log: Log, stop: asyncio.Event) -> int:
    uplink = uplink_of(config)
    if isinstance(uplink, str):
        log.error("misconfigured", variable=uplink)
        return EXIT_MISCONFIGURED
    peer.subscribe("epoch")
    return await Guard(config, uplink, peer, log).live(stop)


def _plan(log: Log) -> int:
    """Prints what would be captured and intended; touches nothing."""
    config = load(log)
    uplink = uplink_of(config)
    if isinstance(uplink, str):
        log.error("misconfigured", variable=uplink)
        return EXIT_MISCONFIGURED
    try:
        captured = linux.capture(uplink.interfaceName)
        shape.check(captured, uplink.ipFamilies)
        conf = render(config, [Driven(captured, uplink, driver_named("af_packet"))]).conf
    except (linux.NoLink, shape.CannotCapture, BadTemplate) as error:
        log.error("cannot plan", why=error)
        return 1
    wanted = list(intents(captured, uplink, config, tap_up=True).values())
    plan = msgspec.json.encode({"captured": captured, "startup_conf": conf, "intents": wanted})
    sys.stdout.write(msgspec.json.format(plan).decode() + "\n")
    return 0


def _restore(log: Log) -> int:
    """Undoes by hand what a dead guard has left; needs neither the bus nor VPP."""
    config = load(log)
    journal = undo.UndoJournal(config.state / "guard")
    records = journal.read()
    captured, left = undo.captured_in(records), undo.vpp_in(records)
    if captured is None:
        log.info("nothing to restore", journal=journal.path)
        return 0
    if left and vpp.started(left.pid) == left.started:
        log.error("VPP still runs", pid=left.pid, hint="end it first: its tap holds the link's name")
        return 1
    try:
        give_back(captured, records)
    except (linux.NoLink, OSError) as error:
        log.error("cannot restore", uplink=captured.name, why=error)
        return 1
    journal.clear()
    log.info("restored", uplink=captured.name)
    return 0


def main() -> NoReturn:
    """The command line."""
    commands = parser("vppd_guard", DESCRIPTION)
    commands.add_argument(
        "command",
        nargs="?",
        default="run",
        choices=("run", "plan", "restore"),
        help="run (default); plan: print as JSON what would be done; restore: undo what a dead guard left",
    )
    command = commands.parse_args().command
    log = Log("guard")
    if command == "plan":
        sys.exit(_plan(log))
    if command == "restore":
        sys.exit(_restore(log))
    run_process("guard", "vppd_guard", DESCRIPTION, _main, argv=[])


if __name__ == "__main__":
    main()
