"""Edge: the guard's process becomes the next guard, by execve(2).

VPP stays its child, and supervisord sees one process that goes on. The signals that a guard handles are blocked from
the moment in which it lets go until the next guard handles them; the mask and what is pending survive execve. So an
order to stop that comes in between is not lost.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

# No other program sends it. A guard that does not know it dies by it, and the next one adopts VPP all the same.
GUARD_HANDOVER_SIGNAL = signal.SIGRTMIN
_ON_THE_WAY_S = 0.05  # for a signal that came just before, and that the loop has not seen yet


async def hold_guard_signals(signals: Iterable[int], stop: asyncio.Event) -> None:
    """Blocks the signals for this process and the next guard. If `stop` is set, the next guard is told to stop.

    The main thread alone holds them back: others must have ended, or take no signals.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with suppress(TimeoutError):
        async with asyncio.timeout(_ON_THE_WAY_S):
            await stop.wait()
    if stop.is_set():
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


def release_guard_signals(signals: Iterable[int]) -> None:
    """Lets the signals come that an earlier guard has held."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def become_next_guard() -> NoReturn:
    """Runs this process's command line in its place: the program as it lies on disk now. Raises OSError."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
