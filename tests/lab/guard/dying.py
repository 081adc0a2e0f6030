"""A guard that dies, or kills VPP, or both, at one point of its life: `python dying.py`, told by its environment.

DIE_LOG gets a line for each point that is passed; at the one that DIE_AT names, DIE_WHO (guard | vpp | both) is killed
with SIGKILL, or the guard is told to stop (stop), once. With DIE_AFTER only what follows that point counts. The points
are the entries into each state, around each change of Linux (its undo record is on disk, it is made), and on the way
from a guard to the one that it becomes.
"""

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

from vppd_guard import __main__ as program
from vppd_guard import guard as loop
from vppd_guard.host import handover
from vppd_guard.states import context
from vppd_guard.undo.journal import UndoJournal
from vppd_guard.vpp import process

LOG, AT, VICTIM = Path(os.environ["DIE_LOG"]), os.environ.get("DIE_AT", ""), os.environ.get("DIE_WHO", "guard")
AFTER = os.environ.get("DIE_AFTER", "")
CONF = Path(os.environ["VPPD_RUN"]) / "vpp" / "startup.conf"


def passed(point: str) -> None:
    """Notes a point, and kills if it is the one."""
    with LOG.open("a") as log:
        log.write(point + "\n")
    if point != AT or (LOG.parent / "died").exists() or (AFTER and AFTER not in LOG.read_text().splitlines()):
        return
    (LOG.parent / "died").touch()
    if VICTIM in ("vpp", "both"):
        for pid in _vpps():
            os.kill(pid, signal.SIGKILL)
    if VICTIM in ("guard", "both"):
        os.kill(os.getpid(), signal.SIGKILL)
    if VICTIM == "stop":
        os.kill(os.getpid(), signal.SIGTERM)


def _vpps() -> list[int]:
    mark = str(CONF).encode()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and mark in _command(entry)]


def _command(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:  # any process of a busy machine may have ended meanwhile
        return b""


_enter, _note, _make, _start = (
    loop.UplinkGuard._enter,
    UndoJournal.append,
    context.GuardContext.run_step,
    process.start_vpp_process,
)
_hold, _release, _become = handover.hold_guard_signals, handover.release_guard_signals, handover.become_next_guard


def enter(self: Any, life: Any, event: Any) -> None:
    _enter(self, life, event)
    passed(f"in {life.state.value}")


def note(self: Any, record: Any) -> None:
    _note(self, record)
    passed(f"noted {type(record).__name__}")


async def make(self: Any, step: Any) -> None:
    def do() -> None:
        step.do()
        passed(f"did {step.title.split(' the namespace')[0]}")

    await _make(self, dataclasses.replace(step, do=do))


async def hold(*arguments: Any) -> None:
    passed("lets go")
    await _hold(*arguments)
    passed("holds signals")


def release(*arguments: Any) -> None:
    passed("is about to handle signals")
    _release(*arguments)


def become() -> None:
    passed("is about to become the next guard")
    _become()


def start(*arguments: Any) -> Any:
    process = _start(*arguments)
    passed("started VPP" if arguments[0].conf == CONF else "started VPP's trial")
    return process


loop.UplinkGuard._enter = enter
UndoJournal.append = note
context.GuardContext.run_step = make
process.start_vpp_process = start
handover.hold_guard_signals, handover.release_guard_signals, handover.become_next_guard = hold, release, become

if __name__ == "__main__":
    passed("is loaded")
    program.main()
