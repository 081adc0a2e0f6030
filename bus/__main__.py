"""The broker process: `python -m bus`."""

import argparse
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable
from types import FrameType

from bus.broker import Broker
from bus.entrance import EntranceCrowded, EntranceWatch
from bus.fanout import BrokerOutgoingFrame
from bus.lock import LockFileHeld
from bus.log import ProcessLog
from bus.sockets import BrokerSockets, BrokerUnreachable, UnsafeBusDirectory
from bus.tap_door_process import CannotOpenTapDoor, TapDoorProcess
from schemas.config import NodeConfigError, describe_env_variables, node_config_from_env

_TICK_S = 0.1
_LOG_EVERY_S = 60.0
_QUIET_S = 0.05  # tools are served when nothing has come for so long,
_TOOLS_WAIT_S_MAX = 1.0  # and, if it is never quiet, when they have waited for so long


class _StopSignal:
    """Set by SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request)

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True


def _deliver(sockets: BrokerSockets, broker: Broker, frames: Iterable[BrokerOutgoingFrame]) -> None:
    """Sends all in order, and after them what follows from connections that have ended."""
    pending = deque(frames)
    while pending:
        to, data = pending.popleft()
        try:
            if not sockets.send(to, data):
                broker.counters["undeliverable"] += 1
        except BrokerUnreachable:
            pending.extend(broker.connection_lost(to))


class _ToolTurns:
    """When it is the turn of taps and tools: a burst ends first, and they do not wait for ever."""

    def __init__(self, sockets: BrokerSockets, broker: Broker) -> None:
        self._sockets, self._broker = sockets, broker
        self._served_at = time.monotonic()  # when nothing was left for them

    def serve(self) -> None:
        """Sends what waits for tools until a message comes."""
        busy = self._broker.fanout.backlogged or self._sockets.has_input(_QUIET_S)
        if busy and time.monotonic() - self._served_at < _TOOLS_WAIT_S_MAX:
            return
        while frames := self._broker.serve_tools():
            _deliver(self._sockets, self._broker, frames)
            if self._sockets.has_input():
                return
        self._served_at = time.monotonic()


def _serve(
    sockets: BrokerSockets, door: TapDoorProcess | None, broker: Broker, log: ProcessLog, stop: _StopSignal
) -> None:
    logged_at, malformed, refusal = time.monotonic(), "", ""
    tool_turns, watch = _ToolTurns(sockets, broker), EntranceWatch(sockets, log)
    while not stop.requested:
        for identity, data in sockets.receive(_TICK_S):
            _deliver(sockets, broker, broker.receive(identity, data, time.monotonic()))
        _deliver(sockets, broker, broker.tick(time.monotonic()))
        tool_turns.serve()
        watch.look()
        if door is not None:
            door.look()
        if broker.last_malformed != malformed:
            malformed = broker.last_malformed
            log.warning("malformed", why=malformed, total=broker.counters["malformed_messages"])
        if broker.clients.last_refusal != refusal:
            refusal = broker.clients.last_refusal
            log.warning("refused", why=refusal)
        if time.monotonic() - logged_at >= _LOG_EVERY_S:
            logged_at = time.monotonic()
            log.info("carried", streams=len(broker.store.streams), **broker.counters)


def main() -> int:
    """Runs the broker until SIGTERM. Exit code 2: the configuration or the directory is wrong."""
    argparse.ArgumentParser(
        prog="python -m bus",
        description="The broker: keeps every stream's last rows, fans changes out, routes requests.",
        epilog="Environment variables:\n" + describe_env_variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    log = ProcessLog("bus")
    try:
        config = node_config_from_env(os.environ, required=())
        sockets = BrokerSockets(config.bus)
        door = TapDoorProcess(log) if config.tap_address else None
    except (NodeConfigError, UnsafeBusDirectory, LockFileHeld, OSError, CannotOpenTapDoor) as error:
        log.error("cannot start", why=error)
        return 2
    log.level = config.log_level
    stop = _StopSignal()
    broker = Broker(session=time.monotonic_ns(), pid=os.getpid())
    log.info("started", directory=config.bus, session=broker.session, taps=config.tap_address or "-")
    try:
        _serve(sockets, door, broker, log, stop)
    except (LockFileHeld, EntranceCrowded) as error:
        log.error("ends: another bus is here" if isinstance(error, LockFileHeld) else "ends", why=error)
        return 1
    finally:
        if door is not None:
            door.close()
        sockets.close()
    log.info("stopped", **broker.counters)
    return 0


if __name__ == "__main__":
    sys.exit(main())
